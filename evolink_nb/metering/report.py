"""What work has cost, as a table: as text, HTML, CSV or a pandas DataFrame, dearest first."""

from __future__ import annotations

import csv
import functools
import io
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from ..formatting import MINUS, format_amount, format_time, plain_amount
from .summary import Row, doubts, is_mixed, rows, total, total_of_others

if TYPE_CHECKING:
    import pandas as pd

    from .entry import Entry

STYLESHEET = Path(__file__).with_name("report.css")

TITLE = "What work has cost, in EvoLink credits"
DEMO = "demo data"
NOTHING_YET = "Nothing has been measured yet."
HOW_TO_BEGIN = "Start a cell with %%evolink_credits, or type %evolink_track on to measure every cell."
NOT_KNOWN = "not known"
MAX_NAME = 48
"""The longest name the table shows, in characters; the CSV and the DataFrame show all of it."""

FIELDS = (
    "name",
    "kind",
    "runs",
    "unknown_runs",
    "items",
    "total_credits",
    "mean_credits",
    "last_credits",
    "change_credits",
    "mean_seconds",
    "confidence",
    "simulated",
    "unsettled_credits",
    "returned_credits",
)
"""The columns of the CSV and the DataFrame."""

_HEADINGS = ("what", "runs", "total", "mean", "last", "change", "mean time", "confidence")
# A spreadsheet takes text that begins with one of these, wide or not, for a formula and runs it.
_FORMULA_STARTS = ("=", "+", "-", "@", *"\uff1d\uff0b\uff0d\uff20")


class Costs:
    """The table shown by ``%evolink_costs``; ``rows`` has its numbers.

    Attributes:
        rows: One for each thing measured, dearest first.
        total: Credits that all of it cost, counting nested work once; None if unknown.
        others: Credits that others spent on the account meanwhile; None if unknown.
        doubts: Credits of the total that are not sure: those *shared* or *not settled*, and those *given
            back* by earlier work. The rest is sure.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Add up entries.

        Args:
            entries: The entries of a ledger, oldest first.
        """
        entries = tuple(entries)
        self.rows: list[Row] = rows(entries)
        self.total = total(entries)
        self.others = total_of_others(entries)
        self.doubts = doubts(entries)
        self._has_inner = any(entry.within for entry in entries)
        self._is_mixed = is_mixed(entries)
        is_demo = not self._is_mixed and any(row.simulated for row in self.rows)
        self._title = f"{TITLE} ({DEMO})" if is_demo else TITLE

    def __repr__(self) -> str:
        return self._text()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002 - IPython's interface
        return {"text/plain": self._text(), "text/html": self._html()}

    def to_csv(self) -> str:
        """Return the table as CSV: a header row of `FIELDS`, exact amounts, "" for unknown ones.

        A name that a spreadsheet would take for a formula is prefixed with ``'``.

        Returns:
            The text, with line feeds as line endings.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(FIELDS)
        for row in self.rows:
            name, *values = _record(row)
            guard = "'" if name.startswith(_FORMULA_STARTS) else ""
            writer.writerow((guard + name, *map(_csv_value, values)))
        return text.getvalue()

    def to_pandas(self) -> pd.DataFrame:
        """Return the table as a DataFrame with the columns `FIELDS`.

        Returns:
            Amounts and seconds as float64, for computing and plotting, NaN where unknown; ``rows`` has the
            exact amounts.

        Raises:
            ConfigurationError: pandas is not installed.
        """
        try:
            import pandas as pd  # noqa: PLC0415 - heavy, and optional
        except ImportError:
            raise ConfigurationError(
                "A DataFrame needs pandas, which is not installed here.",
                hint="Type %pip install pandas, or take the CSV: %evolink_costs --csv.",
            ) from None
        table = pd.DataFrame([_record(row) for row in self.rows], columns=list(FIELDS))
        numbers = {name: "float64" for name in FIELDS if name.endswith(("_credits", "_seconds"))}
        counts = dict.fromkeys(("runs", "unknown_runs", "items"), "int64")
        return table.astype(numbers | counts | {"simulated": "bool"})

    def _text(self) -> str:
        if not self.rows:
            return f"{NOTHING_YET}\n{HOW_TO_BEGIN}"
        table = [_HEADINGS, *map(self._cells, self.rows), *self._sums()]
        widths = [max(_width(line[column]) for line in table) for column in range(len(_HEADINGS))]
        lines = [
            "  ".join(
                cell + pad if column in {0, len(_HEADINGS) - 1} else pad + cell
                for column, cell in enumerate(line)
                for pad in (" " * (widths[column] - _width(cell)),)
            ).rstrip()
            for line in table
        ]
        lines = [f"  {line}" for line in (*lines, *self._notes())]
        return "\n".join((self._title, *lines)).replace(MINUS, "-")

    def _html(self) -> str:
        if not self.rows:
            return f'<p dir="ltr">{escape(NOTHING_YET)}<br>{escape(HOW_TO_BEGIN)}</p>'
        head = "".join(f'<th scope="col">{heading}</th>' for heading in _HEADINGS)
        notes = f'<td class="evo-note" colspan="{len(_HEADINGS)}">{" ".join(self._notes())}</td>'
        foot = [_html_line(line) for line in self._sums()] + ([notes] if self._notes() else [])
        body = [_html_line(self._cells(row)) for row in self.rows]
        return (
            f'<style>\n{_style()}</style>\n<table class="evolink-costs" dir="ltr">\n'
            f"<caption>{self._title}</caption>\n"
            f"<thead>\n<tr>{head}</tr>\n</thead>\n"
            f"<tbody>\n{_html_lines(body)}</tbody>\n<tfoot>\n{_html_lines(foot)}</tfoot>\n</table>"
        )

    def _cells(self, row: Row) -> tuple[str, ...]:
        name, *rest = _cells(row)
        return (f"{name} · {DEMO}" if row.simulated and self._is_mixed else name, *rest)

    def _sums(self) -> list[tuple[str, ...]]:
        """Return the lines under the table, as cells."""
        doubts = ", ".join(f"{format_amount(amount)} {doubt}" for doubt, amount in self.doubts.items())
        sums = [("Total", _amount(self.total), f"of which {doubts}" if doubts else "")]
        if self.others is not None:
            sums.append(("others on the account", _amount(self.others), ""))
        return [(name, "", amount, "", "", "", "", doubt) for name, amount, doubt in sums]

    def _notes(self) -> list[str]:
        """Return the notes needed to read the sums correctly."""
        notes = []
        unknown = sum(row.unknown for row in self.rows)
        if unknown and self.total is not None:
            notes.append(f"Excludes {unknown} {'run' if unknown == 1 else 'runs'} of unknown cost.")
        if self._has_inner:
            notes.append("Nested work is counted only once in the total.")
        if "given back" in self.doubts:
            notes.append("Given back: calls of earlier work settled for less, or were refunded.")
        if self._is_mixed:
            notes.append("Demo data is not included in any sum.")
        return notes


@functools.cache
def _style() -> str:
    return STYLESHEET.read_text(encoding="utf-8")


def _cells(row: Row) -> tuple[str, ...]:
    """Return a row of the table as text, cell by cell."""
    name = _one_line(row)
    name = name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"
    name += f" · {row.items:,} {'item' if row.items == 1 else 'items'}" if row.items else ""
    return (
        name,
        f"{row.runs:,}",
        _amount(row.total),
        "" if row.mean is None else _cost(row.mean),
        # Merged runs have no last one.
        "" if row.kind == "earlier" else _cost(row.last),
        "" if row.change is None else ("+" if row.change > 0 else "") + format_amount(row.change),
        format_time(row.seconds) if row.seconds >= 1 else "<1 s",
        _confidence(row),
    )


def _confidence(row: Row) -> str:
    """Return a row's reservations; "" if there are none."""
    some = 0 < row.unknown < row.runs
    parts = [f"{row.unknown:,} of {row.runs:,} {NOT_KNOWN}" if some else row.confidence]
    if row.unsettled and row.runs > 1:
        parts.append(f"{format_amount(row.unsettled)} not settled")
    if row.returned:
        parts.append(f"{format_amount(row.returned)} given back")
    return "" if parts == ["clean"] else ", ".join(parts)


def _amount(amount: Decimal | None) -> str:
    """Return a sum; one below 0 is what was given back."""
    if amount is None:
        return NOT_KNOWN
    return format_amount(amount) if amount >= 0 else f"{format_amount(-amount)} back"


def _cost(amount: Decimal | None) -> str:
    """Return the cost of a run; a figure below 0 is none."""
    return NOT_KNOWN if amount is None or amount < 0 else format_amount(amount)


def _record(row: Row) -> tuple[Any, ...]:
    """Return a row's values in the order of `FIELDS`."""
    return (
        _one_line(row),
        row.kind,
        row.runs,
        row.unknown,
        row.items,
        row.total,
        row.mean,
        row.last,
        row.change,
        row.seconds,
        row.confidence,
        row.simulated,
        row.unsettled,
        row.returned,
    )


def _csv_value(value: object) -> str:
    if isinstance(value, Decimal):
        return plain_amount(value)
    return "" if value is None else str(value)


def _one_line(row: Row) -> str:
    """Return a row's name without characters that would break its line or reverse its text."""
    spaced = "".join(" " if character.isspace() else character for character in row.name)
    shown = "".join(character for character in spaced if character.isprintable())
    return " ".join(shown.split()) or row.kind


def _width(text: str) -> int:
    """Return a text's width in terminal columns."""
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def _html_line(cells: Sequence[str]) -> str:
    name, *rest = map(escape, cells)
    return f'<th scope="row">{name}</th>' + "".join(f"<td>{cell}</td>" for cell in rest)


def _html_lines(lines: Iterable[str]) -> str:
    return "".join(f"<tr>{line}</tr>\n" for line in lines)
