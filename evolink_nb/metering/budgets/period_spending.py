"""What a key has spent since a day, week or month began, from a history's readings and this process's. Pure.

Everything that spends with a key shares its counters, so one earlier reading shows what all kernels have
spent since. That reading is the last one before the period: what was spent between it and the period's
beginning counts too, so the figure may be too high, but is never too low.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ...polling.spending import Spending

if TYPE_CHECKING:
    from ...credits import Credits

CLOSE = timedelta(minutes=1)
"""A reading this close before a period's beginning is as good as one at its beginning."""


@dataclass(frozen=True, slots=True)
class PeriodSpending:
    """What has been spent in a period so far.

    Attributes:
        spending: The spending so far, to be continued with new readings.
        counts_from: When the reading from which spending counts was taken.
        is_close: Whether that was shortly before the period began, so earlier spending is not included.
    """

    spending: Spending
    counts_from: datetime
    is_close: bool

    @classmethod
    def since(cls, start: datetime, kept: Sequence[Credits], own: Sequence[Credits]) -> PeriodSpending:
        """Return what has been spent since a moment.

        Args:
            start: When the period began, as an aware datetime.
            kept: Readings that a history has kept, oldest first; only their wall-clock times are used.
            own: This process's readings, oldest first, at least one.
        """
        ordered = _in_order(kept, own)
        before = [number for number, each in enumerate(ordered) if each.read_at <= start]
        first = before[-1] if before else 0
        spending = Spending(ordered[first], earlier=ordered[:first])
        spending.record_all(ordered[first + 1 :])
        counts_from = ordered[first].read_at
        return cls(spending, counts_from, start - CLOSE <= counts_from <= start)


def _in_order(kept: Sequence[Credits], own: Sequence[Credits]) -> list[Credits]:
    """Return the readings in order, with monotonic times in the same order.

    Readings from a history have no monotonic time of this process, and monotonic time may stand still while
    the machine sleeps.
    """
    newest, others = own[-1], own[:-1]
    if kept:
        times = [each.read_at for each in kept]
        # Between the kept readings, our own add nothing.
        others = [each for each in others if not min(times) <= each.read_at <= max(times)]
    ordered = [newest]
    for each in sorted((*kept, *others), key=_time_of_day, reverse=True):
        following = ordered[-1]
        ago = (newest.read_at - each.read_at).total_seconds()
        stamp = min(newest.requested_at - max(ago, 0.0), following.requested_at, following.monotonic)
        ordered.append(replace(each, requested_at=stamp, monotonic=stamp))
    return ordered[::-1]


def _time_of_day(reading: Credits) -> datetime:
    return reading.read_at
