"""The chart of a report by time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from ..charts.data import Bucket, ChartData, Dear, TopUp

if TYPE_CHECKING:
    from ...periods import Zone
    from .results import PeriodRow, WorkRow

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def chart_of(rows: Sequence[PeriodRow], dearest: Sequence[WorkRow], zone: Zone) -> ChartData:
    """Return the data of a chart of periods.

    Args:
        rows: The consecutive periods; at least one.
        dearest: The work that cost most, most expensive first.
        zone: The time zone of all times shown.
    """
    return ChartData(
        [_bucket(row) for row in rows],
        unit=_unit(max(row.end - row.start for row in rows)),
        zone=zone,
        top_ups=[TopUp(row.start, row.topped_up, row.end) for row in rows if row.topped_up > 0],
        dearest=[_dear(row) for row in dearest if row.spent > 0],
        simulated=any(row.simulated for row in rows),
    )


def _bucket(row: PeriodRow) -> Bucket:
    if row.remaining is None:
        return Bucket(row.start, row.end)
    balance = _spendable(row.remaining, row.key_remaining)
    return Bucket(row.start, row.end, row.spent, balance, row.is_gap)


def _spendable(remaining: Decimal, key_remaining: Decimal | None) -> Decimal:
    return remaining if key_remaining is None else min(remaining, key_remaining)


def _dear(row: WorkRow) -> Dear:
    return Dear(row.name, row.spent, row.last_at if row.runs == 1 else None, row.runs)


def _unit(length: timedelta) -> str:
    """Return the name of a period's length: "hour", "15 minutes", "month"."""
    if length > 8 * _DAY:
        return "month"
    if length > 2 * _DAY:
        return "week"
    if length > 12 * _HOUR:
        return "day"
    for unit, name in ((_HOUR, "hour"), (_MINUTE, "minute")):
        if length >= unit:
            count = round(length / unit)
            return name if count == 1 else f"{count} {name}s"
    return "minute"
