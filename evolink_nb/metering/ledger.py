"""The ledger: records what each run of work in this kernel has cost.

`MemoryLedger` keeps the entries as long as the kernel lives. Any object with the three methods of `Ledger`
can replace it through `use`. `summary` does the sums; its names are exported here too.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from .. import runtime
from .entry import EARLIER_NAME, IDLE_NAME, Entry, Kind
from .summary import Row, expected, is_mixed, merged, rows, runs_left, total, total_of_others

if TYPE_CHECKING:
    from .cost import Cost

__all__ = [
    "EARLIER_NAME",
    "IDLE_NAME",
    "MAX_ENTRIES",
    "Entry",
    "Kind",
    "Ledger",
    "MemoryLedger",
    "Row",
    "current",
    "expected",
    "is_mixed",
    "rows",
    "runs_left",
    "total",
    "total_of_others",
    "use",
]

MAX_ENTRIES = 10_000
"""Entries kept separately in memory; a meter in a long loop makes thousands."""


class Ledger(Protocol):
    """Where entries are kept. Its methods must be thread-safe."""

    def record(self, entry: Entry) -> int:
        """Add an entry.

        Args:
            entry: The run.

        Returns:
            The entry's number in this ledger.
        """

    def amend(self, number: int, cost: Cost) -> None:
        """Replace the cost of an entry, for example when the account has settled.

        Args:
            number: The entry's number, as returned by `record`.
            cost: The new cost.

        Raises:
            KeyError: `record` never returned that number.
        """

    def entries(self) -> tuple[Entry, ...]:
        """Return all entries in the order they were recorded, oldest first."""


class MemoryLedger:
    """A ledger that lives as long as the kernel.

    The newest entries are kept separately. Older ones are merged into entries of the kind *earlier*, which
    keeps totals correct; merged entries can no longer be amended.
    """

    def __init__(self, most: int = MAX_ENTRIES) -> None:
        """Start empty.

        Args:
            most: How many of the newest entries to keep separately.
        """
        self._most = most
        self._lock = threading.Lock()
        self._recorded = 0
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._earlier: dict[tuple[bool, ...], Entry] = {}
        runtime.forget_after_fork(self)

    def record(self, entry: Entry) -> int:
        """Add an entry.

        Args:
            entry: The run.

        Returns:
            The entry's number in this ledger.
        """
        with self._lock:
            self._recorded += 1
            self._entries[self._recorded] = entry
            if len(self._entries) > self._most:
                self._fold(self._entries.popitem(last=False)[1])
            return self._recorded

    def amend(self, number: int, cost: Cost) -> None:
        """Replace the cost of an entry, if it is still kept separately.

        Args:
            number: The entry's number, as returned by `record`.
            cost: The new cost.

        Raises:
            KeyError: `record` never returned that number.
        """
        with self._lock:
            if number in self._entries:
                self._entries[number] = replace(self._entries[number], cost=cost)
            elif not 0 < number <= self._recorded:
                raise KeyError(number)

    def entries(self) -> tuple[Entry, ...]:
        """Return all entries in the order they were recorded, oldest first."""
        with self._lock:
            return (*self._earlier.values(), *self._entries.values())

    def after_fork(self) -> None:
        """Replace the lock but keep the entries; called in a forked child."""
        self._lock = threading.Lock()

    def _fold(self, entry: Entry) -> None:
        # Merged by group: no sum may mix in unknown or simulated costs, or count anything twice.
        group = (entry.cost.credits is None, entry.within, entry.cost.simulated)
        so_far = self._earlier.get(group)
        self._earlier[group] = merged([entry] if so_far is None else [so_far, entry])


class _Registry:
    """The ledger in use in this process."""

    def __init__(self) -> None:
        self.current: Ledger = MemoryLedger()


_registry = _Registry()


def current() -> Ledger:
    """Return the ledger in use."""
    return _registry.current


def use(ledger: Ledger) -> None:
    """Record work in another ledger from now on; existing entries stay in the old one.

    Args:
        ledger: The ledger.
    """
    _registry.current = ledger
