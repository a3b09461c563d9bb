"""Whether interrupted work goes on regardless, and how it is interrupted again. Pure: no clock.

Work that runs on after an interrupt may be cleaning up: saving results, or waiting for a pool. It goes on
regardless if it spends, or if it keeps making calls, all of which are refused: such a loop would never end.
Times are in seconds of one monotonic clock.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ...credits import difference
from .watch_actions import Interrupt

if TYPE_CHECKING:
    from .grace import Grace
    from .watch_timing import WatchTiming


class Repetition:
    """The interrupts of one piece of work after the first."""

    def __init__(self, timing: WatchTiming) -> None:
        """Prepare for work.

        Args:
            timing: How long to wait.
        """
        self._timing = timing
        self._interrupted_at = 0.0
        self._spent_by_then: Decimal | None = None

    def interrupt(self, now: float, *, is_first: bool = False) -> Interrupt:
        """Return the interrupt to send.

        Args:
            now: The current time.
            is_first: Whether it is the first.
        """
        self._interrupted_at, self._spent_by_then = now, None
        return Interrupt(escalate=not is_first)

    def is_spending(self, spent: Decimal | None, shows_until: float) -> bool:
        """Return whether the work has spent after the last interrupt, not just before it.

        Args:
            spent: Credits spent so far; None if there is no new reading.
            shows_until: Until when the reading shows all charges.
        """
        if spent is None or shows_until < self._interrupted_at + self._timing.repeat_after:
            return False
        if self._spent_by_then is None:
            self._spent_by_then = spent
        return difference(spent, self._spent_by_then) > 0

    def is_asking(self, grace: Grace, now: float) -> bool:
        """Return whether the work still makes calls although the last interrupt was long ago.

        Args:
            grace: What is known of its refused calls.
            now: The current time.
        """
        patience = max(self._timing.grace, self._timing.repeat_after)
        return grace.is_asking(now) and now - self._interrupted_at >= patience
