"""Sets a fetcher's traits, one change at a time; a failing observer affects nothing else."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from ..runtime import forget_after_fork
from . import forecast
from .status import Status, status_after_stop, status_of
from .tally import Tally

if TYPE_CHECKING:
    from .. import errors
    from ..credits import Credits

log = logging.getLogger(__name__)

MAX_POINTS = 1000
"""The number of readings whose spending is kept for the burn rate."""


class Traits(Protocol):
    """The traits of a fetcher set here; `CreditsFetcher` documents them."""

    credits: Any
    status: Any
    spent: Any
    revision: Any


class Publisher:
    """Sets the traits of one fetcher; thread-safe.

    Observers are called with its lock held, so that they see changes one after the other. The caller must not
    hold any other lock that an observer may want.
    """

    def __init__(self, traits: Traits) -> None:
        """Start with nothing read.

        Args:
            traits: The fetcher.
        """
        self._traits = traits
        self._lock = threading.RLock()
        self._owner: int | None = None
        self._last_status = Status.LOADING
        self._tally: Tally | None = None
        self._points: deque[forecast.Point] = deque(maxlen=MAX_POINTS)
        forget_after_fork(self)

    @property
    def in_observer(self) -> bool:
        """Whether the calling code was itself called by an observer of the fetcher."""
        return self._owner == threading.get_ident()

    @contextlib.contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Hold back all other changes, so that what a change depends on stays true until it is made."""
        with self._lock:
            outer, self._owner = self._owner, threading.get_ident()
            try:
                yield
            finally:
                self._owner = outer

    def publish(self, **changes: Any) -> None:
        """Make one change: set the traits, then the revision.

        Args:
            changes: The new value of each trait.
        """
        with self.one_at_a_time():
            if changes.get("status", Status.REFRESHING) is not Status.REFRESHING:
                self._last_status = changes["status"]
            for name, value in changes.items():
                setattr(self._traits, name, value)
            self._traits.revision += 1

    def publish_status(self, status: Status) -> None:
        """Publish a status; an unchanged one is not a change."""
        if self._traits.status is not status:
            self.publish(status=status)

    def publish_begin(self, *, requested: bool) -> None:
        """Publish that a read has begun, if it was requested or nothing has been read yet.

        Args:
            requested: Whether it was requested.
        """
        if requested or self._traits.status is Status.PAUSED:
            self.publish_status(Status.LOADING if self._traits.credits is None else Status.REFRESHING)

    def publish_reading(self, reading: Credits, *, paused: bool) -> None:
        """Publish a new reading and what follows from it.

        Args:
            reading: The reading.
            paused: Whether nothing will keep it fresh.
        """
        with self.one_at_a_time():
            self._tally = self._tally or Tally(reading)
            spent = self._tally.record(reading)
            self._points.append((reading.monotonic, spent))
            rate = forecast.burn_rate(self._points)
            self.publish(
                credits=reading,
                updated_at=reading.read_at,
                spent=spent,
                burn_rate=rate,
                runway=forecast.runway(reading.spendable, rate),
                error=None,
                retry_at=None,
                status=Status.PAUSED if paused else Status.LIVE,
            )

    def publish_failure(self, error: errors.EvoLinkError, retry_at: datetime | None) -> None:
        """Publish a failed attempt; the last reading stays.

        Args:
            error: The cause.
            retry_at: When the server allows the next attempt, aware; None if it sets no time.
        """
        self.publish(error=error, retry_at=retry_at, status=status_of(error))

    def publish_stop(self, *, kept: bool) -> None:
        """Publish that nothing reads any more.

        Args:
            kept: Whether subscribers were keeping the reading fresh.
        """
        self.publish_status(status_after_stop(self._last_status, kept=kept))

    def after_fork(self) -> None:
        """Start anew in a forked child, where nothing reads."""
        self._lock, self._owner = threading.RLock(), None
        self._last_status = status_after_stop(self._last_status, kept=True)


class SafeObserver:
    """An observer that can't stop the others: exceptions are logged.

    Equal to the handler it wraps, which is how ``unobserve`` finds it.
    """

    def __init__(self, handler: Callable[[Any], Any]) -> None:
        """Wrap a handler.

        Args:
            handler: Called with each change.
        """
        self._handler = handler

    def __call__(self, change: Any) -> None:
        """Call the handler with a change."""
        try:
            self._handler(change)
        except BaseException as error:
            # On the main thread an interrupt is meant for the user's code that set the trait, not for the
            # observer.
            on_main_thread = threading.current_thread() is threading.main_thread()
            if isinstance(error, KeyboardInterrupt) and on_main_thread:
                raise
            log.exception("An observer of the credits fetcher failed.")

    def __eq__(self, other: object) -> bool:
        return self._handler == (other._handler if isinstance(other, SafeObserver) else other)

    def __hash__(self) -> int:
        return hash(self._handler)
