"""The card that does not move: right as text, as markup, and as the bare table left without styles."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.card.alarms import Limits
from evolink_nb.card.render import STATIC, CardView, Trend, render_live_html, render_text, usd_estimate
from evolink_nb.credits import Credits, TokenCredits, UserCredits
from evolink_nb.formatting import format_amount, format_time

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
VOID = {"br", "path", "meta", "link", "input", "img", "hr"}


def reading(
    user: str = "1095.3996",
    token: str = "99416.4429",  # noqa: S107 - a token's credits, not a password
    *,
    unlimited: bool = False,
    simulated: bool = False,
) -> Credits:
    """The documented example, but for what is given."""
    return Credits(
        token=TokenCredits(Decimal(token), Decimal("583.5571"), unlimited),
        user=UserCredits(Decimal(user), Decimal("135.9048")),
        read_at=NOW,
        simulated=simulated,
    )


class Element:
    """One element of a parsed page."""

    def __init__(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.text = ""


class Page(HTMLParser):
    """A parsed page: its elements, each with the text within; wrongly nested markup is refused."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(markup)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        element = Element(tag, dict(attrs))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def find(self, **attributes: str) -> Element:
        """The one element with these attributes; ``data_field`` stands for ``data-field``."""
        wanted = {name.strip("_").replace("_", "-"): value for name, value in attributes.items()}
        found = [element for element in self.elements if wanted.items() <= element.attributes.items()]
        assert len(found) == 1, f"{len(found)} elements with {wanted}"
        return found[0]

    def field(self, name: str) -> tuple[str, str | None]:
        """A field's text, and the unformatted number beside it."""
        element = self.find(data_field=name)
        return " ".join(element.text.split()), element.attributes.get("data-value")

    def row(self, name: str) -> str:
        """The words of a row of the table."""
        rows = [" ".join(element.text.split()) for element in self.elements if element.tag == "tr"]
        return next(row for row in rows if row.startswith(name))


def page(credits: Credits | None, **state: Any) -> Page:
    return Page(CardView(credits, **state).html())


def test_the_card_shows_the_documented_example() -> None:
    card = page(reading())
    assert card.field("user-remaining") == ("1,095.3996", "1095.3996")
    assert card.field("user-used") == ("135.9048", "135.9048")
    assert card.field("token-remaining") == ("99,416.4429", "99416.4429")
    assert card.field("token-used") == ("583.5571", "583.5571")
    assert card.field("user-total")[0] == "of 1,231.3044 ·"
    assert card.field("message") == ("", None)
    assert card.field("status") == ("not live", None)
    assert card.row("Account").startswith("Account spendable 1,095.3996 credits left")
    assert "spendable" not in card.row("API key")


def test_the_root_tells_its_state() -> None:
    root = page(reading(simulated=True), status="stale", level="low").find(data_status="stale")
    assert (root.tag, root.attributes["class"], root.attributes["data-level"]) == (
        "div",
        "evolink-card",
        "low",
    )
    assert "data-demo" in root.attributes
    assert "demo data" in root.text
    root = page(reading()).find(data_status="paused")
    assert "data-demo" not in root.attributes
    assert "demo data" not in root.text


@pytest.mark.parametrize(
    ("gauge", "words", "most", "now"),
    [
        ("user", "1,095.3996 of 1,231.3044 credits left", "1231.3044", "1095.3996"),
        ("token", "99,416.4429 of 100,000 credits left", "100000", "99416.4429"),
    ],
)
def test_the_gauges_can_be_heard(gauge: str, words: str, most: str, now: str) -> None:
    meter = page(reading()).find(data_gauge=gauge)
    assert meter.attributes["role"] == "meter"
    assert meter.attributes["aria-label"]
    assert meter.attributes["aria-valuetext"] == words
    numbers = [meter.attributes[f"aria-value{name}"] for name in ("min", "now", "max")]
    assert numbers == ["0", now, most]


def test_what_binds_is_marked() -> None:
    card = page(reading(token="3"))
    assert card.row("API key").startswith("API key spendable 3 credits left")
    assert "spendable" not in card.row("Account")
    lines = render_text(reading(token="3")).splitlines()
    assert ["<- spendable" in line for line in lines] == [False, False, True]


def test_an_unlimited_key_has_no_number_of_its_own() -> None:
    card = page(reading(token="-922337203685477.5807", unlimited=True))
    assert card.field("token-remaining") == ("∞", None)
    assert card.field("token-used") == ("583.5571", "583.5571")
    assert card.row("API key").startswith("API key ∞ no limit of its own 583.5571 used")
    assert card.find(data_gauge="token").attributes["aria-valuetext"] == "no limit of its own"
    assert card.find(data_gauge="token").attributes["aria-valuenow"] == "0"
    assert "9223" not in CardView(reading(token="-922337203685477.5807", unlimited=True)).html()
    assert "∞ no limit of its own" in render_text(reading(unlimited=True))


def test_an_overdrawn_account_shows_what_it_owes() -> None:
    bundle = CardView(reading("-12.5")).mimebundle()
    card = Page(bundle["text/html"])
    assert card.find(data_level="overdrawn").tag == "div"
    assert card.field("user-remaining") == ("\N{MINUS SIGN}12.5", "-12.5")
    assert "overdrawn" in card.row("Account")
    meter = card.find(data_gauge="user").attributes
    assert (meter["aria-valuenow"], meter["aria-valuetext"]) == ("0", "minus 12.5 of 123.4048 overdrawn")
    assert "-12.5 overdrawn" in bundle["text/plain"]
    assert page(reading("0")).find(data_level="critical").tag == "div"
    assert page(reading("-1"), level="low").find(data_level="low").tag == "div"


def test_before_the_first_reading_there_is_no_number() -> None:
    for markup in (CardView(None, status="loading").html(), render_live_html()):
        card = Page(markup)
        fields = ("user-remaining", "user-used", "token-remaining", "token-used")
        assert {card.field(name) for name in fields} == {("", None)}
        assert card.field("updated")[0] == "no reading yet"
        assert card.find(data_status="loading").tag == "div"
    assert CardView(None, status="loading").text() == "EvoLink credits · no reading yet\n  reading…"


def test_an_old_reading_stays_with_its_age_and_the_reason() -> None:
    bundle = CardView(
        reading(),
        status="offline",
        message="No answer.\nTry again.",
        now=NOW + timedelta(minutes=2, seconds=30),
    ).mimebundle()
    card = Page(bundle["text/html"])
    assert card.field("user-remaining")[0] == "1,095.3996"
    assert card.field("updated")[0].endswith("(2 min ago)")
    assert card.field("message")[0] == "No answer. Try again."
    assert card.field("status")[0] == "offline"
    first, *rest = bundle["text/plain"].splitlines()
    assert first.endswith("(2 min ago)")
    assert rest[-3:] == ["  offline", "  No answer.", "  Try again."]


STATUSES = "loading live refreshing stale paused rate-limited unauthorized offline busy gone error"


@pytest.mark.parametrize("status", STATUSES.split())
def test_every_status_has_words(status: str) -> None:
    card = page(reading(), status=status)
    assert card.find(data_status=status).tag == "div"
    assert card.field("status")[0]


@pytest.mark.parametrize(
    "hostile",
    ["<script>alert(1)</script>", '"><img src=x onerror=y>', "&lt;b&gt;", "$user_remaining", "${x}$$", "'"],
)
def test_whatever_a_server_says_is_text(hostile: str) -> None:
    card = page(reading(), message=hostile, status=hostile, notice=hostile, outlook=hostile)
    assert {card.field(name)[0] for name in ("message", "status", "notice", "outlook")} == {hostile}
    assert card.find(data_level="ok").attributes["data-status"] == hostile
    assert {element.tag for element in card.elements} == {element.tag for element in page(reading()).elements}
    assert f"  {hostile}" in CardView(reading(), message=hostile).text()


def test_a_live_card_can_be_refreshed_and_a_still_one_has_no_dead_buttons() -> None:
    button = Page(render_live_html()).find(data_action="refresh")
    assert (button.tag, button.attributes["type"]) == ("button", "button")
    assert button.attributes["aria-label"] == "Refresh"
    assert "button" not in {element.tag for element in page(reading()).elements}


def test_nothing_is_fetched_from_elsewhere() -> None:
    markup = CardView(reading()).html() + render_live_html()
    for telltale in ("http:", "https:", "url(", "@import", "<script", "src=", "//"):
        assert telltale not in markup.replace("http://www.w3.org/2000/svg", "")


def test_what_every_card_costs_is_small() -> None:
    assert sum((STATIC / f"card.{kind}").stat().st_size for kind in ("html", "css", "js")) <= 24_000


def test_the_script_reaches_nowhere_and_writes_no_markup_but_the_template() -> None:
    script = (STATIC / "card.js").read_text(encoding="utf-8")
    assert re.findall(r".*(?:inner|outer|Adjacent|set)HTML.*", script) == [
        '    element.innerHTML = model.get("_template");'
    ]
    for telltale in (
        "http:",
        "https:",
        "ws:",
        "wss:",
        "fetch(",
        "XMLHttpRequest",
        "sendBeacon",
        "import(",
        "import ",
    ):
        assert telltale not in script
    for telltale in (
        "eval(",
        "Function(",
        "document.write",
        "createContextualFragment",
        "DOMParser",
        "srcdoc",
    ):
        assert telltale not in script


def test_without_styles_it_is_a_small_correct_table() -> None:
    """As GitHub shows it: nothing is left but the words, and the table they stand in."""
    bare = Page(CardView(reading(simulated=True), message="Low.").html().split("</style>")[1])
    assert cells(bare) == [
        ["Account spendable", "1,095.3996 credits left", "of 1,231.3044 · 135.9048 used"],
        ["API key", "99,416.4429 credits left", "of 100,000 · 583.5571 used"],
    ]
    words = " ".join(bare.elements[0].text.split())
    assert words.startswith("EvoLink credits demo data not live")
    assert " Low. read 2026-11-2" in words


TREND = Trend(0.2065, 5280.0, Decimal("19.2"), [(0.0, 20.0), (1000.0, 5.0), (4000.0, 0.8)])


def test_the_strip_tells_the_trend() -> None:
    bundle = CardView(reading(), trend=TREND, worth=usd_estimate(reading(), 68.0)).mimebundle()
    card = Page(bundle["text/html"])
    assert card.field("burn-rate") == ("12.4 / min", None)
    assert card.field("runway") == ("≈ 1 h 28 min", None)
    assert card.field("spent") == ("19.2", "19.2")
    assert card.field("worth")[0] == "≈ $16.11"
    assert "hidden" not in card.find(_class="evo-strip").attributes
    assert card.find(_class="evo-curve").attributes["d"] == "M0.0 4.0L25.0 29.0L100.0 36.0"
    assert card.find(_class="evo-area").attributes["d"] == "M0.0 4.0L25.0 29.0L100.0 36.0L100 40L0 40Z"
    assert [element.text for element in card.elements if element.attributes.get("class") == "evo-label"] == [
        "burn",
        "runway",
        "spent this session",
        "",
    ]
    lines = bundle["text/plain"].splitlines()
    assert lines[3:] == [
        "  burn 12.4 / min · runway ≈ 1 h 28 min · spent this session 19.2",
        "  worth ≈ $16.11",
    ]


def test_a_notice_and_the_outlook_are_told() -> None:
    outlook = "about 14 more runs of this cell"
    bundle = CardView(
        reading(), message="No answer.", notice="Spent.\nStopped.", outlook=outlook
    ).mimebundle()
    card = Page(bundle["text/html"])
    assert card.field("notice")[0] == "Spent. Stopped."
    assert card.field("message")[0] == "No answer."
    assert card.field("outlook")[0] == outlook
    assert "hidden" not in card.find(_class="evo-strip").attributes
    assert "enough for" in {e.text for e in card.elements if e.attributes.get("class") == "evo-label"}
    assert bundle["text/plain"].splitlines()[3:] == [
        "  enough for about 14 more runs of this cell",
        "  Spent.",
        "  Stopped.",
        "  No answer.",
    ]


def test_where_nothing_is_known_nothing_is_said() -> None:
    card = page(reading())
    unknown = ("burn-rate", "runway", "spent", "worth", "notice", "outlook")
    assert {card.field(name) for name in unknown} == {("", None)}
    assert "hidden" in card.find(_class="evo-strip").attributes
    assert {element.text for element in card.elements if element.attributes.get("class") == "evo-label"} == {
        ""
    }
    assert len(CardView(reading()).text().splitlines()) == 3
    assert usd_estimate(None, 68.0) == usd_estimate(reading(), None) == usd_estimate(reading(), 0) == ""


def test_the_still_card_and_the_live_one_are_of_one_template() -> None:
    still, live = Page(CardView(reading()).html().split("</style>")[1]), Page(render_live_html())
    fields = [
        [e.attributes["data-field"] for e in card.elements if "data-field" in e.attributes]
        for card in (still, live)
    ]
    assert fields[0] == fields[1]
    assert "data-live" not in still.elements[0].attributes
    assert "data-live" in live.elements[0].attributes
    actions = [e.attributes["data-action"] for e in live.elements if "data-action" in e.attributes]
    assert actions == ["refresh", "pause", "notify"]


def cells(card: Page) -> list[list[str]]:
    """The words of each cell, row by row."""
    rows: list[list[str]] = []
    for element in card.elements:
        if element.tag == "tr":
            rows.append([])
        elif element.tag in {"th", "td"}:
            rows[-1].append(" ".join(element.text.split()))
    return rows


def test_the_text_is_one_aligned_block() -> None:
    local = NOW.astimezone()
    assert render_text(reading(simulated=True)) == (
        f"EvoLink credits (demo data) · read {local:%Y-%m-%d %H:%M:%S %Z}\n"
        "  Account   1,095.3996 credits left  135.9048 used  <- spendable\n"
        "  API key  99,416.4429 credits left  583.5571 used"
    )
    assert "\x1b" not in render_text(reading())


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("0.0000", "0"),
        ("7", "7"),
        ("7.10", "7.1"),
        ("1E+3", "1,000"),
        ("1095.3996", "1,095.3996"),
        ("1231.30445", "1,231.3045"),
        ("-1234.5", "\N{MINUS SIGN}1,234.5"),
        ("0.0001", "0.0001"),
        ("0.00005", "0.0001"),
        ("0.00004", "<0.0001"),
        ("-2.7755575615628914e-17", ">\N{MINUS SIGN}0.0001"),
        ("5e-324", "<0.0001"),
        ("999999.99999", "1,000,000"),
        ("9" * 31 + ".9996", ",".join(["9", *["999"] * 10]) + ".9996"),
        ("1E+30", "1" + ",000" * 10),
    ],
)
def test_amounts_read_well(amount: str, shown: str) -> None:
    assert format_amount(Decimal(amount)) == shown
    card = page(reading(amount))
    assert card.field("user-remaining")[0] == shown
    assert Decimal(card.field("user-remaining")[1] or "") == Decimal(amount)
    assert shown.replace("\N{MINUS SIGN}", "-") in render_text(reading(amount))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**31), max_value=10**31))
def test_an_amount_of_four_decimals_is_shown_exactly(amount: Decimal) -> None:
    shown = format_amount(amount)
    assert Decimal(shown.replace(",", "").replace("\N{MINUS SIGN}", "-")) == amount
    assert "." not in shown or not shown.endswith("0")


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30),
    st.booleans(),
)
def test_any_reading_makes_a_card(user: Decimal, token: Decimal, unlimited: bool) -> None:
    bundle = CardView(reading(str(user), str(token), unlimited=unlimited), now=NOW).mimebundle()
    for gauge in ("user", "token"):
        meter = Page(bundle["text/html"]).find(data_gauge=gauge).attributes
        least, now, most = (Decimal(meter[f"aria-value{name}"] or "") for name in ("min", "now", "max"))
        assert least <= now <= most
    assert len(bundle["text/plain"].splitlines()) in {3, 4}


@pytest.mark.parametrize(
    ("spendable", "warn_below", "level"),
    [
        ("10", None, "ok"),
        ("10", 10, "ok"),
        ("9.9999", 10, "low"),
        ("9.9999", Decimal(10), "low"),
        ("9.9999", 9.99, "ok"),
        ("0", None, "critical"),
        ("0", 10, "critical"),
        ("-0.0001", None, "overdrawn"),
        ("-5", 10, "overdrawn"),
    ],
)
def test_the_level_follows_from_what_can_be_spent(
    spendable: str, warn_below: Decimal | float | None, level: str
) -> None:
    limits = Limits.parse(warn_below, None)
    assert limits.level_of(reading(spendable)) == level
    assert limits.level_of(reading(token=spendable)) == level
    assert limits.level_of(reading(token=spendable, unlimited=True)) == "ok"


@pytest.mark.parametrize(
    ("seconds", "age"),
    [
        (-3, "0 s"),
        (0.9, "0 s"),
        (12.7, "12 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (5304, "1 h 28 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d"),
        (90_000, "1 d 1 h"),
        (1e7, "115 d 17 h"),
    ],
)
def test_times_are_in_the_two_largest_units_that_fit(seconds: float, age: str) -> None:
    assert format_time(seconds) == age
