"""Keeps what work has cost in this kernel, run by run.

A `Ledger` keeps the entries: `MemoryLedger` for as long as the kernel lives. Whatever else has its three
methods can take its place with `use`. What entries add up to is in `summary`; its names are here too.
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
"""Entries that a kernel's memory keeps apart; a meter in a long loop makes thousands."""


class Ledger(Protocol):
    """Where entries are kept. Its methods may be called from any thread."""

    def record(self, entry: Entry) -> int:
        """Keep an entry.

        Args:
            entry: The run.

        Returns:
            The number it goes by in this ledger.
        """

    def amend(self, number: int, cost: Cost) -> None:
        """Replace the cost of an entry, as when the account has settled.

        Args:
            number: The entry's, as `record` returned it.
            cost: The new cost.

        Raises:
            KeyError: `record` never returned that number.
        """

    def entries(self) -> tuple[Entry, ...]:
        """Return what is kept, in the order it was recorded, oldest first."""


class MemoryLedger:
    """A ledger that lives as long as the kernel.

    It tells the newest entries apart. Older ones are added up into entries of the kind *earlier*, so that
    totals stay whole; these can't be amended any more.
    """

    def __init__(self, most: int = MAX_ENTRIES) -> None:
        """Begin with none.

        Args:
            most: How many entries to tell apart, the newest.
        """
        self._most = most
        self._lock = threading.Lock()
        self._recorded = 0
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._earlier: dict[tuple[bool, ...], Entry] = {}
        runtime.forget_after_fork(self)

    def record(self, entry: Entry) -> int:
        """Keep an entry.

        Args:
            entry: The run.

        Returns:
            The number it goes by in this ledger.
        """
        with self._lock:
            self._recorded += 1
            self._entries[self._recorded] = entry
            if len(self._entries) > self._most:
                self._fold(self._entries.popitem(last=False)[1])
            return self._recorded

    def amend(self, number: int, cost: Cost) -> None:
        """Replace the cost of an entry, if it is still told apart.

        Args:
            number: The entry's, as `record` returned it.
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
        """Return what is kept, in the order it was recorded, oldest first."""
        with self._lock:
            return (*self._earlier.values(), *self._entries.values())

    def after_fork(self) -> None:
        """Keep the entries and replace the lock; called in a forked child."""
        self._lock = threading.Lock()

    def _fold(self, entry: Entry) -> None:
        # Apart by these, so that what is unknown or simulated is in no sum, and nothing is counted twice.
        group = (entry.cost.credits is None, entry.within, entry.cost.simulated)
        so_far = self._earlier.get(group)
        self._earlier[group] = merged([entry] if so_far is None else [so_far, entry])


class _Registry:
    """Which ledger is in use in this process."""

    def __init__(self) -> None:
        self.current: Ledger = MemoryLedger()


_registry = _Registry()


def current() -> Ledger:
    """Return the ledger that work is recorded in."""
    return _registry.current


def use(ledger: Ledger) -> None:
    """Record work in another ledger from now on; what the one before it holds stays there.

    Args:
        ledger: It.
    """
    _registry.current = ledger
