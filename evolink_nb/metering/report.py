"""What work has cost, most expensive first, as a table in text, HTML, CSV or a pandas DataFrame."""

from __future__ import annotations

import functools
import shutil
import sys
from collections.abc import Iterable
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ..formatting import MINUS, format_amount, format_time
from . import report_data
from .report_data import FIELDS, one_line
from .report_table import INDENT, Key, Line, Table
from .summary import Row, doubts, is_mixed, rows, total, total_of_others

if TYPE_CHECKING:
    import pandas as pd

    from .entry import Entry

__all__ = ["FIELDS", "Costs"]

STYLESHEET = Path(__file__).with_name("report.css")

TITLE = "What work has cost, in EvoLink credits"
DEMO = "demo data"
NOTHING_YET = "Nothing has been measured yet."
HOW_TO_BEGIN = "Start a cell with %%evolink_credits, or type %evolink_track on to measure every cell."
NOT_KNOWN = "not known"
MAX_NAME = 48
"""The longest name that the table shows, in characters; the CSV and the DataFrame have full names."""
WIDTH = 80
"""The maximum width of text, in columns, when it isn't shown in a terminal."""


class Costs:
    """The table shown by ``%evolink_costs``; ``rows`` has its numbers.

    Attributes:
        rows: One for each thing measured, most expensive first.
        total: Credits that all of it cost, counting nested work once; None if unknown.
        others: Credits that others spent on the account meanwhile; None if unknown.
        doubts: Credits of the total that are not sure: *shared*, *not settled*, or *given back* by earlier
            work. The rest is sure.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Add up a ledger's entries.

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
        return report_data.as_csv(self.rows)

    def to_pandas(self) -> pd.DataFrame:
        """Return the table as a DataFrame with the columns `FIELDS`.

        Returns:
            Amounts and seconds as float64, for computing and plotting, NaN where unknown; ``rows`` has the
            exact amounts.

        Raises:
            ConfigurationError: pandas is not installed.
        """
        return report_data.as_data_frame(self.rows)

    def _text(self) -> str:
        if not self.rows:
            return f"{NOTHING_YET}\n{HOW_TO_BEGIN}"
        lines = self._table().text(_columns() - len(INDENT))
        return "\n".join((self._title, *(f"{INDENT}{line}" for line in (*lines, *self._notes())))).replace(
            MINUS, "-"
        )

    def _html(self) -> str:
        if not self.rows:
            return f'<p dir="ltr">{escape(NOTHING_YET)}<br>{escape(HOW_TO_BEGIN)}</p>'
        return f"<style>\n{_style()}</style>\n{self._table().html(self._title, self._notes())}"

    def _table(self) -> Table:
        return Table([Line(self._cells(row), self._share(row)) for row in self.rows], self._sums())

    def _cells(self, row: Row) -> dict[Key, str]:
        name = one_line(row)
        name = name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"
        name += f" · {row.items:,} {'item' if row.items == 1 else 'items'}" if row.items else ""
        name += f" · {DEMO}" if row.simulated and self._is_mixed else ""
        return {"what": name, **_figures(row)}

    def _share(self, row: Row) -> float | None:
        """Return a row's share of all that was spent, from 0 to 1; None if it would say nothing."""
        is_in_sum = not (self._is_mixed and row.simulated)
        if self.total is None or row.total is None or row.total <= 0 or not is_in_sum or len(self.rows) < 2:
            return None
        # What earlier work gave back has been subtracted from the total.
        spent = float(self.total) + float(self.doubts.get("given back", 0))
        return min(float(row.total) / spent, 1.0) if spent > 0 else None

    def _sums(self) -> list[Line]:
        """Return the sums shown below the rows."""
        sums: list[dict[Key, str]] = [{"what": "Total", "total": _amount(self.total)}]
        if self.others:
            sums.append({"what": "others on the account", "total": _amount(self.others)})
        return [Line(cells) for cells in sums]

    def _notes(self) -> list[str]:
        """Return the notes needed to read the sums correctly."""
        notes = []
        if self.doubts:
            doubts = ", ".join(f"{format_amount(amount)} {doubt}" for doubt, amount in self.doubts.items())
            notes.append(f"Of the total: {doubts}.")
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


def _columns() -> int:
    """Return the maximum width of text: the terminal's, if it is shown in one."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    return shutil.get_terminal_size((WIDTH, 24)).columns if is_terminal else WIDTH


def _figures(row: Row) -> dict[Key, str]:
    """Return a row's figures as text, leaving out any that would repeat another."""
    figures: dict[Key, str] = {
        "runs": f"{row.runs:,}",
        "total": _amount(row.total),
        "seconds": format_time(row.seconds) if row.seconds >= 1 else "<1 s",
        "confidence": _confidence(row),
    }
    if row.runs > 1 and row.mean is not None:
        figures["mean"] = _cost(row.mean)
    if row.runs > 1 and row.kind != "earlier":  # merged runs have no last one
        figures["last"] = _cost(row.last)
    if row.change is not None:
        figures["change"] = ("+" if row.change > 0 else "") + format_amount(row.change)
    return figures


def _confidence(row: Row) -> str:
    """Return how sure a row is, and why not; "" if it is *clean*."""
    some = 0 < row.unknown < row.runs
    parts = [f"{row.unknown:,} of {row.runs:,} {NOT_KNOWN}" if some else row.confidence]
    if row.unsettled and row.runs > 1:
        parts.append(f"{format_amount(row.unsettled)} not settled")
    if row.returned:
        parts.append(f"{format_amount(row.returned)} given back")
    return "" if parts == ["clean"] else ", ".join(parts)


def _amount(amount: Decimal | None) -> str:
    """Return a sum as text; a sum below 0 was given back."""
    if amount is None:
        return NOT_KNOWN
    return format_amount(amount) if amount >= 0 else f"{format_amount(-amount)} back"


def _cost(amount: Decimal | None) -> str:
    """Return the cost of a run as text; a figure below 0 is not a cost."""
    return NOT_KNOWN if amount is None or amount < 0 else format_amount(amount)
