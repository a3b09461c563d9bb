"""A budget's messages while it watches: in the output of the work, and on the card."""

from __future__ import annotations

import contextvars
import sys
from decimal import Decimal
from typing import TYPE_CHECKING

from ...credits import difference
from ...formatting import format_amount, format_time, in_credits, print_line
from .watch_actions import AnnounceBlind, AnnounceStuck, ClearNotice, Warn

if TYPE_CHECKING:
    from ...polling.fetcher import CreditsFetcher


class Notices:
    """Shows one budget's messages. On the card, a problem hides a warning until the problem is over."""

    def __init__(
        self,
        fetcher: CreditsFetcher,
        name: str,
        *,
        max_credits: Decimal,
        max_blind: float,
        keeps_warning: bool,
    ) -> None:
        """Start without messages.

        Args:
            fetcher: The fetcher whose cards show the messages.
            name: The budget's name in messages.
            max_credits: The limit, in credits.
            max_blind: Seconds without a reading after which the budget stops the work; may be infinite.
            keeps_warning: Whether a warning stays on the card after the work.
        """
        self._fetcher = fetcher
        self._name = name
        self._max_credits = max_credits
        self._max_blind = max_blind
        self._keeps_warning = keeps_warning
        self._context = contextvars.copy_context()
        self._warning = ""
        self._is_shown = False

    def begin_work(self) -> None:
        """Print from now on in the output of the running work: the caller's cell or task."""
        self._context = contextvars.copy_context()

    def show(self, action: Warn | AnnounceBlind | AnnounceStuck | ClearNotice, spent: Decimal) -> None:
        """Show an action's message, or remove an announcement that no longer applies.

        Args:
            action: The action.
            spent: Credits spent by now.
        """
        left = difference(self._max_credits, spent)
        match action:
            case Warn():
                # Kept, to be shown again once a problem is over.
                self._warning = f"{self._name}: {in_credits(spent)} spent, {format_amount(left)} left."
                self._announce(self._warning)
            case AnnounceBlind(reason):
                longest = format_time(self._max_blind) if self._max_blind < float("inf") else ""
                consequence = f"\nIf that lasts {longest}, it stops the work." if longest else ""
                self._announce(f"{self._name} can't be watched: {reason}{consequence}")
            case AnnounceStuck():
                why = "is spent" if left <= 0 else "can't be watched"
                self._announce(f"{self._name} {why}, but the work is still running.")
            case ClearNotice():
                self._show(self._warning)

    def end_work(self) -> None:
        """Remove the messages of work that has ended from the card, except a warning that is kept."""
        if not self._keeps_warning:
            self.end()
        elif self._is_shown:
            self._show(self._warning)

    def end(self) -> None:
        """Remove all messages from the card."""
        self._warning = ""
        if self._is_shown:
            self._show("")

    def print(self, message: str) -> None:
        """Print a message in the output of the work.

        Args:
            message: The message.
        """
        self._context.run(print_line, message, sys.stderr)

    def _announce(self, message: str) -> None:
        self.print(message)
        self._show(message)

    def _show(self, message: str) -> None:
        self._is_shown = bool(message)
        self._fetcher.set_message(notice=message)
