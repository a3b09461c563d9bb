"""What is measured at the same time: inside other work, beside it, and while earlier work still settles."""

from __future__ import annotations

import contextvars
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from .. import runtime
from .settler import Settler

if TYPE_CHECKING:
    from ..polling.fetcher import CreditsFetcher


class Measured(Protocol):
    """Work that is measured on an account, from its beginning until its cost is sure."""

    @property
    def fetcher(self) -> CreditsFetcher:
        """What reads the account."""

    @property
    def is_over(self) -> bool:
        """Whether the work has ended; its cost may be settling still."""


W = TypeVar("W", bound=Measured)


class Others(NamedTuple, Generic[W]):
    """The other work on the account as one piece begins: around it, beside it, and over but settling."""

    enclosing: list[W]
    concurrent: list[W]
    settling: list[W]


@dataclass
class _Account(Generic[W]):
    """What is measured on one account, and what settles it."""

    settler: Settler
    work: set[W] = field(default_factory=set)


class ActiveMeasurements(Generic[W]):
    """All the work whose cost is not sure yet, on any account; for use from any thread.

    It owns each account's settler, and lets go of it with the account's last work.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._accounts: dict[CreditsFetcher, _Account[W]] = {}
        # The work around the running code, outermost first: what runs inside another's is no overlap.
        self._enclosing: contextvars.ContextVar[tuple[W, ...]] = contextvars.ContextVar(
            "evolink_nb_measured", default=()
        )
        runtime.forget_after_fork(self)

    def enter(self, work: W) -> Others[W]:
        """Let ``work`` begin in the running context.

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
        return Others(list(enclosing), list(others.difference(settling)), settling)

    def leave(self, work: W) -> None:
        """Let what runs on in this context be inside ``work`` no longer.

        Args:
            work: What ends.
        """
        self._enclosing.set(tuple(other for other in self._enclosing.get() if other is not work))

    def enclosing(self) -> tuple[W, ...]:
        """Return the work that the running code is inside of, outermost first."""
        return self._enclosing.get()

    def settler_of(self, work: W) -> Settler:
        """Return what settles the account of ``work``.

        Args:
            work: It; between `enter` and `finish` the settler stays the same.
        """
        with self._lock:
            account = self._accounts.get(work.fetcher)
        # What was forgotten, as in a forked child, is settled for itself: nothing would let go of it again.
        return Settler(work.fetcher) if account is None else account.settler

    def finish(self, work: W) -> None:
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

    def all(self) -> list[W]:
        """Return all the work there is."""
        with self._lock:
            return [each for account in self._accounts.values() for each in account.work]

    def after_fork(self) -> None:
        """Forget the parent's work, which settles there; called in a forked child."""
        self._lock = threading.Lock()
        self._accounts = {}
