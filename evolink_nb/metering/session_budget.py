"""A budget for everything that runs from now on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self

from ..credits import difference
from ..errors import BudgetExceeded, EvoLinkError
from ..formatting import format_amount, in_credits
from .budget import Budget
from .budgets.gate import gate
from .budgets.own_spending import spending_since
from .budgets.registry import budgets
from .budgets.watch_actions import Action, Trip
from .interrupt import InterruptTarget

if TYPE_CHECKING:
    from ..credits import Credits
    from ..polling.fetcher import CreditsFetcher
    from .budgets.options import BudgetOptions
    from .budgets.own_spending import OwnSpending


SESSION = "session"
"""The label of a budget that isn't given a name."""


class SessionBudget(Budget):
    """A budget for everything until `cancel`: once it is used up, work that still spends is stopped.

    Also a context manager. ``spent`` and ``left`` are in credits, as of a reading made after the last work it
    watched ended, if the balance can be read. A new budget of the same name on the same account replaces it.

    Attributes:
        label: The budget's name; "session" if it was given none.
    """

    _KEEPS_WARNING: ClassVar = True

    def __init__(
        self,
        fetcher: CreditsFetcher,
        max_credits: Decimal,
        *,
        label: str = SESSION,
        options: BudgetOptions | None = None,
    ) -> None:
        """Set the budget, replacing any of the same name, and watch what runs on this thread.

        Args:
            fetcher: The fetcher that reads the account.
            max_credits: The limit, in credits above 0.
            label: The budget's name.
            options: How to watch; the usual values by default.

        Raises:
            EvoLinkError: The balance can't be read.
        """
        super().__init__(fetcher, max_credits, name=self._title(label, max_credits), options=options)
        self.label = label
        self._cancelled = True
        self._rested_at = 0.0
        try:
            self._spending = self._first_spending(fetcher.read(join=False))
        except EvoLinkError as error:
            error.add_note(f"{self.name} is not set: it could not watch.")
            raise
        # Only now: a budget that can't watch must not replace one that can.
        same = [each for each in session_budgets() if each.is_called(label, fetcher)]
        self._replaced = same[0] if same else None
        if self._replaced is not None:
            self._replaced.cancel()
            self._replaced._replaced = None
        self._begin()

    def _begin(self) -> None:
        """Put the budget into force, and watch what runs on this thread."""
        self._cancelled = False
        try:
            budgets.add_session(self)
            gate.add_session(self)
            self.begin_work(InterruptTarget())
        except BaseException:  # an interrupt
            self.cancel()
            raise

    def _first_spending(self, reading: Credits) -> OwnSpending:
        """Return the spending so far, as of a first reading."""
        return spending_since(reading, self.fetcher)

    def _title(self, label: str, max_credits: Decimal) -> str:
        """Return the budget's name in messages."""
        called = "The session's budget" if label == SESSION else f"The budget {label!r}"
        return f"{called} of {in_credits(max_credits)}"

    def change(self, max_credits: Decimal, options: BudgetOptions) -> None:
        """Change the limit, even while watching; what has been spent still counts.

        Args:
            max_credits: The new limit, in credits above 0.
            options: How to watch.
        """
        self._notices.end()
        with budgets.lock:
            self._set_limit(max_credits, self._title(self.label, max_credits), options)
            is_watching = self._target is not None
            actions = self._watch.start(time.monotonic(), spent=self._record()) if is_watching else []
        self._perform(actions)

    def is_called(self, label: str, fetcher: CreditsFetcher) -> bool:
        """Return whether the budget has this name and account.

        Args:
            label: The name.
            fetcher: The account's fetcher.
        """
        return self.label == label and self.fetcher is fetcher

    @property
    def spent(self) -> Decimal:
        """Credits spent; reads the balance if no reading was requested since the last work."""
        if self._is_outdated():
            with contextlib.suppress(EvoLinkError):
                self.fetcher.read()
        return self._record()

    def _is_outdated(self) -> bool:
        is_readable = not self._cancelled and self.fetcher.error is None
        return is_readable and self.fetcher.requested_at < self._rested_at

    @property
    def left(self) -> Decimal:
        """Credits that may still be spent; negative when overspent."""
        return difference(self.max_credits, self.spent)

    def begin_work(self, work: InterruptTarget, *, is_brief: bool = False) -> None:
        """Watch work that begins on this thread, reading first if the budget is used up.

        Args:
            work: What to interrupt.
            is_brief: Whether the work is usually over before a reading could be taken: no reading is then
                taken first.
        """
        if self._cancelled or self._target is not None or self._spending is None:
            return
        # There may be newer readings, taken for a settling cell or a card.
        if self._watch.reaches_limit(self._record()) and not is_brief:
            # Earlier work's spending may have shown only after its last reading; it isn't this work's.
            with contextlib.suppress(EvoLinkError):
                self.fetcher.read(join=False)
        self._record()
        self._arm(self._spending, work)

    def end_work(self, error: BaseException | None = None) -> BudgetExceeded | None:
        """Rest until the next work begins: interrupt nothing, and request no readings.

        Args:
            error: The exception that the work ended with, if it failed.

        Returns:
            The stop that still has to be raised, if any; None also if the work has caught it and ended in its
            own way.
        """
        try:
            return self.disarm(error)
        finally:
            self._rested_at = self.fetcher.clock.monotonic()

    def cancel(self) -> None:
        """End the budget."""
        self._cancelled = True
        budgets.discard_session(self)
        gate.discard_session(self)
        self.disarm()
        self._notices.end()

    def _enter_gate(self, work: InterruptTarget) -> None:
        """Do nothing: until `cancel`, this budget applies to every call on the account."""

    def _leave_gate(self) -> None:
        """Do nothing: calls are refused between cells too."""

    def _perform(self, actions: Sequence[Action]) -> None:
        super()._perform(actions)
        if any(isinstance(action, Trip) for action in actions) and not budgets.are_shown:
            self._notices.print(str(self.exceeded))

    def __enter__(self) -> Self:
        # Blocks nest: the budget that this one has replaced goes on around it.
        replaced, self._replaced = self._replaced, None
        if replaced is not None:
            replaced._begin()
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


def session_budgets() -> list[SessionBudget]:
    """Return the budgets that `budget` has set and that are in force."""
    return [each for each in budgets.sessions if isinstance(each, SessionBudget)]
