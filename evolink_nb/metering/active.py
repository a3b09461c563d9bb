"""What is measured at the same time: inside other work, beside it, and while earlier work still settles."""

from __future__ import annotations

import contextvars
import threading
import weakref
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

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

    around: list[W]
    beside: list[W]
    settling: list[W]


class UnderWay(Generic[W]):
    """All the work whose cost is not sure yet, on any account; for use from any thread."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._of: weakref.WeakKeyDictionary[CreditsFetcher, set[W]] = weakref.WeakKeyDictionary()
        # The work around the running code, outermost first: what runs inside another's is no disturbance.
        self._around: contextvars.ContextVar[tuple[W, ...]] = contextvars.ContextVar(
            "evolink_nb_measured", default=()
        )

    def enter(self, work: W) -> Others[W]:
        """Let ``work`` begin in the running context, and tell what else there is."""
        # Contexts are copied: one that began inside work which is over by now still has it here.
        around = tuple(other for other in self._around.get() if not other.is_over)
        self._around.set((*around, work))
        with self._lock:
            all_others = self._of.setdefault(work.fetcher, set())
            others = all_others.difference(around)
            all_others.add(work)
        settling = [other for other in others if other.is_over]
        return Others(list(around), list(others.difference(settling)), settling)

    def leave(self, work: W) -> None:
        """Let what runs on in this context be inside ``work`` no longer."""
        self._around.set(tuple(other for other in self._around.get() if other is not work))

    def around(self) -> tuple[W, ...]:
        """Give the work that the running code is inside of, outermost first."""
        return self._around.get()

    def finish(self, work: W) -> None:
        """Forget ``work``: its cost is sure, or never will be."""
        with self._lock:
            self._of.get(work.fetcher, set()).discard(work)

    def all(self) -> list[W]:
        """Give all the work there is."""
        with self._lock:
            return [each for those in self._of.values() for each in those]
