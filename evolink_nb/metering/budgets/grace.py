"""How long work that makes guarded calls may go on once its limit is reached. Pure: no clock.

What is paid for is let arrive, so the work isn't interrupted at the limit: its next call is refused. Times
are seconds of one monotonic clock.
"""

from __future__ import annotations

GRACE = 30.0
"""The usual time of grace, in seconds."""


class Grace:
    """The time of grace of one piece of work, and what it does with it."""

    def __init__(self, seconds: float, *, recently: float) -> None:
        """Prepare for work.

        Args:
            seconds: How long it may go on; 0 if it may not.
            recently: How long after a refused call the work counts as asking still, in seconds.
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
        """Begin the time of grace: the limit is reached."""
        self._began_at = now

    def refuse(self, now: float) -> None:
        """Record that a call is refused."""
        if self._told_at is None:
            self._told_at = now
        else:
            self._asked_at = now

    def is_outlasted(self, now: float, *, is_spending: bool) -> bool:
        """Return whether the work has gone on for longer, and isn't merely cleaning up.

        Args:
            now: The current time.
            is_spending: Whether the newest reading shows more spending than the one before.
        """
        if self._began_at is None or now - self._began_at < self._seconds:
            return False
        # Once told, by a call that was refused, the work goes on if it spends or still asks.
        is_asking = self._asked_at is not None and now - self._asked_at <= self._recently
        return self._told_at is None or is_asking or is_spending
