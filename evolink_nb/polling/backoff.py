"""When to read next: the cadence, backing off, and the server's Retry-After. Pure: seconds only."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from .. import errors

MAX_PAUSE = 300.0
"""Seconds between two tries at most, however often they failed before."""
MAX_JITTER = 1.25
"""By how much, at most and at random, a pause after a failure is lengthened: not all come back at once."""

PERMANENT_ERRORS = (errors.AuthenticationError, errors.PaymentRequiredError, errors.PermissionDeniedError)
"""After these polling stops until the user acts: asking again changes nothing."""


class Backoff:
    """The plan for the next try. All times are seconds of one monotonic clock."""

    def __init__(self, now: float, *, jitter: Callable[[float, float], float] = random.uniform) -> None:
        """Plan the first try for now.

        Args:
            now: The time.
            jitter: Draws a number between two.
        """
        self._jitter = jitter
        self._started = now
        self._failures = 0
        self._next_at = now
        self._not_before = now

    def restart(self, now: float) -> None:
        """Plan the next try for now, or for when the server allows it.

        Args:
            now: The time.
        """
        self._next_at = now

    def succeeded(self, started: float, interval: float) -> None:
        """Plan the next try one interval after the last one started.

        Args:
            started: When the last try did.
            interval: Seconds between two.
        """
        self._failures = 0
        self._started = self._not_before = started
        self._next_at = started + interval

    def failed(self, started: float, now: float, interval: float, error: errors.EvoLinkError) -> None:
        """Plan the next try after a failure: later each time, and not before the server allows it.

        Args:
            started: When the last try did.
            now: The time.
            interval: Seconds between two tries that succeed.
            error: Why it failed; after a permanent one no try is planned.
        """
        self._failures += 1
        self._started, self._not_before = started, now
        if isinstance(error, PERMANENT_ERRORS):
            self._next_at = math.inf
            return
        self._not_before = now + (getattr(error, "retry_after", None) or 0.0)
        pause = min(interval * 2 ** min(self._failures - 1, 10), max(MAX_PAUSE, interval))
        self._next_at = max(now + pause * self._jitter(1.0, MAX_JITTER), self._not_before)

    def reschedule(self, interval: float, now: float) -> None:
        """Take over another interval; what is due already, and a plan made after a failure, stand.

        Args:
            interval: Seconds between two tries.
            now: The time.
        """
        if now < self._next_at < math.inf and not self._failures:
            self._next_at = self._started + interval

    def next_at(self, *, requested: bool) -> float:
        """Return when the next try is due.

        Args:
            requested: Whether the user, or other code, asked for it: only Retry-After stands in its way then.

        Returns:
            The time; ``math.inf`` when only a request can bring it about.
        """
        return self._not_before if requested else max(self._next_at, self._not_before)

    def retry_after_left(self, now: float) -> float:
        """Return for how much longer the server wants no request.

        Args:
            now: The time.

        Returns:
            Seconds, 0 where it doesn't mind.
        """
        return max(self._not_before - now, 0.0)
