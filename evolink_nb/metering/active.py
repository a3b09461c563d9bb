"""What is measured at the same time: inside other work, beside it, and while earlier work still settles."""

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


CANCEL_GRACE = 2.0
"""Seconds for which cancelling waits for what settles to end."""

AT_THE_SAME_TIME = "other metered work ran at the same time"


class Measured(Protocol):
    """What measurements of one account know of each other."""

    @property
    def fetcher(self) -> CreditsFetcher:
        """What reads the account."""

    @property
    def covers_kernel(self) -> bool:
        """Whether it is all that the kernel does meanwhile: what is measured then is part of it."""

    @property
    def is_over(self) -> bool:
        """Whether the work has ended; its cost may be settling still."""

    @property
    def is_sure(self) -> bool:
        """Whether the cost will not move any more."""

    @property
    def is_zero(self) -> bool:
        """Whether it is sure that nothing was spent."""

    def mark_shared(self, reason: str) -> None:
        """Record what else may have spent meanwhile."""

    def offer(self, reading: Credits) -> None:
        """Assess the cost by a reading that was made for other work."""

    def supersede(self) -> None:
        """Record that other work begins before the cost has settled."""

    def cancel(self) -> None:
        """End settling with what is known by now."""

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the cost is final."""


class Others(NamedTuple):
    """The other work on the account as one piece begins: around it, beside it, and over but settling."""

    enclosing: list[Measured]
    concurrent: list[Measured]
    settling: list[Measured]


@dataclass
class _Account:
    """What is measured on one account, and what settles it."""

    settler: Settler
    work: set[Measured] = field(default_factory=set)


class ActiveMeasurements:
    """All the work whose cost is not sure yet, on any account; for use from any thread.

    It owns each account's settler, and lets go of it with the account's last work.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._accounts: dict[CreditsFetcher, _Account] = {}
        # The work around the running code, outermost first: what runs inside another's is no overlap.
        self._enclosing: contextvars.ContextVar[tuple[Measured, ...]] = contextvars.ContextVar(
            "evolink_nb_measured", default=()
        )
        runtime.forget_after_fork(self)

    def enter(self, work: Measured) -> Others:
        """Let ``work`` begin in the running context, and mark it and what runs beside it as shared.

        Args:
            work: What begins.

        Returns:
            What else there is on its account.
        """
        # Contexts are copied: one that began inside work which is over by now still has it here.
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
        """Let what runs on in this context be inside ``work`` no longer.

        Args:
            work: What ends.
        """
        self._enclosing.set(tuple(other for other in self._enclosing.get() if other is not work))

    def enclosing(self) -> tuple[Measured, ...]:
        """Return the work that the running code is inside of, outermost first."""
        return self._enclosing.get()

    def settler_of(self, work: Measured) -> Settler:
        """Return what settles the account of ``work``.

        Args:
            work: It; between `enter` and `finish` the settler stays the same.
        """
        with self._lock:
            account = self._accounts.get(work.fetcher)
        # What was forgotten, as in a forked child, is settled for itself: nothing would let go of it again.
        return Settler(work.fetcher) if account is None else account.settler

    def finish(self, work: Measured) -> None:
        """Forget ``work``: its cost is sure, or never will be.

        Args:
            work: It; nothing happens where it is forgotten already.
        """
        with self._lock:
            account = self._accounts.get(work.fetcher)
            if account is not None:
                account.work.discard(work)
                if not account.work:
                    del self._accounts[work.fetcher]

    def all(self) -> list[Measured]:
        """Return all the work there is."""
        with self._lock:
            return [each for account in self._accounts.values() for each in account.work]

    def supersede_all(self) -> None:
        """Record for all that is still settling that other work begins, which may spend."""
        for each in self.all():
            each.supersede()

    def cancel_all(self) -> None:
        """End all settling with what is known by now, giving up reads under way."""
        cancelled = self.all()
        for each in cancelled:
            each.cancel()
            each.fetcher.client.close()
        deadline = time.monotonic() + CANCEL_GRACE
        for each in cancelled:
            if each.is_over:
                each.wait(max(deadline - time.monotonic(), 0.0))

    def after_fork(self) -> None:
        """Forget the parent's work, which settles there; called in a forked child."""
        self._lock = threading.Lock()
        self._accounts = {}


active_measurements = ActiveMeasurements()
"""The measurements of this process whose cost is not sure yet."""
