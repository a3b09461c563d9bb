"""A budget for everything that follows: `evolink_nb.budget`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..credits import difference
from ..errors import BudgetExceeded, EvoLinkError
from ..formatting import format_amount, in_credits
from .budget import Budget, spending_since
from .budget_registry import budgets
from .gate import gate
from .interrupt import InterruptTarget
from .watch_actions import Action, Trip

if TYPE_CHECKING:
    from ..polling.fetcher import CreditsFetcher
    from .watch_timing import WatchTiming


class SessionBudget(Budget):
    """A budget for everything until `cancel`: work that still spends once it is used up is stopped.

    Also a context manager. ``spent`` and ``left`` are in credits, as of the last reading.
    """

    def __init__(
        self, fetcher: CreditsFetcher, max_credits: Decimal, *, name: str, timing: WatchTiming | None = None
    ) -> None:
        """Set the budget, and watch what runs on this thread.

        Args:
            fetcher: The fetcher that reads the account.
            max_credits: The limit, in credits above 0.
            name: Its name in messages.
            timing: How often to check and how long to wait; the usual values by default.

        Raises:
            EvoLinkError: The balance can't be read.
        """
        super().__init__(fetcher, max_credits, name=name, timing=timing)
        self._spending = spending_since(fetcher.read(join=False), fetcher)
        self._cancelled = False
        try:
            budgets.add_session(self)
            gate.add_session(self)
            self.begin_work(InterruptTarget())
        except BaseException:  # an interrupt
            self.cancel()
            raise

    @property
    def left(self) -> Decimal:
        """Credits that may still be spent; negative when overspent."""
        return difference(self.max_credits, self.spent)

    def begin_work(self, work: InterruptTarget) -> None:
        """Watch work that begins on this thread, reading first if the budget is used up.

        Args:
            work: What to interrupt.
        """
        if self._cancelled or self._target is not None or self._spending is None:
            return
        # There may be newer readings made for something else: a settling cell, or a card.
        if self._watch.reaches_limit(self.spent):
            # Earlier work's spending may only have shown after its last reading: it isn't this work's.
            with contextlib.suppress(EvoLinkError):
                self.fetcher.read(join=False)
        with budgets.lock:
            self._spending.record_all(self.fetcher.readings)
        self._arm(self._spending, work)

    def end_work(self, error: BaseException | None = None) -> BudgetExceeded | None:
        """Rest until the next work begins: interrupt nothing, and request no readings.

        Args:
            error: What the work ended with, if it failed.

        Returns:
            The stop it sent, if any; None if the work has caught that, and ended in its own way.
        """
        return self.disarm(error)

    def cancel(self) -> None:
        """End the budget."""
        self._cancelled = True
        budgets.discard_session(self)
        gate.discard_session(self)
        self.disarm()

    def _enter_gate(self, work: InterruptTarget) -> None:
        """Do nothing: until `cancel`, every call on the account is under this budget."""

    def _leave_gate(self) -> None:
        """Do nothing: between cells, calls are refused too."""

    def _perform(self, actions: Sequence[Action]) -> None:
        super()._perform(actions)
        if any(isinstance(action, Trip) for action in actions) and not budgets.are_shown:
            self._print(str(self.exceeded))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            exceeded = self.end_work(error)
        finally:
            self.cancel()
        if exceeded is not None:
            raise exceeded from None

    def __repr__(self) -> str:
        return f"<{self.name}: {in_credits(self.spent)} spent, {format_amount(self.left)} left>"
