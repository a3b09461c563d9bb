"""Sets a fetcher's traits, one change at a time; a failing observer affects nothing else."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from traitlets import All, EventHandler, HasTraits

from ..runtime import forget_after_fork, guarded
from . import forecast
from .status import Status, status_after_stop, status_of
from .tally import Tally

if TYPE_CHECKING:
    from .. import errors
    from ..credits import Credits

log = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds for which observers may hold back another thread's change before it is left to their thread."""
MAX_LEFT = 100
"""The number of changes that may be left to it; only the newest are kept."""
MAX_POINTS = 1000
"""The number of readings whose spending is kept for the burn rate."""


class Traits(Protocol):
    """The traits of a fetcher that are set here; `CreditsFetcher` documents them."""

    credits: Any
    status: Any
    spent: Any
    revision: Any


class Publisher:
    """Sets the traits of one fetcher; thread-safe.

    Observers are called with its lock held, so they see changes one after another. The caller must not hold
    any other lock that an observer may want. An observer that never returns keeps the lock forever, so only
    the fetcher's own thread waits for it, in `publish`. All others call `make`, which doesn't.
    """

    def __init__(self, traits: Traits) -> None:
        """Start with nothing read.

        Args:
            traits: The fetcher.
        """
        self._traits = traits
        self._lock = threading.RLock()
        self._owner: int | None = None
        self._since: float | None = None
        self._left: deque[Callable[[], object]] = deque(maxlen=MAX_LEFT)
        self._last_status = Status.LOADING
        self._tally: Tally | None = None
        self._points: deque[forecast.Point] = deque(maxlen=MAX_POINTS)
        forget_after_fork(self)

    @property
    def in_observer(self) -> bool:
        """Whether the calling code was itself called by an observer of the fetcher."""
        return self._owner == threading.get_ident()

    @property
    def held_for(self) -> float:
        """Seconds for which observers have been handling the current change; 0 if there is none."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    @contextlib.contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Hold back all other changes, so that nothing a change depends on changes before it is made."""
        with self._lock:
            outer = self._owner, self._since
            self._owner, self._since = threading.get_ident(), self._since or time.monotonic()
            try:
                yield
            finally:
                self._owner, self._since = outer
        # After the release: a thread that leaves a change then checks whether the lock is free.
        if outer == (None, None):
            self._make_what_is_left()

    def make(self, change: Callable[[], object]) -> None:
        """Make a change now, or leave it to the thread of observers that hold it back until they return.

        Args:
            change: The function that makes it by calling `publish`.
        """
        lock = self._lock  # an observer may fork, and the child has a different one
        if lock.acquire(timeout=max(PATIENCE - self.held_for, 0.0)):
            try:
                with self.one_at_a_time():
                    change()
            finally:
                lock.release()
        else:
            log.warning("An observer of the credits fetcher has not returned for %.1f s.", self.held_for)
            self._left.append(change)
        self._make_what_is_left()

    def _make_what_is_left(self) -> None:
        lock = self._lock
        while self._left and lock.acquire(blocking=False):
            try:
                with contextlib.suppress(IndexError), self.one_at_a_time():
                    self._left.popleft()()
            finally:
                lock.release()

    def publish(self, **changes: Any) -> None:
        """Make one change: set the traits, then the revision. Waits as long as an observer takes.

        Args:
            changes: The traits' new values.
        """
        with self.one_at_a_time():
            if changes.get("status", Status.REFRESHING) is not Status.REFRESHING:
                self._last_status = changes["status"]
            for name, value in changes.items():
                setattr(self._traits, name, value)
            self._traits.revision += 1

    def publish_status(self, status: Status) -> None:
        """Publish a status, unless it is unchanged."""
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
        """Publish a new reading and the values computed from it.

        Args:
            reading: The reading.
            paused: Whether reading is paused, so that nothing will keep it fresh.
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
        """Start afresh in a forked child, where nothing reads."""
        self._lock, self._owner, self._since = threading.RLock(), None, None
        self._left.clear()
        self._last_status = status_after_stop(self._last_status, kept=True)


class SafeObservers(HasTraits):
    """Traits whose observers can't stop one another."""

    def observe(
        self,
        handler: Callable[[Any], Any],
        names: Any = All,
        type: Any = "change",  # noqa: A002 - traitlets' name for it
    ) -> None:
        """Call ``handler`` on changes, as `traitlets.HasTraits.observe` does; log what it raises.

        Args:
            handler: Called with each change.
            names: The traits; all by default.
            type: The kind of change.
        """
        super().observe(safe(handler), names, type)


def safe(handler: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return an observer that can't stop the others.

    Args:
        handler: Called with each change. A method declared as an observer in its class is returned unchanged,
            because traitlets recognizes it by its type.
    """
    return handler if isinstance(handler, EventHandler) else SafeObserver(handler)


class SafeObserver:
    """An observer that can't stop the others: what it raises, even to exit, is logged.

    It equals the handler it wraps, so ``unobserve`` finds it.
    """

    def __init__(self, handler: Callable[[Any], Any]) -> None:
        """Wrap a handler.

        Args:
            handler: Called with each change.
        """
        self._handler = handler

    def __call__(self, change: Any) -> None:
        """Call the handler with a change."""
        with guarded("An observer of the credits fetcher failed."):
            self._handler(change)

    def __eq__(self, other: object) -> bool:
        return self._handler == (other._handler if isinstance(other, SafeObserver) else other)

    def __hash__(self) -> int:
        return hash(self._handler)
