"""How long work that makes guarded calls may go on once its limit is reached. Pure: no clock.

Answers that are already paid for may arrive: the work isn't interrupted at the limit, but its next call is
refused. Times are in seconds of one monotonic clock.
"""

from __future__ import annotations

GRACE = 30.0
"""The usual grace period, in seconds."""


class Grace:
    """The grace period of one piece of work, and how the work uses it."""

    def __init__(self, seconds: float, *, recently: float) -> None:
        """Prepare for work.

        Args:
            seconds: How long the work may go on; 0 if it may not.
            recently: How long after a refused call the work still counts as making calls, in seconds.
        """
        self._seconds = seconds
        self._recently = recently
        self._began_at: float | None = None
        self._told_at: float | None = None
        self._asked_at: float | None = None

    @property
    def was_refused(self) -> bool:
        """Whether a call has been refused."""
        return self._told_at is not None

    def reset(self) -> None:
        """Forget earlier work."""
        self._began_at = self._told_at = self._asked_at = None

    def begin(self, now: float) -> None:
        """Begin the grace period, as the limit is reached."""
        self._began_at = now

    def refuse(self, now: float) -> None:
        """Record that a call is refused."""
        if self._told_at is None:
            self._told_at = now
        else:
            self._asked_at = now

    def is_outlasted(self, now: float, *, is_spending: bool) -> bool:
        """Return whether the work has gone on beyond the grace period, and isn't merely cleaning up.

        Args:
            now: The current time.
            is_spending: Whether the newest reading shows more spending than the one before.
        """
        if self._began_at is None or now - self._began_at < self._seconds:
            return False
        # Work that had a call refused counts as going on only if it spends or still makes calls.
        return self._told_at is None or self.is_asking(now) or is_spending

    def is_asking(self, now: float) -> bool:
        """Return whether the work still makes calls although one was refused.

        Args:
            now: The current time.
        """
        return self._asked_at is not None and now - self._asked_at <= self._recently
