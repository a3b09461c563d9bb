"""What was spent before the work that runs, once a budget is used up. Pure; times are in seconds.

The user must be able to go on: work that spends nothing may run. Work that spends is stopped, but not for
calls that were under way when the work before it ended: the account may charge for those a little later.
"""

from __future__ import annotations

from decimal import Decimal

from ...credits import difference


class EarlierSpending:
    """What had been spent before the work that a budget now watches."""

    def __init__(self, shows_after: float) -> None:
        """Start without work.

        Args:
            shows_after: Seconds that calls under way at the end of work may take to be charged.
        """
        self._shows_after = shows_after
        self._shows_by = float("-inf")
        self._spent: Decimal | None = None

    def begin_work(self, spent: Decimal | None) -> None:
        """Record that work begins.

        Args:
            spent: Credits spent so far; None if the budget isn't used up, so that all spending counts.
        """
        self._spent = spent

    def end_work(self, now: float, *, was_stopped: bool) -> None:
        """Record that the work has ended.

        Args:
            now: The current time.
            was_stopped: Whether the budget has stopped it.
        """
        # Not after work that was let run on a used-up budget: a row of short cells could each spend.
        if was_stopped or self._spent is None:
            self._shows_by = now + self._shows_after

    def check(self, spent: Decimal, shows_until: float) -> bool:
        """Record a reading, and return whether the present work has spent anything that counts.

        Args:
            spent: Credits spent in total, as of the newest reading.
            shows_until: Until when that reading shows all charges.
        """
        if self._spent is None:
            return True
        if shows_until < self._shows_by:
            self._spent = max(self._spent, spent)
        return difference(spent, self._spent) > 0
