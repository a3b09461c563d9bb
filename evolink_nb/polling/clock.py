"""The one clock for stamping readings, waiting and ordering events; tests supply their own."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from ..runtime import SystemTimer, wait_for


class Clock(SystemTimer):
    """The machine's clock: monotonic for durations, the time of day for display only."""

    def now(self) -> datetime:
        """Return the current time as an aware datetime."""
        return datetime.now(UTC)

    def pause(self, event: threading.Event, seconds: float) -> bool:
        """Wait for an event.

        Args:
            event: The event.
            seconds: The longest time to wait.

        Returns:
            Whether the event was set.
        """
        return wait_for(event, seconds)
