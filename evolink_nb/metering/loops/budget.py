"""A loop's limit as a budget, in force while the loop runs; warns before it is reached."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING

from ...credits import difference, product
from ...formatting import format_amount, in_credits
from ..budgets.registry import budgets
from .bar import write_line

if TYPE_CHECKING:
    from ...polling.fetcher import CreditsFetcher
    from ..call_site import CallSite
    from .spend import LoopSpend

NOTHING = Decimal(0)


class LoopBudget:
    """The limit of one loop; does nothing for a loop without one.

    Attributes:
        name: The budget's name in messages.
        max_credits: The limit, in credits.
    """

    def __init__(
        self,
        fetcher: CreditsFetcher,
        spend: LoopSpend,
        call_site: CallSite,
        *,
        warn_at: Decimal | None,
    ) -> None:
        """Prepare a budget for `begin`.

        Args:
            fetcher: The fetcher whose cards show the warning.
            spend: What the loop has spent.
            call_site: The loop's name.
            warn_at: The fraction of the limit at which to warn, once; None for no warning.
        """
        given = f" {call_site.given!r}" if call_site.given else ""
        self.max_credits = spend.limit or NOTHING
        self.name = f"The loop{given} (max_credits={format_amount(self.max_credits)})"
        self._fetcher = fetcher
        self._spend = spend
        self._warn_at = None if warn_at is None else product(self.max_credits, warn_at)
        self._warning = ""

    @property
    def spent(self) -> Decimal:
        """Credits spent, as of the newest reading."""
        return self._spend.spent or NOTHING

    def begin(self) -> None:
        """Put the budget into force."""
        if self.max_credits:
            budgets.loops.append(self)

    def check(self) -> None:
        """Warn once if enough is spent, but not if the limit is reached: the loop then ends and says so."""
        left = difference(self.max_credits, self.spent)
        if self._warn_at is None or left <= 0 or difference(self.spent, self._warn_at) < 0:
            return
        self._warn_at = None
        self._warning = f"{self.name}: {in_credits(self.spent)} spent, {format_amount(left)} left."
        write_line(self._warning, sys.stderr)
        self._fetcher.set_message(notice=self._warning)

    def end(self) -> None:
        """End the budget, and remove the warning from the card."""
        if self in budgets.loops:
            budgets.loops.remove(self)
        if self._warning and self._fetcher.notice == self._warning:
            self._fetcher.set_message(notice="")
