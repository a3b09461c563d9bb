"""Keeps a reading fresh on one thread and lets others observe it (traitlets)."""

from __future__ import annotations

import atexit
import copy
import logging
import random
import threading
import time
import weakref
from collections.abc import Callable, Hashable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from traitlets import All, Float, HasTraits, Instance, Int, TraitError, Unicode, validate

from . import errors, settings
from .credits import Credits

log = logging.getLogger(__name__)

LONGEST_PAUSE = 300.0
"""Seconds between two tries at most, however often they failed before."""
SHORTEST_INTERVAL = 0.1
"""Seconds between two readings at least, whatever is asked for."""


class Client(Protocol):
    """What a fetcher needs of `evolink_nb.EvoLinkClient`."""

    identity: str

    def get_credits(self) -> Credits:
        """Read the balance now, or raise an `EvoLinkError`."""

    def close(self) -> None:
        """Give up a read under way."""


class Clock:
    """The time a fetcher lives by; tests bring one that they move."""

    def monotonic(self) -> float:
        """Give seconds that only grow."""
        return time.monotonic()

    def now(self) -> datetime:
        """Give the time of day, aware."""
        return datetime.now(UTC)

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        """Wait, ``condition`` held, until it is notified or ``seconds`` have passed."""
        condition.wait(seconds)


class CreditsFetcher(HasTraits):
    """Reads the balance every ``interval`` seconds and whenever asked; observe its traits.

    All traits but ``interval`` are the fetcher's to set. They change on its thread; an observer that
    raises is logged and harms nobody else. Failures never touch ``credits`` and ``updated_at``.
    """

    credits = Instance(Credits, allow_none=True, help="The last good reading.")
    status = Unicode(
        "loading",
        help="loading, live, refreshing, paused (stopped), rate-limited, unauthorized, offline or error.",
    )
    error = Instance(errors.EvoLinkError, allow_none=True, help="Why the last try failed; None if it didn't.")
    updated_at = Instance(datetime, allow_none=True, help="When the last good reading was taken; aware.")
    retry_at = Instance(datetime, allow_none=True, help="When the server allows the next try; aware.")
    interval = Float(settings.INTERVAL, help="Seconds between two readings.")
    revision = Int(0, help="Counts changes; set last, so that its observers see all of one change at once.")

    def __init__(
        self,
        client: Client,
        interval: float = settings.INTERVAL,
        *,
        clock: Clock | None = None,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """Take the client to ask and the cadence; nothing is asked before `start` or `refresh`."""
        super().__init__(interval=interval)
        self.client = client
        self._clock = clock or Clock()
        self._jitter = jitter
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._viewers: dict[Hashable, float] = {}
        self._asked = False
        self._reading = False
        self._readings_ended = 0
        self._failures = 0
        self._started = self._not_before = self._clock.monotonic()
        self._next_at: float | None = self._started
        self.observe(self._follow_interval, "interval")

    def __repr__(self) -> str:
        return f"CreditsFetcher({self.client!r}, interval={self.interval:g}, status={self.status!r})"

    # -- life ------------------------------------------------------------------------------------------

    @classmethod
    def shared(cls, client: Client, interval: float = settings.INTERVAL) -> CreditsFetcher:
        """Give this process's one fetcher for the client's base URL and key, made if there is none.

        It keeps its last reading when its thread is stopped, for whoever comes next.
        """
        with _registry_lock:
            fetcher = _shared.get(client.identity)
            if fetcher is None:
                fetcher = _shared[client.identity] = cls(client, interval)
            return fetcher

    @property
    def running(self) -> bool:
        """Whether its thread keeps the reading fresh."""
        return self._thread is not None

    def start(self) -> None:
        """Keep the reading fresh until `stop`, whether anything views it or not."""
        self.attach(self, self.interval)

    def attach(self, viewer: Hashable, interval: float) -> None:
        """Keep the reading fresh while ``viewer`` is attached; the shortest interval asked for counts."""
        interval = max(interval, SHORTEST_INTERVAL)
        with self._changed:
            self._viewers[viewer] = interval
            if self._thread is None:
                self._next_at = self._clock.monotonic()
                self._thread = threading.Thread(target=self._run, name="evolink-nb-fetcher", daemon=True)
                _running.add(self)
                self._thread.start()
            shortest = min(self._viewers.values())
        self.interval = shortest

    def detach(self, viewer: Hashable) -> None:
        """Let ``viewer`` go; the last one to go stops the thread."""
        with self._changed:
            if self._viewers.pop(viewer, None) is None:
                return
            intervals = list(self._viewers.values())
        if intervals:
            self.interval = min(intervals)
        else:
            self.stop()

    def stop(self) -> None:
        """End the thread, giving up a read under way. The last reading stays; `start` begins anew."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._viewers.clear()
            self._asked = False
            self._changed.notify_all()
        if thread is None:
            return
        _running.discard(self)
        self.client.close()
        if thread is not threading.current_thread():
            thread.join(timeout=2.0)
        self._rest()

    # -- asking ----------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Ask for a reading now, from any thread.

        Joins a read under way. Returns at once where the thread runs; else reads before it returns.
        While the server asks to be left alone, the reading comes when that time is over.
        """
        with self._changed:
            if self._reading:
                return
            if self._thread is not None:
                self._asked = True
                self._changed.notify_all()
                return
            self._reading = True
        self._read(None, asked=True)

    def read(self) -> Credits:
        """Give a reading taken now, shared with every observer, or raise the `EvoLinkError` that came."""
        with self._changed:
            if self.error is not None and self._clock.monotonic() < self._not_before:
                raise copy.copy(self.error)
            ended = self._readings_ended
        self.refresh()
        with self._changed:
            while self._readings_ended == ended and (self._reading or self._thread is not None):
                self._changed.wait()
        if self.error is not None:
            # A copy: raising ours would tie the caller's frames, and all their data, to it.
            raise copy.copy(self.error)
        if self.credits is None:
            raise errors.EvoLinkError("The fetcher was stopped before it had a reading.")
        return self.credits

    def wait(self, seconds: float) -> None:
        """Wait for the first try to end, ``seconds`` at most."""
        with self._changed:
            self._changed.wait_for(lambda: self._readings_ended or self._thread is None, seconds)

    # -- the thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        me = threading.current_thread()
        while True:
            with self._changed:
                while self._thread is me and not self._is_due():
                    self._clock.wait(self._changed, self._seconds_left())
                if self._thread is not me:
                    return
                asked, self._asked, self._reading = self._asked, False, True
            self._read(me, asked=asked)

    def _is_due(self) -> bool:
        left = self._seconds_left()
        return not self._reading and left is not None and left <= 0

    def _seconds_left(self) -> float | None:
        """Give the seconds until the next try, None when only a person can bring it about."""
        if self._reading:  # on another thread, which will notify
            return None
        if self._next_at is None and not self._asked:
            return None
        due = self._not_before if self._asked or self._next_at is None else self._next_at
        return max(due, self._not_before) - self._clock.monotonic()

    def _read(self, thread: threading.Thread | None, *, asked: bool) -> None:
        """Make one try, on ``thread`` or on the caller's own, plan the next, and let the observers know."""
        started, status = self._clock.monotonic(), self.status
        try:
            if asked or self.status == "paused":
                self._publish(status="loading" if self.credits is None else "refreshing")
            try:
                credits: Credits | None = self.client.get_credits()
                error = None
            except errors.EvoLinkError as raised:
                # Kept for as long as it is true, so without the frames it came through.
                credits, error = None, raised.with_traceback(None)
            except Exception as raised:  # noqa: BLE001 - a flaw of ours must not end the thread
                name = type(raised).__name__
                credits, error = None, errors.EvoLinkError(f"The reading failed unexpectedly ({name}).")
            except BaseException:  # a person's interrupt: all is as it was
                self._publish(status=status)
                raise
            with self._changed:
                # A read given up by stop() says nothing about the account.
                given_up = thread is not None and self._thread is not thread
                if not given_up:
                    self._plan(started, error)
            if not given_up:
                self._announce(credits, error)
            if thread is not None:
                self._rest()  # an observer may have stopped it
        finally:
            with self._changed:
                self._reading = False
                self._readings_ended += 1
                self._changed.notify_all()

    def _plan(self, started: float, error: errors.EvoLinkError | None) -> None:
        now = self._clock.monotonic()
        self._not_before = now
        self._started = started
        if error is None:
            self._failures = 0
            self._next_at = started + self.interval
            return
        self._failures += 1
        if isinstance(error, _NEEDS_A_PERSON):
            self._next_at = None
            return
        asked_to_wait = getattr(error, "retry_after", None)
        if asked_to_wait is not None:
            self._not_before = now + asked_to_wait
        pause = min(self.interval * 2 ** min(self._failures - 1, 10), max(LONGEST_PAUSE, self.interval))
        self._next_at = max(now + pause * self._jitter(1.0, 1.25), self._not_before)

    def _announce(self, credits: Credits | None, error: errors.EvoLinkError | None) -> None:
        if credits is not None:
            self._publish(
                credits=credits, updated_at=credits.read_at, error=None, retry_at=None, status="live"
            )
            return
        waiting = self._not_before - self._clock.monotonic()
        retry_at = self._clock.now() + timedelta(seconds=waiting) if waiting > 0 else None
        self._publish(error=error, retry_at=retry_at, status=_status_of(error))

    def _rest(self) -> None:
        """Claim no freshness once the thread has been stopped."""
        if self._thread is None and self.status in {"loading", "live", "refreshing"}:
            self._publish(status="paused")

    def _publish(self, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self, name, value)
        self.revision += 1

    # -- traits ----------------------------------------------------------------------------------------

    def observe(
        self,
        handler: Callable[[Any], Any],
        names: Any = All,
        type: Any = "change",  # noqa: A002 - traitlets' name for it
    ) -> None:
        """Call ``handler`` on changes, as `traitlets.HasTraits.observe` does; what it raises is logged."""
        super().observe(_Guarded(handler), names, type)

    @validate("interval")
    def _check_interval(self, proposal: Any) -> float:
        seconds = float(proposal["value"])
        if not SHORTEST_INTERVAL <= seconds < float("inf"):
            raise TraitError(f"interval must be at least {SHORTEST_INTERVAL} seconds, not {seconds:g}.")
        return seconds

    def _follow_interval(self, _change: Any) -> None:
        with self._changed:
            # What is due already, a first reading above all, is not put off.
            is_ahead = self._next_at is not None and self._next_at > self._clock.monotonic()
            if is_ahead and not self._failures:
                self._next_at = self._started + self.interval
            self._changed.notify_all()


class _Guarded:
    """An observer that can't stop the others: what it raises is logged.

    Equal to the handler it guards, which is how ``unobserve`` finds it.
    """

    def __init__(self, handler: Callable[[Any], Any]) -> None:
        self._handler = handler

    def __call__(self, change: Any) -> None:
        try:
            self._handler(change)
        except Exception:
            log.exception("An observer of the credits fetcher failed.")

    def __eq__(self, other: object) -> bool:
        return self._handler == (other._handler if isinstance(other, _Guarded) else other)

    def __hash__(self) -> int:
        return hash(self._handler)


_NEEDS_A_PERSON = (errors.AuthenticationError, errors.PaymentRequiredError, errors.PermissionDeniedError)


def _status_of(error: errors.EvoLinkError | None) -> str:
    if isinstance(error, _NEEDS_A_PERSON):
        return "unauthorized"
    if isinstance(error, errors.RateLimitError):
        return "rate-limited"
    return "offline" if isinstance(error, errors.APIConnectionError) else "error"


_registry_lock = threading.Lock()
_shared: dict[str, CreditsFetcher] = {}
_running: weakref.WeakSet[CreditsFetcher] = weakref.WeakSet()


@atexit.register
def stop_all() -> None:
    """Stop every fetcher of this process; at exit, and when the extension is unloaded."""
    for fetcher in list(_running):
        fetcher.stop()
    with _registry_lock:
        idle = list(_shared.values())
        _shared.clear()
    for fetcher in idle:
        fetcher.client.close()
