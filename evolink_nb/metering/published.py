"""One cost as it gets sure, and all who are told of it: a listener, the ledger, and whoever waits."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Generic, Protocol, TypeVar

from . import ledger
from .cost import Cost

log = logging.getLogger(__name__)

M = TypeVar("M")
M_contra = TypeVar("M_contra", contravariant=True)


class Listener(Protocol[M_contra]):
    """What is told of one measurement, on the thread that settles it."""

    def began(self, measurement: M_contra) -> None:
        """Learn how things stood before the work; once, before the others."""

    def changed(self, measurement: M_contra) -> None:
        """Learn that its ``cost`` has changed."""

    def final(self, measurement: M_contra) -> None:
        """Learn that nothing changes any more; once."""


class PublishedCost(Generic[M]):
    """The cost of one measurement. What fails where it is kept or shown is logged, and harms nothing else.

    Attributes:
        value: The cost as far as it is known.
    """

    def __init__(self, measurement: M, listener: Listener[M] | None) -> None:
        """Begin with a cost that is not known.

        Args:
            measurement: Whose cost it is.
            listener: Told of it.
        """
        self.value = Cost()
        self._measurement = measurement
        self._listener = listener
        self._has_begun = False
        self._amend: Callable[[Cost], None] | None = None
        self._has_figure, self._is_final = threading.Event(), threading.Event()

    @property
    def is_recorded(self) -> bool:
        """Whether it is in the ledger."""
        return self._amend is not None

    def record(self, entry: ledger.Entry) -> None:
        """Enter it into the ledger in use; the entry is amended from now on.

        Args:
            entry: The run whose cost it is.
        """
        book = ledger.current()
        with _guarded("A cost could not be kept in the ledger."):
            self._amend = partial(book.amend, book.record(entry))

    def begin(self) -> None:
        """Let the listener know, once, that it is known how things stood before."""
        if not self._has_begun:
            self._has_begun = True
            if self._listener is not None:
                with _guarded("What a cost counts from could not be shown."):
                    self._listener.began(self._measurement)

    def update(self, cost: Cost) -> None:
        """Let everyone know of the cost, if it is news.

        Args:
            cost: As far as it is known by now.
        """
        if cost == self.value:
            return
        self.value = cost
        self._has_figure.set()
        if self._amend is not None:
            with _guarded("A cost could not be kept in the ledger."):
                self._amend(cost)
        if self._listener is not None:
            with _guarded("A cost could not be shown."):
                self._listener.changed(self._measurement)

    def finish(self, *, quietly: bool = False) -> None:
        """Let everyone know that it is final.

        Args:
            quietly: Whether the listener is not told: of work that never began there is no cost.
        """
        self._is_final.set()
        self._has_figure.set()
        if self._listener is not None and not quietly:
            with _guarded("A settled cost could not be shown."):
                self._listener.final(self._measurement)

    def wait(self, seconds: float | None, *, for_first: bool = False) -> bool:
        """Wait until it is final.

        Args:
            seconds: The most to wait; None waits without limit.
            for_first: Whether any figure will do.

        Returns:
            Whether it came.
        """
        return (self._has_figure if for_first else self._is_final).wait(seconds)


@contextlib.contextmanager
def _guarded(problem: str) -> Iterator[None]:
    """Let a ledger or a listener that fails, as one of the user's own may, harm nothing else."""
    try:
        yield
    except Exception:
        log.exception("%s", problem)
