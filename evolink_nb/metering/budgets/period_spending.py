"""What a key has spent since a day, a week or a month began, from readings kept before and its own. Pure.

The key's own counters are shared by all that spend with it, so one earlier reading tells what every kernel
has spent since. That reading is the last one before the period: what was spent between that and its beginning
counts too, so the figure may be too high, and is never too low.
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
"""A reading so close before a period's beginning is as good as one at its beginning."""


@dataclass(frozen=True, slots=True)
class PeriodSpending:
    """What has been spent in a period so far.

    Attributes:
        spending: The spending, to be continued with new readings.
        counts_from: When the reading was taken from which it counts.
        is_close: Whether that was shortly before the period began, so that nothing else is in it.
    """

    spending: Spending
    counts_from: datetime
    is_close: bool

    @classmethod
    def since(cls, start: datetime, kept: Sequence[Credits], own: Sequence[Credits]) -> PeriodSpending:
        """Return what has been spent since a moment.

        Args:
            start: When the period began, as an aware datetime.
            kept: Readings that a history kept, oldest first, by their times of day.
            own: Readings of this process, oldest first, at least one.
        """
        ordered = _in_order(kept, own)
        before = [number for number, each in enumerate(ordered) if each.read_at <= start]
        first = before[-1] if before else 0
        spending = Spending(ordered[first], earlier=ordered[:first])
        spending.record_all(ordered[first + 1 :])
        counts_from = ordered[first].read_at
        return cls(spending, counts_from, start - CLOSE <= counts_from <= start)


def _in_order(kept: Sequence[Credits], own: Sequence[Credits]) -> list[Credits]:
    """Return the readings in order, with monotonic times that say so.

    A reading that was kept has no monotonic time of this process, and that time stands still while a machine
    sleeps.
    """
    newest, others = own[-1], own[:-1]
    if kept:
        times = [each.read_at for each in kept]
        # In between, what was kept tells the same, and more.
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
