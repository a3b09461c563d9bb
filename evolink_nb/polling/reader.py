"""Reads for all who want it, on one loop and one request at a time.

Three things decide when: who is subscribed (`Subscriptions`), what was asked for (`SingleFlight`), and the
plan for the next try (`Backoff`). The loop runs as long as there is a subscriber, or a caller that waits for
a read; there is no other way of reading.
"""

from __future__ import annotations

import contextlib
import copy
import math
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from datetime import timedelta
from typing import TYPE_CHECKING

from .. import errors
from ..credits import Credits
from ..runtime import Job, Loop, forget_after_fork
from .attempt import Client, Outcome, attempt, unexpected
from .backoff import Backoff
from .single_flight import SingleFlight
from .status import Status
from .subscriptions import Subscriptions

if TYPE_CHECKING:
    from .clock import Clock
    from .publisher import Publisher

THREAD_NAME = "evolink-nb-fetcher"
MAX_READINGS = 1000
"""Readings that are remembered for the burn rate and the sparkline."""
STOP_TIMEOUT = 2.0
"""Seconds that stopping waits for the loop's end at most."""


class Reader:
    """The reading part of a `CreditsFetcher`, which documents what each of these methods is for.

    It has a few methods more than 20: they share one lock, and the rule that it is never held while observers
    are told, which is easiest to see in one place. What they decide is decided by the classes named above.
    """

    def __init__(
        self,
        client: Client,
        publisher: Publisher,
        *,
        interval: float,
        clock: Clock,
        jitter: Callable[[float, float], float],
        threads: bool,
    ) -> None:
        """Prepare to read.

        Args:
            client: What to read with.
            publisher: What tells the observers.
            interval: Seconds between two readings.
            clock: What times and waits are measured by.
            jitter: Draws a number between two, for the pauses after failures.
            threads: Whether to read on a thread.
        """
        self._client = client
        self._publisher = publisher
        self._interval = interval
        self._clock = clock
        # Guards all of the following.
        self._lock = threading.RLock()
        self._subscriptions = Subscriptions()
        self._waiters: set[object] = set()
        self._flight = SingleFlight()
        self._backoff = Backoff(clock.monotonic(), jitter=jitter)
        self._readings: deque[Credits] = deque(maxlen=MAX_READINGS)
        self._error: errors.EvoLinkError | None = None
        # Whether there was a subscriber since the loop was started.
        self._kept = False
        self._loop = Loop(self._step, name=THREAD_NAME, timer=clock, on_error=self._fail, threads=threads)
        forget_after_fork(self)

    # -- subscribers -----------------------------------------------------------------------------------

    @property
    def has_subscribers(self) -> bool:
        """Whether anything keeps the reading fresh."""
        with self._lock:
            return bool(self._subscriptions)

    @property
    def shortest_interval(self) -> float | None:
        """The shortest interval that a subscriber wants, in seconds; None without any."""
        with self._lock:
            return self._subscriptions.shortest_interval

    def attach(self, subscriber: Hashable, interval: float, *, ignores_pause: bool) -> None:
        """Add a subscriber, and start the loop."""
        with self._lock:
            known = subscriber in self._subscriptions
            if not self._subscriptions:
                self._backoff.restart(self._clock.monotonic())
            self._subscriptions.add(subscriber, interval, ignores_pause=ignores_pause)
            try:
                self._run_loop()
            except BaseException:  # an interrupt, or one thread too many
                if not known:
                    self._subscriptions.remove(subscriber)
                raise
            self._kept = True

    def detach(self, subscriber: Hashable) -> None:
        """Remove a subscriber, and end the loop with the last."""
        with self._lock:
            removed = self._subscriptions.remove(subscriber)
            job = self._end_unneeded() if removed else None
        self._join(job)

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Remove all subscribers, give up the read under way and end the loop."""
        with self._lock:
            self._subscriptions.clear()
            job = self._end()
        self._join(job, timeout)

    @contextlib.contextmanager
    def changing(self, *, read_now: bool = False) -> Iterator[Subscriptions]:
        """Let what subscribers want be changed, and heed it."""
        with self._lock:
            yield self._subscriptions
            if read_now:
                self._backoff.restart(self._clock.monotonic())
            self.reschedule()

    def reschedule(self, interval: float | None = None) -> None:
        """Heed another interval, in seconds, or another cadence."""
        with self._lock:
            self._interval = self._interval if interval is None else interval
            cadence = self._subscriptions.cadence(self._interval)
            self._backoff.reschedule(cadence, self._clock.monotonic())
            self._loop.wake()

    # -- reading ---------------------------------------------------------------------------------------

    @property
    def readings(self) -> tuple[Credits, ...]:
        """The last good readings, oldest first."""
        with self._lock:
            return tuple(self._readings)

    @property
    def retry_after_left(self) -> float:
        """Seconds for which the server wants no request."""
        with self._lock:
            return self._backoff.retry_after_left(self._clock.monotonic())

    def refresh(self) -> None:
        """Ask for a reading, and wait for it only where there is no subscriber."""
        with self._lock:
            joins = self._publisher.in_observer and self._flight.in_flight is not None
            if self._subscriptions or joins:
                self._flight.request(fresh=False)
                self._run_loop()
                return
            if self.retry_after_left:
                return
        self._wait_for_read(fresh=False)

    def read(self, *, fresh: bool) -> Credits:
        """Return a reading, ``fresh`` if it must begin after this call, or raise why there is none."""
        with self._lock:
            if self._flight.in_flight is None and self.retry_after_left:
                _raise_copy(self._error)
        future = self._wait_for_read(fresh=fresh)
        if future.cancelled():
            raise errors.EvoLinkError("The fetcher was stopped before it had a reading.")
        _raise_copy(future.exception())
        return future.result()

    def wait(self, seconds: float) -> None:
        """Wait for the first try to end; not where nothing is going to try."""
        with self._lock:
            tried = self._flight.in_flight is None and bool(self._readings or self._error)
            idle = not self._subscriptions or self._subscriptions.is_paused
            if tried or idle or self._publisher.in_observer:
                return
            future = self._flight.request(fresh=False)
            self._run_loop()
        self._loop.wait_for(future, seconds)

    def _wait_for_read(self, *, fresh: bool) -> Future[Credits]:
        """Ask for a read and wait; no subscriber that goes meanwhile takes it along."""
        if self._publisher.in_observer:
            raise errors.EvoLinkError(
                "An observer of a fetcher can't wait for a reading of it.",
                hint="Use the fetcher's credits: they are the newest.",
            )
        waiter = object()
        try:
            with self._lock:
                self._waiters.add(waiter)
                future = self._flight.request(fresh=fresh)
                self._run_loop()
            self._loop.wait_for(future)
            return future
        finally:
            with self._lock:
                self._waiters.discard(waiter)
                job = self._end_unneeded()
            self._join(job)

    # -- the loop --------------------------------------------------------------------------------------

    def _run_loop(self) -> None:
        """Start the loop, or wake it where it runs; the lock is held."""
        if not self._loop.is_running:
            self._kept = bool(self._subscriptions)
        try:
            self._loop.start()
        except RuntimeError as error:
            raise errors.EvoLinkError(f"The balance can't be read in the background: {error}.") from None
        finally:
            if not self._loop.is_running:
                self._flight.cancel()

    def _end_unneeded(self) -> Job[None] | None:
        """End the loop if nothing needs it; the lock is held, so that no subscriber comes meanwhile."""
        return None if self._subscriptions or self._waiters else self._end()

    def _end(self) -> Job[None] | None:
        """End the loop, the lock held, and return what to `_join` once it isn't; None where nothing ran."""
        job = self._loop.stop()
        if job is not None:
            giving_up = self._flight.in_flight is not None
            self._subscriptions.clear()
            self._flight.cancel()
            # Reads one after the other, with no subscriber, keep their connection. Within the lock, lest it
            # be the read of a subscriber that comes just now that is given up.
            if self._kept or giving_up:
                self._client.close()
        return job

    def _join(self, job: Job[None] | None, timeout: float = STOP_TIMEOUT) -> None:
        """Wait a moment for a loop that was ended, and claim no freshness any more."""
        if job is not None:
            # The loop may be waiting for the observer that calls this to return.
            job.join(0.0 if self._publisher.in_observer else timeout)
            self._publish_stop()

    def _publish_stop(self) -> None:
        if not self._loop.is_running:
            self._publisher.publish_stop(kept=self._kept)

    def _step(self) -> float:
        """Do what is due, and return when to be called next."""
        future = None
        with self._lock:
            if not self._loop.is_current:  # stopped, and perhaps started anew, just before
                return math.inf
            requested = self._flight.requested is not None
            if self._next_at() <= self._clock.monotonic():
                future = self._flight.begin()
            pausing = self._subscriptions.is_paused and not requested
        if future is not None:
            self._try(future, requested=requested)
        elif pausing:
            self._publisher.publish_status(Status.PAUSED)
        with self._lock:
            return self._next_at()

    def _next_at(self) -> float:
        """Return when to read next, in the clock's seconds; ``math.inf`` when something must happen first."""
        requested = self._flight.requested is not None
        idle = not self._subscriptions or self._subscriptions.is_paused
        if self._flight.in_flight is not None or (idle and not requested):
            return math.inf
        return self._backoff.next_at(requested=requested)

    def _try(self, future: Future[Credits], *, requested: bool) -> None:
        """Make one try, plan the next, notify the observers, then resolve the future."""
        outcome: Outcome = errors.EvoLinkError("The reading was given up.")
        try:
            self._publisher.publish_begin(requested=requested)
            # Observers may have stopped it.
            if not future.cancelled():
                started = self._clock.monotonic()
                outcome = attempt(self._client, self._clock, started)
                self._record(future, started, outcome)
        except BaseException as flaw:
            outcome = unexpected(flaw)
            raise
        finally:
            with self._lock:
                self._flight.end(future, outcome)
                if isinstance(outcome, errors.EvoLinkError) and self.retry_after_left:
                    self._flight.refuse(outcome)
            self._publish_stop()  # an observer may have stopped it

    def _record(self, future: Future[Credits], started: float, outcome: Outcome) -> None:
        """Plan the next try, keep the reading and notify the observers."""
        with self._lock:
            # A read that was given up says nothing about the account.
            if not self._flight.decide(future):
                return
            cadence, now = self._subscriptions.cadence(self._interval), self._clock.monotonic()
            if isinstance(outcome, Credits):
                self._backoff.succeeded(started, cadence)
                self._readings.append(outcome)
                self._error = None
            else:
                self._backoff.failed(started, now, cadence, outcome)
                self._error = outcome
            left, paused = self._backoff.retry_after_left(now), self._subscriptions.is_paused
        if isinstance(outcome, Credits):
            self._publisher.publish_reading(self.readings, paused=paused)
        else:
            retry_at = self._clock.now() + timedelta(seconds=left) if left else None
            self._publisher.publish_failure(outcome, retry_at)

    def _fail(self, flaw: BaseException) -> None:
        """Fail what callers wait for, since a step failed unexpectedly."""
        with self._lock:
            # In a run that was stopped: those who wait do so for its successor.
            if not self._loop.is_current and self._loop.is_running:
                return
            error = unexpected(flaw)
            self._flight.fail(error)
        self._publisher.publish_failure(error, None)

    def after_fork(self) -> None:
        """Begin anew in a forked child, with no thread, subscriber or waiting caller."""
        self._lock = threading.RLock()
        self._subscriptions, self._waiters = Subscriptions(), set()
        self._flight = SingleFlight()
        self._kept = False


def _raise_copy(error: BaseException | None) -> None:
    """Raise a copy: raising ours would tie the caller's frames, and all their data, to it."""
    if error is not None:
        raise copy.copy(error)
