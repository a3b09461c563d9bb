"""The stops that a budget sends: what they say, and whether the work has heard of them."""

from __future__ import annotations

import asyncio
import threading
import weakref
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..credits import difference
from ..errors import BudgetExceeded
from ..formatting import format_amount, in_credits
from .watch_actions import Refuse, Trip

if TYPE_CHECKING:
    from .interrupt import InterruptTarget
    from .own_spending import Reservations


class Stops:
    """The stops of one budget; each refused call raises its own, amended while work runs."""

    def __init__(self, name: str, max_credits: Decimal) -> None:
        """Start with none.

        Args:
            name: The budget's name in messages.
            max_credits: Its limit, in credits.
        """
        self._name = name
        self._max_credits = max_credits
        self._made: weakref.WeakSet[BudgetExceeded] = weakref.WeakSet()
        self._refused: set[object] = set()
        self.must_report = False
        """Whether the work may not have heard of its stop, or has ignored it."""

    def begin_work(self) -> None:
        """Forget who was refused: other work begins."""
        self._refused.clear()
        self.must_report = False

    def make(self, action: Trip | Refuse, spent: Decimal, reservations: Reservations) -> BudgetExceeded:
        """Return a new stop.

        Args:
            action: What it does to the work.
            spent: Credits spent.
            reservations: What the figure may leave out or include.
        """
        over = f", {format_amount(action.over)} over" if action.over else ""
        how = "refused the next call" if isinstance(action, Refuse) else "interrupted the work"
        stop = BudgetExceeded(
            f"{self._name} stopped the work at {in_credits(spent)} spent{over}: it {how}.",
            name=self._name,
            max_credits=self._max_credits,
            spent=spent,
            over=action.over,
            hint=" ".join(reservations.sentences(is_over=bool(action.over))),
        )
        self._made.add(stop)
        return stop

    def note_refusal(self, work: InterruptTarget) -> None:
        """Record that a call of the running thread is refused.

        Args:
            work: The work that is stopped.
        """
        # Whoever asks again has ignored its stop, and of what another thread is told nobody else may hear.
        caller = current_task()
        is_elsewhere = threading.get_ident() != work.thread
        self.must_report = self.must_report or is_elsewhere or caller in self._refused
        self._refused.add(caller)

    def note_interrupt(self) -> None:
        """Record that the work is interrupted: what arrives there doesn't say why."""
        self.must_report = True

    def amend(self, spent: Decimal) -> None:
        """Have the stops say what has been spent by now.

        Args:
            spent: Credits spent.
        """
        for stop in tuple(self._made):
            stop.spent, stop.over = spent, max(difference(spent, self._max_credits), Decimal(0))


def current_task() -> asyncio.Task[Any] | None:
    """Return the running task; None outside of one."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
