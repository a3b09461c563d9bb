"""The rows of a history as a text table. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from ...formatting import format_amount, format_time, in_credits
from .results import KeyRow, PeriodRow, Row, WorkRow

if TYPE_CHECKING:
    from .spans import Span

NOTHING_YET = "The history has no data for that time."
MAX_NAME = 48
"""The longest name shown, in characters."""
UNKNOWN = "not read"
_DAY = timedelta(days=1)
_GAP = "gap"

BAR = 12
"""The width of the longest bar, in characters."""
FULL, SLIVER = "\N{FULL BLOCK}", "\N{LEFT ONE EIGHTH BLOCK}"

_FROM, _SPENT, _ACCOUNT_SPENT, _TOPPED_UP, _LEFT, _NOTE = range(6)
"""The columns of periods."""
_PERIOD_HEADINGS = ("from", "spent", "account spent", "topped up", "left", "")
_KEY_HEADINGS = ("key", "spent", "account spent", "account left", "key left", "last read", "account")
_WORK_HEADINGS = ("what", "runs", "spent", "of which uncertain", "time", "last")
_UNCERTAIN = 3
"""The column of work that is hidden if nothing is uncertain."""


def as_table(rows: Sequence[Row], *, total: Decimal, span: Span) -> str:
    """Return rows as a table with a title line above it.

    Each period has a bar, because there is no chart above, and columns without information are left out.

    Args:
        rows: The rows, all of one kind.
        total: Total credits spent.
        span: The span of time.
    """
    if not rows:
        return NOTHING_YET
    cells, periods = table_cells(rows), _shown(rows)
    lines = _aligned(_with_bars(cells, periods), left=(0, 2)) if periods else _aligned(cells)
    return "\n".join([table_title(rows, total=total, span=span), *(f"  {line}" for line in lines)])


def table_title(rows: Sequence[Row], *, total: Decimal, span: Span) -> str:
    """Return a table's title line: the total spent and the span.

    Args:
        rows: The rows, at least one.
        total: Total credits spent.
        span: The span of time.
    """
    demo = " (demo data)" if rows[0].simulated else ""
    return f"{in_credits(total)} spent from {span.start:%Y-%m-%d %H:%M} to {span.end:%Y-%m-%d %H:%M}{demo}"


def table_cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Return the table's cells as text, line by line, the headings first; leave out empty columns of work.

    Args:
        rows: The rows, all of one kind.
    """
    periods = [row for row in rows if isinstance(row, PeriodRow)]
    if periods:
        of_days = all(row.end - row.start >= _DAY / 2 for row in periods[:-1]) and len(periods) > 1
        return [_PERIOD_HEADINGS, *(_period(row, of_days=of_days) for row in _shown(rows))]
    of_keys = [row for row in rows if isinstance(row, KeyRow)]
    if of_keys:
        return [_KEY_HEADINGS, *map(_key, of_keys)]
    work = [_work(row) for row in rows if isinstance(row, WorkRow)]
    if any(line[_UNCERTAIN] for line in work):
        return [_WORK_HEADINGS, *work]
    return [(*line[:_UNCERTAIN], *line[_UNCERTAIN + 1 :]) for line in (_WORK_HEADINGS, *work)]


def _shown(rows: Sequence[Row]) -> list[PeriodRow]:
    """Return the periods among rows, with only the first of consecutive ones that nothing is known about."""
    periods = [row for row in rows if isinstance(row, PeriodRow)]
    return [
        row
        for before, row in zip([None, *periods], periods, strict=False)
        if row.remaining is not None or before is None or before.remaining is not None
    ]


def _with_bars(cells: Sequence[tuple[str, ...]], periods: Sequence[PeriodRow]) -> list[tuple[str, ...]]:
    """Return the lines of periods with a bar each and without columns that say nothing."""
    most = max(row.spent for row in periods)
    bars = ["", *(_bar(row.spent, most) for row in periods)]
    hidden = set()
    if all(row.account_spent == row.spent for row in periods):
        hidden.add(_ACCOUNT_SPENT)
    if not any(row.topped_up for row in periods):
        hidden.add(_TOPPED_UP)
    return [
        (
            *line[: _SPENT + 1],
            bar,
            *(cell for column, cell in enumerate(line) if column > _SPENT and column not in hidden),
        )
        for line, bar in zip(cells, bars, strict=True)
    ]


def _bar(spent: Decimal, most: Decimal) -> str:
    return FULL * round(spent / most * BAR) or SLIVER if spent > 0 else ""


def _period(row: PeriodRow, *, of_days: bool) -> tuple[str, ...]:
    begins = f"{row.start:%a %Y-%m-%d}" if of_days else f"{row.start:%a %Y-%m-%d %H:%M}"
    if row.remaining is None:
        return f"{begins} …", "", "", "", UNKNOWN, ""
    added = format_amount(row.topped_up) if row.topped_up else ""
    spent = (format_amount(row.spent), format_amount(row.account_spent))
    return begins, *spent, added, format_amount(row.remaining), _GAP if row.is_gap else ""


def _key(row: KeyRow) -> tuple[str, ...]:
    left = UNKNOWN if row.remaining is None else format_amount(row.remaining)
    key_left = "" if row.key_remaining is None else format_amount(row.key_remaining)
    last = "" if row.last_at is None else f"{row.last_at:%Y-%m-%d %H:%M}"
    spent = (format_amount(row.spent), format_amount(row.account_spent))
    return _one_line(row.key), *spent, left, key_left, last, _one_line(row.account)


def _work(row: WorkRow) -> tuple[str, ...]:
    is_known = row.unknown < row.runs
    unsure = [format_amount(row.unsure)] if row.unsure else []
    unsure += [f"{row.unknown:,} of unknown cost"] if row.unknown and is_known else []
    time = format_time(row.seconds) if row.seconds >= 1 else "<1 s"
    spent = format_amount(row.spent) if is_known else "unknown"
    last = f"{row.last_at:%Y-%m-%d %H:%M}"
    return _one_line(row.name) or row.kind, f"{row.runs:,}", spent, ", ".join(unsure), time, last


def _one_line(name: str) -> str:
    """Return a name without characters that would break its line or reverse its text."""
    spaced = "".join(" " if character.isspace() else character for character in name)
    shown = " ".join("".join(character for character in spaced if character.isprintable()).split())
    return shown if len(shown) <= MAX_NAME else f"{shown[: MAX_NAME - 1]}…"


def _aligned(lines: Sequence[tuple[str, ...]], *, left: Collection[int] = (0,)) -> list[str]:
    """Return lines with aligned columns: those in ``left`` and the last to the left, others to the right."""
    widths = [max(_width(line[column]) for line in lines) for column in range(len(lines[0]))]
    last = len(widths) - 1
    return [
        "  ".join(
            cell + " " * (width - _width(cell))
            if column in left or column == last
            else " " * (width - _width(cell)) + cell
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def _width(text: str) -> int:
    """Return a text's width in terminal columns."""
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )
