"""Whether a budget can see the balance, and for how long it couldn't. Pure; times are in seconds.

    seeing ──a read fails──▶ failing ──it lasts──▶ blind ──max_blind seconds──▶ over
      ▲                         │                    │                           │
      └───────a reading─────────┴────────────────────┴───────────────────────────┘

A failure lasts if the server refuses the key or asks for a pause, or after several in a row.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from ...polling.backoff import PERMANENT_ERRORS
from .watch_actions import Unread

if TYPE_CHECKING:
    from ...errors import EvoLinkError

MAX_BLIND = 30.0
"""Seconds without a reading after which a budget stops the work, unless told otherwise."""


HELD_UP = 2.0
"""Seconds for which a single failure may only mean that this process was suspended."""


class Sight(Enum):
    """How well the balance can be read."""

    SEEING = "seeing"
    """The last read succeeded."""
    FAILING = "failing"
    """The last read failed, and the next may succeed."""
    BLIND = "blind"
    """Reads fail, and will go on failing for a while."""
    OVER = "over"
    """Reads have failed for so long that the work must not go on."""


class Blindness:
    """Follows the reads that fail while work is watched."""

    def __init__(self, max_blind: float, *, failures: int) -> None:
        """Start seeing.

        Args:
            max_blind: Seconds without a reading after which the work must not go on; may be infinite.
            failures: The number of failures in a row after which reads count as failing for a while.
        """
        self.sight = Sight.SEEING
        self.reason = ""
        """Why the last read failed; "" if it didn't."""
        self._max_blind = max_blind
        self._max_failures = failures
        self._seen_at = self._failed_at = 0.0
        self._failures = 0
        self._last_error: EvoLinkError | None = None

    def start(self, now: float) -> None:
        """Start seeing, as work begins.

        Args:
            now: When the work begins, with a reading at hand.
        """
        self._see(now)

    def observe(
        self, error: EvoLinkError | None, now: float, *, has_read: bool, is_rate_limited: bool
    ) -> Sight:
        """Record whether reading works.

        Args:
            error: Why the last read failed; None if it didn't. The same object means the same failure.
            now: The current time.
            has_read: Whether there is a new reading.
            is_rate_limited: Whether a Retry-After applies.

        Returns:
            How well the balance can be read now.
        """
        if has_read:
            self._see(now)
        if error is None:
            self._failures, self.reason, self.sight = 0, "", Sight.SEEING
            return self.sight
        if not self._failures:
            self._failed_at = now
        if error is not self._last_error:
            self._failures += 1
        self._last_error, self.reason = error, error.message
        lasts = (
            self.sight in {Sight.BLIND, Sight.OVER}
            or is_rate_limited
            or isinstance(error, PERMANENT_ERRORS)
            or self._failures >= self._max_failures
        )
        # One failure after the whole process was suspended says little: the next read comes within seconds.
        is_held_up = self._failures == 1 and now - self._failed_at < HELD_UP
        if self.seconds_left(now) <= 0 and (lasts or not is_held_up):
            self.sight = Sight.OVER
        else:
            self.sight = Sight.BLIND if lasts else Sight.FAILING
        return self.sight

    def seconds(self, now: float) -> float:
        """Return the seconds since the last reading.

        Args:
            now: The current time.
        """
        return now - self._seen_at

    def seconds_left(self, now: float) -> float:
        """Return how many seconds the work may still go on without a reading.

        Args:
            now: The current time.
        """
        return max(self._max_blind - self.seconds(now), 0.0)

    def unread(self, now: float) -> Unread | None:
        """Return why the work must stop; None if it needn't.

        Args:
            now: The current time.
        """
        return Unread(self.reason, self.seconds(now)) if self.sight is Sight.OVER else None

    def _see(self, now: float) -> None:
        self._seen_at = now
        self._failures, self._last_error, self.reason = 0, None, ""
        self.sight = Sight.SEEING
