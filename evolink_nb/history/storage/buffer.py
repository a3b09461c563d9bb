"""The readings and costs that wait to be written, bounded by thinning readings. Not thread-safe; pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..tables.records import CostRecord, ReadingRecord

MAX_ENTRIES = 10_000
"""The most entries that wait: an hour of 40 keys, each read every 15 seconds."""


@dataclass(slots=True)
class Batch:
    """The readings and costs written in one transaction.

    Attributes:
        readings: Readings, oldest first.
        costs: Costs, oldest first; one for each run.
    """

    readings: list[ReadingRecord] = field(default_factory=list)
    costs: list[CostRecord] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.readings) + len(self.costs)


class Buffer:
    """Holds readings and costs until they are written.

    A newer cost of the same run replaces an older one. Costs are never dropped. If there are too many
    entries, every second reading of the older half is dropped.

    Attributes:
        thinned: The number of readings dropped.
    """

    def __init__(self, most: int = MAX_ENTRIES) -> None:
        """Start empty.

        Args:
            most: The most entries to hold.
        """
        self._most = most
        self._readings: deque[ReadingRecord] = deque()
        self._costs: dict[int, CostRecord] = {}
        self.thinned = 0

    def __len__(self) -> int:
        return len(self._readings) + len(self._costs)

    def add_reading(self, record: ReadingRecord) -> None:
        """Add a reading.

        Args:
            record: The reading.
        """
        self._readings.append(record)
        self._thin()

    def add_cost(self, record: CostRecord) -> None:
        """Add a cost, replacing an older one of the same run.

        Args:
            record: The cost.
        """
        self._costs[record.number] = record
        self._thin()

    def take(self, most: int) -> Batch:
        """Take out the entries to write next, costs first.

        Args:
            most: The most entries to take.
        """
        numbers = list(self._costs)[:most]
        batch = Batch(costs=[self._costs.pop(number) for number in numbers])
        while self._readings and len(batch) < most:
            batch.readings.append(self._readings.popleft())
        return batch

    def put_back(self, batch: Batch) -> None:
        """Put back a batch that could not be written; keep newer costs of the same runs.

        Args:
            batch: The batch that `take` returned.
        """
        self._readings.extendleft(reversed(batch.readings))
        self._costs = {record.number: record for record in batch.costs} | self._costs
        self._thin()

    def clear(self) -> None:
        """Drop everything."""
        self._readings.clear()
        self._costs.clear()

    def _thin(self) -> None:
        if len(self) <= self._most or len(self._readings) < 2:
            return
        readings = list(self._readings)
        older = readings[: len(readings) // 2]
        kept = _every_second(older)
        self.thinned += len(older) - len(kept)
        self._readings = deque([*kept, *readings[len(older) :]])


def _every_second(readings: Iterable[ReadingRecord]) -> list[ReadingRecord]:
    """Return every second reading of each key: the later one of each pair."""
    kept, skip = [], dict[str, bool]()
    for record in readings:
        identity = record.source.identity
        skip[identity] = not skip.get(identity, False)
        if not skip[identity]:
            kept.append(record)
    return kept
