"""When to read next: cadence, backoff and the server's Retry-After. Pure; times are plain seconds."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from .. import errors

MAX_PAUSE = 300.0
"""The longest pause in seconds between two attempts, however many have failed."""
MAX_JITTER = 1.25
"""The largest factor by which a pause after a failure is randomly lengthened, to keep clients from all
returning at once."""

PERMANENT_ERRORS = (errors.AuthenticationError, errors.PaymentRequiredError, errors.PermissionDeniedError)
"""Polling stops after these until the user acts, because retrying is unlikely to help."""

PROBE_PAUSE = 2.0
"""The shortest pause in seconds before the first probe: the attempt made after a permanent error for a
subscriber that must be served. Gateways refuse a valid key now and then."""
MAX_PROBE_PAUSE = 30.0
"""The longest pause in seconds between two attempts for a subscriber that must be served."""


class Backoff:
    """The plan for the next attempt. All times are seconds of one monotonic clock."""

    def __init__(self, now: float, *, jitter: Callable[[float, float], float] = random.uniform) -> None:
        """Plan the first attempt for now.

        Args:
            now: The current time.
            jitter: Returns a random number between two bounds.
        """
        self._jitter = jitter
        self._started = now
        self._failures = 0
        self._next_at = self._probe_at = now
        self._not_before = now

    def restart(self, now: float) -> None:
        """Plan the next attempt for now, or for when the server allows it.

        Args:
            now: The current time.
        """
        self._next_at = self._probe_at = now

    def succeeded(self, started: float, interval: float) -> None:
        """Plan the next attempt one interval after the start of the last.

        Args:
            started: When the last attempt started.
            interval: Seconds between two attempts.
        """
        self._failures = 0
        self._started = self._not_before = started
        self._next_at = started + interval
        self._probe_at = math.inf

    def failed(self, started: float, now: float, interval: float, error: errors.EvoLinkError) -> None:
        """Plan the next attempt after a failure: later each time, and not before the server allows it.

        Args:
            started: When the last attempt started.
            now: The current time.
            interval: Seconds between two successful attempts.
            error: The cause; after a permanent error only a probe is planned.
        """
        self._failures += 1
        self._started, self._not_before = started, now
        if isinstance(error, PERMANENT_ERRORS):
            self._next_at = math.inf
            pause = self._pause(max(interval, PROBE_PAUSE))
        else:
            self._not_before = now + (getattr(error, "retry_after", None) or 0.0)
            pause = self._pause(interval)
            self._next_at = max(now + pause, self._not_before)
        self._probe_at = max(now + min(pause, max(MAX_PROBE_PAUSE, interval)), self._not_before)

    def reschedule(self, interval: float, now: float) -> None:
        """Change the interval. An attempt already due, or planned after a failure, keeps its time.

        Args:
            interval: Seconds between two attempts.
            now: The current time.
        """
        if now < self._next_at < math.inf and not self._failures:
            self._next_at = self._started + interval

    def postpone(self, until: float) -> None:
        """Plan the next attempt for later, because another process may make it.

        Args:
            until: The time.
        """
        self._next_at = max(until, self._not_before)

    def _pause(self, interval: float) -> float:
        factor: int = 2 ** min(self._failures - 1, 10)
        pause = min(interval * factor, max(MAX_PAUSE, interval))
        return pause * self._jitter(1.0, MAX_JITTER)

    def next_at(self, *, requested: bool, probes: bool = False) -> float:
        """Return when the next attempt is due.

        Args:
            requested: Whether the user or other code asked for it; then only Retry-After delays it.
            probes: Whether a subscriber must be served even after a permanent error or many failures.

        Returns:
            The time; ``math.inf`` if only a request can trigger it.
        """
        if requested:
            return self._not_before
        planned = min(self._next_at, self._probe_at) if probes else self._next_at
        return max(planned, self._not_before)

    def retry_after_left(self, now: float) -> float:
        """Return how long the server's Retry-After still has to run.

        Args:
            now: The current time.

        Returns:
            Seconds; 0 if no Retry-After applies.
        """
        return max(self._not_before - now, 0.0)
