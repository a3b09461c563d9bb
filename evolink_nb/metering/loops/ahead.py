"""Iterables whose work runs ahead of a loop over them, such as an executor's `map`.

All of that work is submitted before the first item arrives, so leaving the loop early stops none of it.
Queued calls can still be cancelled; calls that have begun are paid for, and their results are worth having.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, as_completed
from decimal import Decimal
from typing import Any

from ...credits import mean, product, total

NOTHING = Decimal(0)

_MODULES = {
    "asyncio.tasks",
    "concurrent.futures._base",
    "concurrent.futures.process",
    "joblib.parallel",
    "multiprocessing.pool",
}
"""The modules that create iterables whose work runs ahead."""


def runs_ahead(iterable: object) -> bool:
    """Return whether an iterable's work runs ahead of a loop over it.

    Args:
        iterable: The iterable. If it wraps another, as `enumerate` does, this can't be detected.
    """
    if inspect.isgenerator(iterable):
        return iterable.gi_frame is not None and iterable.gi_frame.f_globals.get("__name__") in _MODULES
    return type(iterable).__module__ in _MODULES


class WorkAhead:
    """The calls submitted by an iterable of `concurrent.futures`. Iterate over this object in its place.

    Attributes:
        cancelled: The number of calls that were cancelled.
    """

    def __init__(self, iterable: Iterable[Any], futures: Sequence[Future[Any]]) -> None:
        """Take over an iterable.

        Args:
            iterable: The iterable.
            futures: Its calls, in the order in which they were submitted, except those of `as_completed`.
        """
        self.cancelled = 0
        self._iterable = iterable
        self._futures = futures
        self._is_in_order = getattr(iterable, "gi_code", None) is not as_completed.__code__

    @classmethod
    def of(cls, iterable: object) -> WorkAhead | None:
        """Return the calls submitted by an iterable; None if it has none that can be watched and cancelled.

        Args:
            iterable: The iterable.
        """
        futures = list(_futures_of(iterable)) if runs_ahead(iterable) else []
        return cls(iterable, futures) if futures and isinstance(iterable, Iterable) else None

    def __iter__(self) -> Iterator[Any]:
        """Yield the items, except those of cancelled calls."""
        try:
            for item in self._iterable:
                if not (self.cancelled and isinstance(item, Future) and item.cancelled()):
                    yield item
        except CancelledError:
            if not self.cancelled:
                raise

    @property
    def ended(self) -> int:
        """The number of calls that have ended."""
        return sum(future.done() and not future.cancelled() for future in self._futures)

    @property
    def running(self) -> int:
        """The number of calls that are under way."""
        return sum(future.running() for future in self._futures)

    def cancel_queued(self) -> None:
        """Cancel the calls that have not begun."""
        # From the last: a worker that has taken a call may not have begun it yet. If that one were cancelled,
        # `map` would end there, and the result of a later call that has begun would be lost.
        for future in reversed(self._futures):
            if future.cancelled():
                continue
            if future.cancel():
                self.cancelled += 1
            elif self._is_in_order:
                break


def ended_ahead(iterable: object) -> int:
    """Return how many calls of an iterable whose work runs ahead have ended; 0 if none can be watched.

    Args:
        iterable: The iterable.
    """
    work = WorkAhead.of(iterable)
    return 0 if work is None else work.ended


class Flow:
    """Estimates the cost of calls that run ahead of a loop, by when they ended and by readings. Pure."""

    def __init__(self) -> None:
        """Start without calls."""
        self._ends: list[float] = []
        self._lag: float | None = None
        self._spent = NOTHING
        self._read_at = 0.0

    def record(self, spent: Decimal, ended: int, now: float) -> None:
        """Record a reading.

        Args:
            spent: Credits spent since the loop began.
            ended: The number of calls that had ended since then, when the reading was requested.
            now: When the reading was requested, in monotonic seconds.
        """
        self._ends += [now] * (ended - len(self._ends))
        self._spent, self._read_at = spent, now
        if self._lag is None and spent > 0:
            self._lag = now - self._ends[0] if self._ends else 0.0

    def at_most(self, running: int, expected: Decimal | None = None, *, earlier: int = 0) -> Decimal:
        """Return what all calls will have cost, in credits, if one more begins.

        Args:
            running: The number of calls that are under way.
            expected: What a call is expected to cost, used until one has been charged; None if unknown.
            earlier: The number of calls that had ended by the first reading, priced like the others.
        """
        by = self._read_at - (math.inf if self._lag is None else self._lag)
        charged = sum(end <= by for end in self._ends)
        # Calls may be charged when they begin or when they end.
        price = mean(self._spent, max(charged + running, 1)) or expected or NOTHING
        return total((self._spent, product(price, earlier + len(self._ends) - charged + running + 1)))


def _futures_of(iterable: object) -> Iterator[Future[Any]]:
    """Yield the futures that a generator of `concurrent.futures` holds."""
    if not inspect.isgenerator(iterable):
        return
    held = inspect.getgeneratorlocals(iterable)
    futures = list(held.get("fs") or ())
    if inspect.getgeneratorstate(iterable) != inspect.GEN_CREATED:
        futures.reverse()  # once `map` has begun, it takes them from the end
    yield from (each for each in futures if isinstance(each, Future))
    yield from _futures_of(held.get("iterable"))  # a process pool chains the lists of its chunks
