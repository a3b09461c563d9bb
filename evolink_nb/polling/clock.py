"""The one clock that readings, waits and the order of events are measured by; tests bring one they move."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from ..runtime import SystemTimer


class Clock(SystemTimer):
    """The machine's clock: durations from the monotonic one, the time of day for showing only."""

    def now(self) -> datetime:
        """Return the time of day, aware."""
        return datetime.now(UTC)

    def pause(self, event: threading.Event, seconds: float) -> bool:
        """Wait for an event.

        Args:
            event: What to wait for.
            seconds: The most to wait.

        Returns:
            Whether it came.
        """
        return event.wait(seconds)
