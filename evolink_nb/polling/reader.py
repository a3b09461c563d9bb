"""Reads for all subscribers, on one loop and one request at a time.

Three things decide when to read: the subscribers (`Subscriptions`), the requested reads (`SingleFlight`) and
the plan for the next attempt (`Backoff`). The loop runs as long as there is a subscriber or a caller waiting
for a read. Nothing else reads.
"""

from __future__ import annotations

import contextlib
import copy
import math
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from .. import errors
from ..credits import Credits
from ..runtime import Job, Loop, forget_after_fork
from .attempt import Client, Outcome, attempt, unexpected
from .backoff import Backoff
from .publisher import PATIENCE
from .sharing import Wait
from .single_flight import Read, SingleFlight
from .status import Status
from .subscriptions import Subscriptions
from .turns import Turns

if TYPE_CHECKING:
    from .clock import Clock
    from .publisher import Publisher
    from .sharing import SharedReadings

THREAD_NAME = "evolink-nb-fetcher"
MAX_READINGS = 1000
"""The number of readings kept, for costs, budgets and the sparkline."""
MAX_HELD = 5.0
"""The longest a read waits for an observer that keeps it from beginning, in seconds."""
STOP_TIMEOUT = 2.0
"""The longest stopping waits for the loop to end, in seconds."""


class Reader:
    """The reading part of a `CreditsFetcher`, which documents these methods.

    It has slightly more than 20 methods because they share one lock and the rule that it is never held while
    observers are notified, which is easiest to check in one place. The classes named above make the
    decisions.
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
        shared: SharedReadings | None = None,
    ) -> None:
        """Prepare to read.

        Args:
            client: The client to read with.
            publisher: Notifies the observers.
            interval: Seconds between two readings.
            clock: The clock for times and waits.
            jitter: Returns a random number between two bounds, for the pauses after failures.
            threads: Whether to read on a thread.
            shared: The readings shared with other processes; None if none are.
        """
        self._client = client
        self._publisher = publisher
        self._interval = interval
        self._clock = clock
        # Guards everything below.
        self._lock = threading.RLock()
        self._subscriptions = Subscriptions()
        self._waiters: set[object] = set()
        self._flight = SingleFlight()
        self._backoff = Backoff(clock.monotonic(), jitter=jitter)
        self._turns = Turns(shared, clock)
        self._readings: deque[Credits] = deque(maxlen=MAX_READINGS)
        self._error: errors.EvoLinkError | None = None
        # Whether there has been a subscriber since the loop started.
        self._kept = False
        self._loop = Loop(
            self._step,
            name=THREAD_NAME,
            timer=clock,
            on_error=self._fail,
            on_end=self._turns.release,
            threads=threads,
        )
        forget_after_fork(self)

    # -- subscribers -----------------------------------------------------------------------------------

    @property
    def has_subscribers(self) -> bool:
        """Whether anything keeps the reading fresh."""
        with self._lock:
            return bool(self._subscriptions)

    def is_attached(self, subscriber: Hashable) -> bool:
        """Return whether a subscriber is attached."""
        with self._lock:
            return subscriber in self._subscriptions

    @property
    def shortest_interval(self) -> float | None:
        """The shortest interval any subscriber wants, in seconds; None without subscribers."""
        with self._lock:
            return self._subscriptions.shortest_interval

    def attach(
        self, subscriber: Hashable, interval: float, *, ignores_pause: bool, fresh: bool = False
    ) -> None:
        """Add a subscriber, and start the loop."""
        with self._lock:
            known = subscriber in self._subscriptions
            if not self._subscriptions:
                self._backoff.restart(self._clock.monotonic())
            self._subscriptions.add(subscriber, interval, ignores_pause=ignores_pause, is_fresh=fresh)
            try:
                self._run_loop()
            except BaseException:  # an interrupt, or too many threads
                if not known:
                    self._subscriptions.remove(subscriber)
                raise
            self._kept = True

    def detach(self, subscriber: Hashable) -> None:
        """Remove a subscriber, and end the loop after the last."""
        with self._lock:
            removed = self._subscriptions.remove(subscriber)
            job = self._end_unneeded() if removed else None
        self._join(job)

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Remove all subscribers, cancel the read in flight and end the loop."""
        with self._lock:
            self._subscriptions.clear()
            job = self._end()
        self._join(job, timeout)

    @contextlib.contextmanager
    def changing(self, *, read_now: bool = False) -> Iterator[Subscriptions]:
        """Yield the subscriptions for changes, then apply the changes."""
        with self._lock:
            yield self._subscriptions
            if read_now:
                self._backoff.restart(self._clock.monotonic())
            self.reschedule()

    def reschedule(self, interval: float | None = None) -> None:
        """Apply a new interval, in seconds, or a new cadence."""
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
        """Seconds for which the server's Retry-After still applies."""
        with self._lock:
            return self._backoff.retry_after_left(self._clock.monotonic())

    def refresh(self) -> None:
        """Request a reading; wait for it only if there is no subscriber."""
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
        """Return a reading, begun after this call if ``fresh``; raise the error if it fails."""
        with self._lock:
            if self._flight.in_flight is None and self.retry_after_left and self._error is not None:
                raise copy.copy(self._error)
        outcome = self._wait_for_read(fresh=fresh)
        if isinstance(outcome, Credits):
            return outcome
        # Raise a copy: the original would keep the caller's frames, and all their data, alive.
        raise copy.copy(outcome)

    def wait(self, seconds: float) -> None:
        """Wait for the first attempt to end, unless none is going to be made."""
        with self._lock:
            tried = self._flight.in_flight is None and bool(self._readings or self._error)
            idle = not self._subscriptions or self._subscriptions.is_paused
            if tried or idle or self._publisher.in_observer:
                return
            future = self._flight.request(fresh=False, may_be_old=True)
            self._run_loop()
        self._loop.wait_for(future, seconds)

    def _wait_for_read(self, *, fresh: bool) -> Outcome:
        """Request a read and wait; a subscriber that leaves meanwhile doesn't cancel it."""
        if self._publisher.in_observer:
            raise errors.EvoLinkError(
                "An observer can't wait for a reading from its own fetcher.",
                hint="Use the fetcher's credits: they are the newest.",
            )
        if self._publisher.held_for >= MAX_HELD:
            return self._held_up()
        waiter = object()
        try:
            with self._lock:
                self._waiters.add(waiter)
                future = self._flight.request(fresh=fresh)
                self._run_loop()
            return self._outcome_of(future)
        finally:
            with self._lock:
                self._waiters.discard(waiter)
                job = self._end_unneeded()
            self._join(job)

    def _outcome_of(self, future: Read) -> Outcome:
        """Return a read's outcome once it is published, or once observers hold that up for too long."""
        seconds = PATIENCE if self._loop.has_thread else None
        while not self._loop.wait_for(future, seconds) and seconds is not None:
            held_for = self._publisher.held_for
            if held_for >= PATIENCE and future.outcome is not None:
                return future.outcome
            if held_for >= MAX_HELD:
                return self._held_up()
        if future.cancelled():
            return errors.EvoLinkError("The fetcher was stopped before it had a reading.")
        error = future.exception()
        return error if isinstance(error, errors.EvoLinkError) else future.result()

    def _held_up(self) -> errors.EvoLinkError:
        return errors.EvoLinkError(
            f"An observer of the credits fetcher has not returned for {self._publisher.held_for:.0f} s.",
            hint="Readings wait for it: move its long work to a thread.",
        )

    # -- the loop --------------------------------------------------------------------------------------

    def _run_loop(self) -> None:
        """Start the loop, or wake it if it runs; call this with the lock held."""
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
        """End the loop if nothing needs it; call this with the lock held, so no subscriber can arrive."""
        return None if self._subscriptions or self._waiters else self._end()

    def _end(self) -> Job[None] | None:
        """End the loop with the lock held; return the job to `_join` after releasing it, or None."""
        job = self._loop.stop()
        if job is not None:
            giving_up = self._flight.in_flight is not None
            self._subscriptions.clear()
            self._flight.cancel()
            # Consecutive reads without a subscriber keep their connection. Closed with the lock held, which
            # can't cancel the read of a subscriber that is just arriving.
            if self._kept or giving_up:
                self._client.close()
        return job

    def _join(self, job: Job[None] | None, timeout: float = STOP_TIMEOUT) -> None:
        """Wait briefly for a loop that was ended, and stop claiming freshness."""
        if job is not None:
            # The loop may be waiting for an observer: the one that called this, or one that never returns.
            held_for = self._publisher.held_for
            patience = max(PATIENCE - held_for, 0.0) if held_for else timeout
            job.join(0.0 if self._publisher.in_observer else min(patience, timeout))
            self._publish_stop()

    def _publish_stop(self) -> None:
        self._publisher.make(self._publish_if_stopped)

    def _publish_if_stopped(self) -> None:
        if not self._loop.is_running:
            self._publisher.publish_stop(kept=self._kept)

    def _step(self) -> float:
        """Do what is due; return when to call this next."""
        future = None
        found = self._from_others()
        with self._lock:
            if not self._loop.is_current:  # just stopped, and perhaps restarted
                return math.inf
            requested = self._flight.requested is not None
            if isinstance(found, Wait):
                self._backoff.postpone(self._clock.monotonic() + found.seconds)
            elif self._next_at() <= self._clock.monotonic():
                future = self._flight.begin()
            pausing = self._subscriptions.is_paused and not requested
        if future is not None:
            self._try(future, requested=requested, found=None if isinstance(found, Wait) else found)
        elif pausing:
            self._turns.release()
            self._publisher.publish_status(Status.PAUSED)
        with self._lock:
            return self._next_at()

    def _from_others(self) -> Outcome | Wait | None:
        """Return another process's outcome, or how long to wait for it; None to read here, if at all."""
        with self._lock:
            asked = self._flight.requested
            is_due = self._loop.is_current and self._next_at() <= self._clock.monotonic()
            # A reading that was asked for, or that a budget needs, must be as new as possible.
            may_be_old = not self._subscriptions.are_fresh and (asked is None or asked.may_be_old)
            if not (self._turns.are_taken and is_due and may_be_old):
                return None
            cadence = self._subscriptions.cadence(self._interval)
            last = self._readings[-1] if self._readings else None
        return self._turns.take(cadence, last)

    def _next_at(self) -> float:
        """Return when to read next, in the clock's seconds; ``math.inf`` until something happens."""
        requested = self._flight.requested is not None
        idle = not self._subscriptions or self._subscriptions.is_paused
        if self._flight.in_flight is not None or (idle and not requested):
            return math.inf
        return self._backoff.next_at(requested=requested, probes=self._subscriptions.must_be_served)

    def _try(self, future: Read, *, requested: bool, found: Outcome | None) -> None:
        """Make an attempt, unless another process has; plan the next one, notify, resolve the future."""
        outcome: Outcome = errors.EvoLinkError("The read was cancelled.")
        try:
            self._publisher.publish_begin(requested=requested)
            # An observer may have stopped the loop.
            if not future.cancelled():
                started = self._clock.monotonic()
                outcome = found or attempt(self._client, self._clock, started)
                if isinstance(found, Credits):
                    started = found.requested_at
                self._record(future, started, outcome)
                self._turns.publish(outcome, started)
        except BaseException as flaw:
            outcome = unexpected(flaw)
            raise
        finally:
            with self._lock:
                self._flight.end(future, outcome)
                if isinstance(outcome, errors.EvoLinkError) and self.retry_after_left:
                    self._flight.refuse(outcome)
            self._publish_stop()  # an observer may have stopped it

    def _record(self, future: Read, started: float, outcome: Outcome) -> None:
        """Plan the next attempt, keep the reading and notify the observers."""
        with self._lock:
            # A cancelled read says nothing about the account.
            if not self._flight.decide(future, outcome):
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
            self._publisher.publish_reading(outcome, paused=paused)
        else:
            retry_at = self._clock.now() + timedelta(seconds=left) if left else None
            self._publisher.publish_failure(outcome, retry_at)

    def _fail(self, flaw: BaseException) -> None:
        """Fail the reads that callers wait for, because a step failed unexpectedly."""
        with self._lock:
            # The failed run had been stopped: the callers are waiting for its successor.
            if not self._loop.is_current and self._loop.is_running:
                return
            error = unexpected(flaw)
            self._flight.fail(error)
        self._publisher.publish_failure(error, None)

    def after_fork(self) -> None:
        """Start afresh in a forked child, with no thread, subscriber or waiting caller."""
        self._lock = threading.RLock()
        self._subscriptions, self._waiters = Subscriptions(), set()
        self._flight = SingleFlight()
        self._kept = False
