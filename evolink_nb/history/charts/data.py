"""The data of a history chart: buckets of time, top-ups, and the most expensive work. Values only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING

from ...credits import total

if TYPE_CHECKING:
    from ...periods import Zone


@dataclass(frozen=True, slots=True)
class Bucket:
    """A summary of the readings in one stretch of time.

    Attributes:
        start: Its beginning, as an aware datetime.
        end: Its end, where the next bucket may begin.
        spent: Credits spent in it; None if there was no reading.
        balance: Spendable credits at its last reading, negative when overdrawn; None if there was none.
        is_after_gap: Whether ``spent`` may include spending during a long time without readings before it.
    """

    start: datetime
    end: datetime
    spent: Decimal | None = None
    balance: Decimal | None = None
    is_after_gap: bool = False

    @property
    def is_known(self) -> bool:
        """Whether there was a reading in it."""
        return self.spent is not None or self.balance is not None


@dataclass(frozen=True, slots=True)
class TopUp:
    """Credits that were added to the account.

    Attributes:
        at: When they were added, or the earliest possible time, as an aware datetime.
        amount: Credits.
        until: The latest possible time; None if the time is known.
    """

    at: datetime
    amount: Decimal
    until: datetime | None = None

    @property
    def middle(self) -> datetime:
        """The moment at which to show it."""
        return self.at if self.until is None else self.at + (self.until - self.at) / 2


@dataclass(frozen=True, slots=True)
class Dear:
    """Work that cost a lot.

    Attributes:
        name: The name by which the user knows it.
        cost: Credits.
        at: When it began, as an aware datetime; None for several runs.
        runs: The number of runs that cost that together.
    """

    name: str
    cost: Decimal
    at: datetime | None = None
    runs: int = 1


@dataclass(frozen=True, slots=True)
class ChartData:
    """Everything that a chart shows.

    Attributes:
        buckets: The buckets in chronological order, each beginning where the one before ends or later.
        unit: The name of a bucket's length, for "spent per …": "hour", "day", "15 minutes".
        zone: The time zone of all times shown.
        top_ups: The top-ups in chronological order.
        dearest: The most expensive work, most expensive first.
        simulated: Whether the data is the demo account's.
    """

    buckets: Sequence[Bucket]
    unit: str
    zone: Zone = None
    top_ups: Sequence[TopUp] = ()
    dearest: Sequence[Dear] = ()
    simulated: bool = False

    @property
    def start(self) -> datetime:
        """The beginning of the first bucket."""
        return self.buckets[0].start

    @property
    def end(self) -> datetime:
        """The end of the last bucket."""
        return self.buckets[-1].end

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known about any bucket."""
        return not any(each.is_known for each in self.buckets)

    @property
    def spent(self) -> Decimal:
        """Credits spent in all buckets, as far as known."""
        return total(each.spent for each in self.buckets if each.spent is not None)

    @property
    def balances(self) -> list[Bucket]:
        """The buckets whose balance is known."""
        return [each for each in self.buckets if each.balance is not None]

    def gaps(self) -> Iterator[tuple[datetime, datetime]]:
        """Yield the stretches without a reading, each from its beginning to its end."""
        for is_known, stretch in groupby(self.buckets, key=lambda bucket: bucket.is_known):
            if not is_known:
                first, *others = stretch
                yield first.start, [first, *others][-1].end

    def share(self, moment: datetime) -> float:
        """Return the position of a moment between `start` (0) and `end` (1)."""
        return (moment - self.start) / (self.end - self.start)
