"""The measurements under way: which work encloses, overlaps or precedes which."""

from __future__ import annotations

import contextvars
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .. import runtime
from .settler import Settler

if TYPE_CHECKING:
    from ..credits import Credits
    from ..polling.fetcher import CreditsFetcher


CANCEL_GRACE = 1.0
"""Seconds that cancelling waits for settling to end."""

AT_THE_SAME_TIME = "other metered work ran at the same time"


class Measured(Protocol):
    """What measurements of one account need to know of each other."""

    @property
    def fetcher(self) -> CreditsFetcher:
        """The fetcher that reads the account."""

    @property
    def covers_kernel(self) -> bool:
        """Whether the work is all the kernel does meanwhile: anything measured then is part of it."""

    @property
    def is_over(self) -> bool:
        """Whether the work has ended; its cost may still be settling."""

    @property
    def is_sure(self) -> bool:
        """Whether the cost can no longer change."""

    @property
    def is_zero(self) -> bool:
        """Whether it is certain that nothing was spent."""

    def mark_shared(self, reason: str) -> None:
        """Record what else may have spent meanwhile."""

    def offer(self, reading: Credits) -> None:
        """Assess the cost with a reading made for other work."""

    def supersede(self) -> None:
        """Record that other work begins before the cost has settled."""

    def cancel(self) -> None:
        """End settling with what is known so far."""

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the cost is final."""


class Others(NamedTuple):
    """The other work on the account when a piece of work begins: enclosing, concurrent, or still settling."""

    enclosing: list[Measured]
    concurrent: list[Measured]
    settling: list[Measured]


@dataclass
class _Account:
    """The measurements on one account, and its settler."""

    settler: Settler
    work: set[Measured] = field(default_factory=set)


class ActiveMeasurements:
    """All work, on any account, whose cost is not sure yet; thread-safe.

    It owns each account's settler, and drops it with the account's last work.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._accounts: dict[CreditsFetcher, _Account] = {}
        # The work enclosing the running code, outermost first: nested work is not an overlap.
        self._enclosing: contextvars.ContextVar[tuple[Measured, ...]] = contextvars.ContextVar(
            "evolink_nb_measured", default=()
        )
        runtime.forget_after_fork(self)

    def enter(self, work: Measured) -> Others:
        """Begin ``work`` in the current context, marking it and concurrent work as shared.

        Args:
            work: The work that begins.

        Returns:
            The other work on its account.
        """
        # Contexts are copied: one created inside work that is now over still has that work here.
        enclosing = tuple(other for other in self._enclosing.get() if not other.is_over)
        self._enclosing.set((*enclosing, work))
        with self._lock:
            account = self._accounts.get(work.fetcher)
            if account is None:
                account = self._accounts[work.fetcher] = _Account(Settler(work.fetcher))
            others = account.work.difference(enclosing)
            account.work.add(work)
        settling = [other for other in others if other.is_over]
        running = others.difference(settling)
        around = [other for other in running if other.covers_kernel]
        concurrent = list(running.difference(around))
        for other in concurrent:
            other.mark_shared(AT_THE_SAME_TIME)
            work.mark_shared(AT_THE_SAME_TIME)
        return Others([*enclosing, *around], concurrent, settling)

    def leave(self, work: Measured) -> None:
        """Stop treating what runs in this context as part of ``work``.

        Args:
            work: The work that ends.
        """
        self._enclosing.set(tuple(other for other in self._enclosing.get() if other is not work))

    def enclosing(self) -> tuple[Measured, ...]:
        """Return the work that encloses the running code, outermost first."""
        return self._enclosing.get()

    def settler_of(self, work: Measured) -> Settler:
        """Return the settler of ``work``'s account.

        Args:
            work: The work; its settler stays the same between `enter` and `finish`.
        """
        with self._lock:
            account = self._accounts.get(work.fetcher)
        # Forgotten work, as in a forked child, gets its own settler: nothing would ever drop a shared one.
        return Settler(work.fetcher) if account is None else account.settler

    def finish(self, work: Measured) -> None:
        """Forget ``work``: its cost is sure, or never will be.

        Args:
            work: The work; ignored if already forgotten.
        """
        with self._lock:
            account = self._accounts.get(work.fetcher)
            if account is not None:
                account.work.discard(work)
                if not account.work:
                    del self._accounts[work.fetcher]

    def all(self) -> list[Measured]:
        """Return all active work."""
        with self._lock:
            return [each for account in self._accounts.values() for each in account.work]

    def supersede_all(self) -> None:
        """Record for all work still settling that other work begins, which may spend."""
        for each in self.all():
            each.supersede()

    def cancel_all(self) -> None:
        """End all settling with what is known so far, cancelling reads in flight."""
        cancelled = self.all()
        for each in cancelled:
            each.cancel()
            each.fetcher.client.close()
        deadline = time.monotonic() + CANCEL_GRACE
        for each in cancelled:
            if each.is_over:
                each.wait(max(deadline - time.monotonic(), 0.0))

    def after_fork(self) -> None:
        """Forget the parent's work, which settles in the parent; called in a forked child."""
        self._lock = threading.Lock()
        self._accounts = {}


active_measurements = ActiveMeasurements()
"""This process's measurements whose cost is not sure yet."""
