"""The table of costs reads well as text and as markup, and exactly as CSV and as a DataFrame."""

from __future__ import annotations

import csv
import io
import re
import sys
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter

from evolink_nb.errors import ConfigurationError
from evolink_nb.formatting import format_amount
from evolink_nb.metering.cost import Confidence, Cost
from evolink_nb.metering.ledger import Entry, Kind, MemoryLedger
from evolink_nb.metering.report import FIELDS, MAX_NAME, NOT_KNOWN, Costs
from evolink_nb.metering.report_table import aligned, percent

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MARKUP = '<img src=x onerror="window.attacked = true"></td></table><script>window.attacked = 1</script>'
OVERRIDE = "\N{RIGHT-TO-LEFT OVERRIDE}"


def entry(
    name: str,
    credits: str | None,
    *,
    kind: Kind = "cell",
    confidence: Confidence = "clean",
    others: str | None = None,
    seconds: float = 2.4,
    items: int = 0,
    within: bool = False,
    simulated: bool = False,
) -> Entry:
    amount = None if credits is None else Decimal(credits)
    cost = Cost(
        token=amount,
        others=None if others is None else Decimal(others),
        seconds=seconds,
        confidence="unknown" if amount is None else confidence,
        simulated=simulated,
    )
    return Entry(name, name, kind, NOON, cost, items=items, within=within)


def a_morning() -> Costs:
    """A bit of everything."""
    return Costs(
        [
            entry("summarize(texts)", "1.2", seconds=12),
            entry("embed(documents)", "1000.5", confidence="shared", others="12.25", seconds=92),
            entry("before cell 3", "38.2", kind="idle", others="0", seconds=600),
            entry("prompts", "40.8", kind="loop", items=40, confidence="unsettled", seconds=61),
            entry("judge", "0.36", kind="meter", within=True, seconds=0.2),
            entry("summarize(texts)", None, seconds=13),
            entry("summarize(texts)", "1.36", seconds=14),
            entry("give_back()", "-2.5", confidence="inconsistent"),
            entry("offline()", None),
        ]
    )


def text(costs: Costs) -> str:
    return costs._repr_mimebundle_()["text/plain"]


def html(costs: Costs) -> str:
    return costs._repr_mimebundle_()["text/html"]


class Table(HTMLParser):
    """A parsed table: the words of each cell, line by line; wrongly nested markup is refused."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.lines: list[list[str]] = []
        self.tags: set[str] = set()
        self._open: list[str] = []
        self.feed(markup)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.lines.append([])
        elif tag in {"th", "td"}:
            self.lines[-1].append("")
            assert {"scope", "colspan"} & {name for name, _ in attrs} or tag == "td"
        if tag != "br":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in {"th", "td"}:
            self.lines[-1][-1] += data


def read_csv(costs: Costs) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(costs.to_csv())))


names = st.text(max_size=80) | st.sampled_from(
    [MARKUP, "=1+1", "a\nb\t c", f"x{OVERRIDE}y", "\x1b[31mred", "\ud800", "", "  ", '"quoted", name', "'"]
)
all_costs = st.builds(
    Costs,
    st.lists(
        st.builds(
            entry,
            names,
            st.none() | st.decimals(-(10**10), 10**10, places=4).map(str),
            kind=st.sampled_from(["cell", "meter", "loop", "idle"]),
            within=st.booleans(),
        ),
        min_size=1,
        max_size=8,
    ),
)

# -- as text -------------------------------------------------------------------------------------------


UNFOLDED = """\
What work has cost, in EvoLink credits
  what                   runs      total  share           mean  last  change  mean time  confidence
  embed(documents)          1   1,000.5    92 % ███████▍                          1 min  shared
  prompts · 40 items        1      40.8     4 % ▎                                 1 min  unsettled
  while no cell ran         1      38.2     4 % ▎                                10 min
  summarize(texts)          3       2.56   <1 %           1.28  1.36   +0.16       13 s  1 of 3 not known
  judge                     1       0.36   <1 %                                    <1 s
  give_back()               1   2.5 back                                            2 s  inconsistent, 2.5 given back
  offline()                 1  not known                                            2 s  unknown
  Total                         1,079.56
  others on the account            12.25
  Of the total: 1,000.5 shared, 40.8 not settled, 2.5 given back.
  Excludes 2 runs of unknown cost.
  Nested work is counted only once in the total.
  Given back: calls of earlier work settled for less, or were refunded."""  # noqa: E501 - a wide terminal's
FOLDED = """\
What work has cost, in EvoLink credits
    runs      total  share           mean  last  change  mean time
  embed(documents) · shared
       1   1,000.5    92 % ███████▍                          1 min
  prompts · 40 items · unsettled
       1      40.8     4 % ▎                                 1 min
  while no cell ran
       1      38.2     4 % ▎                                10 min
  summarize(texts) · 1 of 3 not known
       3       2.56   <1 %           1.28  1.36   +0.16       13 s
  judge
       1       0.36   <1 %                                    <1 s
  give_back() · inconsistent, 2.5 given back
       1   2.5 back                                            2 s
  offline() · unknown
       1  not known                                            2 s
  Total
           1,079.56
  others on the account
              12.25"""


class Terminal(io.StringIO):
    """Standard output, as a terminal."""

    def isatty(self) -> bool:
        return True


def text_at(width: int, costs: Costs, monkeypatch: pytest.MonkeyPatch) -> str:
    """The text in a terminal of this width."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", str(width))
    shown = text(costs)
    monkeypatch.undo()
    return shown


def test_the_table_reads_well_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert text_at(120, a_morning(), monkeypatch) == UNFOLDED


def test_table_folds_where_it_is_too_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is as wide as the narrowest terminal that is common."""
    head, notes = text(a_morning()).splitlines()[:20], text(a_morning()).splitlines()[20:]
    assert head == FOLDED.splitlines()
    assert notes == UNFOLDED.splitlines()[11:]
    assert text_at(80, a_morning(), monkeypatch) == text(a_morning())


@pytest.mark.parametrize("width", [57, 65, 66, 80, 107, 108, 116, 117])
def test_no_line_is_wider_than_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does without bars first."""
    table = text_at(width, a_morning(), monkeypatch).partition("Of the total")[0]
    assert max(map(len, table.splitlines())) <= width
    assert ("█" in table) == (width in {66, 80, 107, 117})


def test_column_that_says_nothing_is_hidden() -> None:
    one = Costs([entry("a", "1.5")])
    assert text(one).splitlines()[1].split() == ["what", "credits", "time"]
    two = Costs([entry("a", "1.5"), entry("b", "1")])
    assert text(two).splitlines()[1].split() == ["what", "credits", "share", "time"]
    again = Costs([entry("a", "1.5"), entry("a", "1")])
    headings = ["what", "runs", "total", "mean", "last", "change", "mean time"]
    assert re.split("  +", text(again).splitlines()[1].strip()) == headings


def test_decimal_points_are_below_each_other() -> None:
    costs = Costs([entry("a", "1095.3996"), entry("b", "7"), entry("c", "0.5"), entry("d", "-2.25")])
    assert aligned(["1,095.3996", "7", "-0.5", "2.25 back", ""]) == [
        "1,095.3996",
        "7     ",
        "-0.5   ",
        "2.25 back",
        "",
    ]
    points = {line.index(".") for line in text(costs).splitlines()[2:5] if "." in line}
    assert len(points) == 1
    cells = [line[1] for line in Table(html(costs)).lines[1:4]]
    # Spaces as wide as a figure and as a point.
    assert cells == ["1,095.3996", "7\u2008\u2007\u2007\u2007\u2007", "0.5\u2007\u2007\u2007"]


@given(st.lists(st.decimals(-(10**6), 10**6, places=4).map(format_amount), min_size=1))
def test_alignment_changes_no_number(cells: list[str]) -> None:
    padded = aligned(cells)
    assert [cell.rstrip() for cell in padded] == cells
    ends = {len(cell) - (cell.find(".") if "." in cell else len(cell.rstrip())) for cell in padded}
    assert len(ends) == 1


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (None, ""),
        (0.0, "0 %"),
        (0.0001, "<1 %"),
        (0.0099, "<1 %"),
        (0.01, "1 %"),
        (0.425, "42 %"),
        (0.999, "99 %"),
        (1.0, "100 %"),
    ],
)
def test_share_is_a_whole_percentage(share: float | None, shown: str) -> None:
    assert percent(share) == shown


@given(all_costs)
def test_no_share_is_more_than_everything(costs: Costs) -> None:
    shares = [costs._share(row) for row in costs.rows]
    assert all(share is None or 0 < share <= 1 for share in shares)


def test_total_says_how_much_of_it_is_sure() -> None:
    """The total of a bill of 22.71, part of which may still change, and a cell in which more came back."""
    costs = Costs(
        [
            entry("a", "21.96"),
            entry("a", "4.75", confidence="unsettled"),
            entry("b", "1.2", confidence="shared"),
            entry("c", "-5.2", confidence="inconsistent"),
        ]
    )
    assert costs.doubts == {
        "shared": Decimal("1.2"),
        "not settled": Decimal("4.75"),
        "given back": Decimal("5.2"),
    }
    note = "Of the total: 1.2 shared, 4.75 not settled, 5.2 given back."
    assert f"  {note}" in text(costs).splitlines()
    assert note in html(costs)
    assert "22.71" in next(line[2] for line in Table(html(costs)).lines if line[0] == "Total")
    shown = html(costs)
    assert "unsettled, 4.75 not settled" in shown
    assert "5.2 back" in shown
    assert "-5.2" not in text(costs) + shown
    lines = read_csv(costs)
    assert [line["unsettled_credits"] for line in lines] == ["4.75", "0", "0"]
    assert [line["returned_credits"] for line in lines] == ["0", "0", "5.2"]


def test_sure_total_needs_no_words() -> None:
    costs = Costs([entry("a", "1"), entry("a", "0", confidence="unsettled"), entry("b", None)])
    assert costs.doubts == {}
    assert "Of the total" not in text(costs)


@given(
    st.lists(st.sampled_from(["clean", "shared", "unsettled", "inconsistent"]), max_size=8), st.integers(1, 3)
)
def test_merged_runs_stay_as_unsure(confidences: list[Confidence], most: int) -> None:
    runs = [entry("a", str(number), confidence=word) for number, word in enumerate(confidences, -2)]
    ledger = MemoryLedger(most)
    for run in runs:
        ledger.record(run)
    assert Costs(ledger.entries()).doubts == Costs(runs).doubts


def test_print_shows_the_same_text() -> None:
    assert str(a_morning()) == repr(a_morning()) == text(a_morning())


def test_ipython_takes_both_renderings() -> None:
    bundle, _ = DisplayFormatter().format(a_morning())
    assert bundle == {"text/plain": text(a_morning()), "text/html": html(a_morning())}


def test_an_empty_ledger_says_how_to_begin() -> None:
    nothing = Costs(MemoryLedger().entries())
    for shown in (text(nothing), html(nothing)):
        assert "Nothing has been measured yet." in shown
        assert "%%evolink_credits" in shown
        assert "%evolink_track on" in shown
    assert "<table" not in html(nothing)
    assert (nothing.rows, nothing.total, nothing.others) == ([], None, None)


def test_an_unknown_cost_is_shown_as_no_zero() -> None:
    """A cost that is not known is never shown as a zero."""
    costs = Costs([entry("offline()", None)])
    assert costs.total is None
    for shown in (text(costs), html(costs)):
        assert "0" not in shown.partition("offline()")[2]
    (line,) = [line for line in text(costs).splitlines() if "offline()" in line]
    assert line.split() == ["offline()", "not", "known", "2", "s", "unknown"]
    assert text(costs).splitlines()[-1].split() == ["Total", "not", "known"]


def test_the_sum_says_what_it_leaves_out() -> None:
    assert "Excludes 1 run of unknown cost." in text(Costs([entry("a", "1"), entry("b", None)]))
    three = [entry("a", "1"), entry("b", None), entry("a", None), entry("a", None)]
    assert "Excludes 3 runs of unknown cost." in text(Costs(three))
    assert "2 of 3 not known" in text(Costs(three))
    assert "Without" not in text(Costs([entry("a", "1")]))


def test_what_ran_within_is_counted_once() -> None:
    """What ran within something else is counted once and said so."""
    costs = Costs([entry("inner", "2", kind="meter", within=True), entry("outer", "5")])
    assert costs.total == 5
    assert "counted only once" in text(costs)
    assert "counted only once" in html(costs)
    assert "counted only once" not in text(Costs([entry("outer", "5")]))


def test_demo_data_is_marked_and_in_no_sum() -> None:
    """Demo data is marked and in no sum with real costs."""
    demo = entry("a", "100", simulated=True)
    mixed = Costs([demo, entry("a", "3")])
    for shown in (text(mixed), html(mixed)):
        assert "a · demo data" in shown
        assert "Demo data is not included in any sum." in shown
    assert mixed.total == 3
    assert [line["simulated"] for line in read_csv(mixed)] == ["True", "False"]
    for shown in (text(Costs([demo])), html(Costs([demo]))):
        assert "What work has cost, in EvoLink credits (demo data)" in shown
        assert "a · demo data" not in shown


def test_only_doubt_has_a_word() -> None:
    """Only what is not clean has a word for it."""
    costs = Costs([entry("fine", "2"), entry("busy", "1", confidence="shared")])
    fine, busy = text(costs).splitlines()[2:4]
    assert fine.endswith("2 s")
    assert busy.endswith("shared")
    assert "clean" not in text(costs) + html(costs)


def test_others_are_named_where_known() -> None:
    assert a_morning().others == Decimal("12.25")
    assert "others on the account" in text(a_morning())
    unknown = Costs([entry("a", "1")])
    assert unknown.others is None
    assert "others" not in text(unknown) + html(unknown)
    nothing = Costs([entry("a", "1", others="0")])
    assert nothing.others == 0
    assert "others" not in text(nothing) + html(nothing)


def test_wide_names_keep_the_columns() -> None:
    """Long and wide names keep the columns."""
    costs = Costs([entry("总结(文本)", "3"), entry("x" * 500, "2"), entry("e\u0301te\u0301", "1")])
    wide, long, accented = text(costs).splitlines()[2:5]
    # Four of the characters take two columns each, the two accents none.
    assert wide.index("3 ") + 4 == long.index("2 ") == accented.index("1 ") - 2
    assert "x" * (MAX_NAME - 1) + "…" in long
    assert "x" * MAX_NAME not in long
    assert read_csv(costs)[1]["name"] == "x" * 500


@given(all_costs)
def test_any_name_makes_one_plain_line(costs: Costs) -> None:
    """Whatever a name holds a row is one line of plain characters."""
    shown = text(costs)
    lines = shown.split("\n")
    assert shown.splitlines() == lines
    assert "\N{MINUS SIGN}" not in shown
    assert all(line.isprintable() for line in lines)
    sums = 1 if costs.others is None else 2
    unfolded = len(costs.rows) + sums
    assert len(lines) - 2 - len(costs._notes()) in {unfolded, 2 * unfolded}


# -- as markup -----------------------------------------------------------------------------------------


@given(all_costs)
def test_no_name_is_markup(costs: Costs) -> None:
    """Whatever a name holds it is no markup."""
    markup = html(costs)
    markup.encode()
    table = Table(markup)
    assert table.tags <= {"style", "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"}
    assert len(table.lines) == 1 + len(costs.rows) + 1 + bool(costs._notes())
    for row, line in zip(costs.rows, table.lines[1:], strict=False):
        assert len(line) == len(table.lines[0])
        assert len({each.runs for each in costs.rows} | {1}) == 1 or line[1] == str(row.runs)
    assert OVERRIDE not in unescape(markup)


def test_without_styles_it_is_a_small_table() -> None:
    bare = html(a_morning()).partition("</style>")[2]
    table = Table(bare)
    assert table.lines[0] == [
        *("what", "runs", "total", "share", "mean", "last", "change", "mean time", "confidence")
    ]
    first = ["embed(documents)", "1", "1,000.5\u2007", "92 %", "", "", "", "1 min", "shared"]
    assert table.lines[1] == first
    assert "<caption>What work has cost, in EvoLink credits</caption>" in bare
    assert re.sub(' style="--share: [01][.][0-9]{3}"', "", bare).count("style=") == 0
    assert len(bare) < 3_000


# -- as CSV --------------------------------------------------------------------------------------------


def test_the_csv_has_exact_amounts() -> None:
    """The CSV has every amount to its last digit."""
    costs = Costs([entry("a", "1095.3996"), entry("a", "0.00000000000000002775"), entry("b", None)])
    first, second = read_csv(costs)
    assert list(first) == list(FIELDS)
    assert first["name"] == "a"
    assert first["kind"] == "cell"
    assert (first["runs"], first["unknown_runs"]) == ("2", "0")
    assert first["total_credits"] == "1095.39960000000000002775"
    assert first["last_credits"] == "0.00000000000000002775"
    assert (first["mean_seconds"], first["confidence"]) == ("2.4", "clean")
    assert (second["total_credits"], second["mean_credits"], second["unknown_runs"]) == ("", "", "1")


@pytest.mark.parametrize(
    "name",
    [
        "=1+1",
        '=HYPERLINK("http://x","y")',
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r\n=1",
        f"{OVERRIDE}=1",
        "\N{FULLWIDTH EQUALS SIGN}1",
    ],
)
def test_no_name_is_a_formula(name: str) -> None:
    """No name is a formula to a spreadsheet."""
    (row,) = read_csv(Costs([entry(name, "-1")]))
    assert row["name"] == f"'{name.strip().removeprefix(OVERRIDE)}"
    # An amount is a number and stays one.
    assert row["total_credits"] == "-1"


def test_an_empty_csv_has_its_header() -> None:
    """An empty ledger is a CSV with its header alone."""
    assert Costs([]).to_csv() == ",".join(FIELDS) + "\n"


@given(all_costs)
def test_the_csv_can_be_read_back(costs: Costs) -> None:
    read = read_csv(costs)
    costs.to_csv().encode()
    assert len(read) == len(costs.rows) == costs.to_csv().count("\n") - 1
    for line, row in zip(read, costs.rows, strict=True):
        assert line["name"][0] not in "=+-@\t\r\n"
        for field, amount in (("total_credits", row.total), ("change_credits", row.change)):
            assert line[field] == "" if amount is None else Decimal(line[field]) == amount


# -- as a DataFrame ------------------------------------------------------------------------------------


def test_a_data_frame_has_numbers() -> None:
    """A data frame has numbers to compute with."""
    table = a_morning().to_pandas()
    assert tuple(table.columns) == FIELDS
    assert list(table["name"][:2]) == ["embed(documents)", "prompts"]
    for column in ("total_credits", "mean_credits", "last_credits", "change_credits", "mean_seconds"):
        assert table[column].dtype == "float64"
    for column in ("runs", "unknown_runs", "items"):
        assert table[column].dtype == "int64"
    assert table["total_credits"].sum() == pytest.approx(1000.5 + 40.8 + 38.2 + 2.56 + 0.36 - 2.5)
    assert table.set_index("name").loc["offline()", ["total_credits", "mean_credits"]].isna().all()


def test_an_empty_data_frame_has_types() -> None:
    """An empty ledger is an empty data frame of the same types."""
    assert Costs([]).to_pandas().dtypes.drop(["name", "kind", "confidence"]).to_dict() == (
        a_morning().to_pandas().dtypes.drop(["name", "kind", "confidence"]).to_dict()
    )


def test_without_pandas_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigurationError, match="pip install pandas"):
        a_morning().to_pandas()


def test_what_is_shown_does_not_need_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert NOT_KNOWN in text(a_morning())
    assert a_morning().to_csv()
