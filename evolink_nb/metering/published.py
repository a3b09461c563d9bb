"""Publishes one cost as it settles: to a listener, the ledger and waiting callers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from ..runtime import guarded, wait_for
from . import ledger
from .cost import Cost

if TYPE_CHECKING:
    from .attribution.work import Work

log = logging.getLogger(__name__)

M = TypeVar("M")
M_contra = TypeVar("M_contra", contravariant=True)


class Listener(Protocol[M_contra]):
    """An observer of one measurement, called on the thread that settles it."""

    def changed(self, measurement: M_contra) -> None:
        """Handle a change of ``cost``."""

    def final(self, measurement: M_contra) -> None:
        """Handle the final cost; called once."""


class Member(Protocol):
    """Measured work whose cost its account publishes."""

    @property
    def work(self) -> Work:
        """The work."""

    def publish(self) -> None:
        """Publish the work's cost, and whether it is final."""


class PublishedCost(Generic[M]):
    """The cost of one measurement. Failures in the ledger or the listener are only logged.

    Attributes:
        value: The cost, as far as known.
    """

    def __init__(self, measurement: M, listener: Listener[M] | None) -> None:
        """Start with an unknown cost.

        Args:
            measurement: The measurement.
            listener: Notified of its cost.
        """
        self.value = Cost()
        self._measurement = measurement
        self._listener = listener
        self._amend: Callable[[Cost], None] | None = None
        self._has_figure, self._is_final = threading.Event(), threading.Event()

    @property
    def is_recorded(self) -> bool:
        """Whether the cost is in the ledger."""
        return self._amend is not None

    def record(self, entry: ledger.Entry) -> None:
        """Record the cost in the ledger in use, and amend the entry from now on.

        Args:
            entry: The run.
        """
        book = ledger.current()
        with guarded("A cost could not be kept in the ledger."):
            self._amend = partial(book.amend, book.record(entry))

    def update(self, cost: Cost) -> None:
        """Publish the cost, if it has changed.

        Args:
            cost: The cost, as far as known.
        """
        if cost == self.value:
            return
        self.value = cost
        log.debug("cost: %s credits, %s", cost.credits, cost.confidence)
        self._has_figure.set()
        if self._amend is not None:
            with guarded("A cost could not be kept in the ledger."):
                self._amend(cost)
        if self._listener is not None:
            with guarded("A cost could not be shown."):
                self._listener.changed(self._measurement)

    def finish(self, *, quietly: bool = False) -> None:
        """Publish that the cost is final.

        Args:
            quietly: Whether to skip the listener, as for work that never began and has no cost.
        """
        self._is_final.set()
        self._has_figure.set()
        if not quietly:
            log.info("settled: %s credits, %s", self.value.credits, self.value.confidence)
        if self._listener is not None and not quietly:
            with guarded("Showing a settled cost failed."):
                self._listener.final(self._measurement)

    def wait(self, seconds: float | None, *, for_first: bool = False) -> bool:
        """Wait until the cost is final.

        Args:
            seconds: The longest time to wait; None waits without limit.
            for_first: Whether to wait only for the first figure.

        Returns:
            Whether the wait is over.
        """
        return wait_for(self._has_figure if for_first else self._is_final, seconds)
