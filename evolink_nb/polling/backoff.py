"""When to ask next: the cadence, backing off, and the times a server asks to be left alone. Seconds only."""

from __future__ import annotations

import random
from collections.abc import Callable

from .. import errors

MAX_PAUSE = 300.0
"""Seconds between two tries at most, however often they failed before."""

PERMANENT_ERRORS = (errors.AuthenticationError, errors.PaymentRequiredError, errors.PermissionDeniedError)
"""After these polling stops until the user acts: asking again changes nothing."""


class Backoff:
    """The plan for the next try. All times are readings of one monotonic clock."""

    def __init__(self, now: float, *, jitter: Callable[[float, float], float] = random.uniform) -> None:
        """Plan the first try for ``now``; ``jitter`` draws a number between two."""
        self._jitter = jitter
        self._started = now
        self._failures = 0
        self._next_at: float | None = now
        self._not_before = now

    def restart(self, now: float) -> None:
        """Plan the next try for ``now``, or for when the server allows it."""
        self._next_at = now

    def succeeded(self, started: float, interval: float) -> None:
        """Plan the next try one interval after the last one ``started``."""
        self._failures = 0
        self._started = self._not_before = started
        self._next_at = started + interval

    def failed(self, started: float, now: float, interval: float, error: errors.EvoLinkError) -> None:
        """Plan the next try after a failure: later each time, and not before the server allows it."""
        self._failures += 1
        self._started, self._not_before = started, now
        if isinstance(error, PERMANENT_ERRORS):
            self._next_at = None
            return
        self._not_before = now + (getattr(error, "retry_after", None) or 0.0)
        pause = min(interval * 2 ** min(self._failures - 1, 10), max(MAX_PAUSE, interval))
        self._next_at = max(now + pause * self._jitter(1.0, 1.25), self._not_before)

    def follow(self, interval: float, now: float) -> None:
        """Take over another interval; what is due already, and a plan made after a failure, stand."""
        if self._next_at is not None and self._next_at > now and not self._failures:
            self._next_at = self._started + interval

    def seconds_left(self, now: float, *, asked: bool) -> float | None:
        """Give the seconds until the next try, None when only a person can bring it about.

        ``asked`` says that somebody did: then only the server's wish to be left alone stands in the way.
        """
        if asked:
            return self._not_before - now
        return None if self._next_at is None else max(self._next_at, self._not_before) - now

    def retry_after_left(self, now: float) -> float:
        """Give the seconds for which the server asked to be left alone, 0 where it didn't."""
        return max(self._not_before - now, 0.0)
