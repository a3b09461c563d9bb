"""How often a budget reads: more often the sooner its limit may be reached. Pure; times are in seconds."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .watch_timing import WatchTiming


class ReadPace:
    """Follows how fast work spends."""

    def __init__(self, timing: WatchTiming) -> None:
        """Start without work.

        Args:
            timing: The longest and the shortest time between two readings.
        """
        self._timing = timing
        self._started_at = self._checked_at = 0.0

    def start(self, now: float) -> float:
        """Start following work.

        Args:
            now: When it begins.

        Returns:
            Seconds within which to read; soon, to find out how fast the work spends.
        """
        self._started_at = self._checked_at = now
        return self._within(self._timing.min_interval)

    def record(self, spent: Decimal, newly_spent: Decimal, left: Decimal, now: float) -> float:
        """Record a reading.

        Args:
            spent: Credits spent in total.
            newly_spent: Credits spent since the last reading.
            left: Credits left of the limit.
            now: The current time.

        Returns:
            Seconds within which to read again.
        """
        since_check, shortest = now - self._checked_at, self._timing.min_interval
        self._checked_at = now
        # Use the higher of the recent and the overall rate: work that spends in bursts pauses in between.
        rate = max(
            float(newly_spent) / max(since_check, shortest),
            float(spent) / max(now - self._started_at, shortest),
        )
        seconds_left = float(left) / rate if rate > 0 else float("inf")
        # Slow down gradually: the first readings may come before the work has begun to spend.
        return self._within(min(seconds_left / 2, 2 * since_check))

    def record_rest(self, now: float) -> float:
        """Record a reading of stopped work that no longer spends: it is cleaning up.

        Args:
            now: The current time.

        Returns:
            Seconds within which to read again.
        """
        since_check, self._checked_at = now - self._checked_at, now
        return self._within(2 * since_check)

    def _within(self, seconds: float) -> float:
        return min(max(seconds, self._timing.min_interval), self._timing.interval)
