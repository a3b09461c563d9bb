"""Stops work before it has spent more than it may, by watching the account's real balance.

While a budget is armed it has the fetcher read faster, looks at each reading, and interrupts the work it was
armed for. Spending is seen whichever library does it, but only at readings. What to do at one is decided in
`watch`; here it is done.
"""

from __future__ import annotations

import contextlib
import contextvars
import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..credits import difference
from ..errors import BudgetExceeded, EvoLinkError
from ..formatting import format_amount, in_credits
from .budget_registry import budgets
from .cost import spent_so_far
from .interrupt import InterruptTarget
from .watch import (
    Action,
    AnnounceBlind,
    AnnounceStuck,
    ClearNotice,
    Interrupt,
    ReadEvery,
    Trip,
    Watch,
    WatchTiming,
)

if TYPE_CHECKING:
    from ..credits import Credits
    from ..polling.fetcher import CreditsFetcher


class Budget:
    """What one thread's work may spend on an account, and the stop when it has.

    Attributes:
        fetcher: What reads the account.
        max_credits: The limit, in credits.
        name: What messages call it.
        exceeded: The stop that it sent, None while it sent none.
    """

    def __init__(
        self,
        fetcher: CreditsFetcher,
        max_credits: Decimal,
        *,
        name: str,
        timing: WatchTiming | None = None,
    ) -> None:
        """Prepare a budget that `arm` arms.

        Args:
            fetcher: What reads the account.
            max_credits: The limit, in credits above 0.
            name: What messages call it.
            timing: How often to look, and how long to wait; as usual by default.
        """
        self.fetcher = fetcher
        self.max_credits = max_credits
        self.name = name
        self.exceeded: BudgetExceeded | None = None
        self._watch = Watch(max_credits, timing or WatchTiming())
        self._before: Credits | None = None
        self._previous: Credits | None = None
        self._latest: Credits | None = None
        self._target: InterruptTarget | None = None
        self._context = contextvars.copy_context()

    @property
    def spent(self) -> Decimal:
        """Credits spent, as of the last reading."""
        return self._watch.spent

    @property
    def target(self) -> InterruptTarget | None:
        """The work that it watches now."""
        return self._target

    def arm(self, before: Credits, work: InterruptTarget, *, latest: Credits | None = None) -> None:
        """Watch work that begins now.

        Args:
            before: The reading from which spending counts.
            work: What to interrupt.
            latest: The newest reading, where that is another: what was spent by then counts too.
        """
        try:
            with budgets.lock:
                self._before = before
                self._latest = self._previous = latest or before
                self._target, self.exceeded = work, None
                # What is printed from the fetcher's thread belongs to the cell that runs now.
                self._context = contextvars.copy_context()
                actions = self._watch.start(time.monotonic(), spent=spent_so_far(before, self._latest))
                budgets.add(self)
            self.fetcher.observe(self._check, "revision")
            self._perform(actions)
        except BaseException:  # an interrupt: nothing may stay armed for work that never began
            self.disarm()
            raise

    def disarm(self) -> BudgetExceeded | None:
        """Watch no longer; called by the work's own thread.

        Returns:
            The stop, None where it sent none.
        """
        interrupt: BaseException | None = None
        while True:
            try:
                exceeded = self._disarm()
            except InterruptTarget.INTERRUPTS as caught:
                interrupt = caught  # nothing may stay armed: it waits until this is done
                continue
            # The interrupt for the work, come too late, ends here. Others are the user's or another budget's.
            if interrupt is not None and exceeded is None:
                raise interrupt
            return exceeded

    def _disarm(self) -> BudgetExceeded | None:
        with budgets.lock:
            budgets.discard(self)
            actions = self._watch.stop()
            work = self._target
        if work is not None:
            work.drain()
            with contextlib.suppress(ValueError):  # it was interrupted before it observed, or while it rested
                self.fetcher.unobserve(self._check, "revision")
            self.fetcher.detach(self)
            self._perform(actions)
            # Last: what is interrupted before comes here again.
            self._target = None
        return self.exceeded

    def _check(self, _change: object = None) -> None:
        """Look at the newest reading; on the fetcher's thread."""
        with budgets.lock:
            work = self._target
            if work is None:
                return
            actions = self._watch.observe(
                self._newly_read(),
                self.fetcher.error,
                time.monotonic(),
                is_rate_limited=self.fetcher.retry_at is not None,
                is_running=work.is_running,
                is_stopped_by_other=budgets.stops(work),
            )
            self._perform(actions)

    def _newly_read(self) -> Decimal | None:
        """Return what was spent by a reading that is new, in credits; None where none is."""
        now = self.fetcher.credits
        if now is None or now is self._latest or self._before is None:
            return None
        self._previous, self._latest = self._latest, now
        return spent_so_far(self._before, now)

    def _perform(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case ReadEvery(seconds):
                    self.fetcher.attach(self, seconds, ignores_pause=True)
                case Trip():
                    self.exceeded = self._stop_of(action)
                case Interrupt(escalate):
                    if self._target is not None:
                        self._target.interrupt(escalate=escalate)
                case AnnounceBlind(reason):
                    self._announce(f"{self.name} can't be watched: {reason}")
                case AnnounceStuck():
                    self._announce(f"{self.name} is spent, but the work can't be interrupted: it still runs.")
                case ClearNotice():
                    self.fetcher.set_message(notice="")

    def _stop_of(self, trip: Trip) -> BudgetExceeded:
        message = f"{self.name} stopped the work at {in_credits(self.spent)} spent"
        seconds = 0.0
        if self._previous is not None and self._latest is not None:
            # What was spent after the one was asked for may first show in the other.
            seconds = self._latest.monotonic - self._previous.requested_at
        hint = f"The balance was checked {seconds:.1f} s earlier; spending in between shows up late."
        return BudgetExceeded(
            message + (f", {format_amount(trip.over)} over." if trip.over else "."),
            name=self.name,
            max_credits=self.max_credits,
            spent=self.spent,
            over=trip.over,
            hint=hint if trip.over else "",
        )

    def _announce(self, message: str) -> None:
        """Show a message on the card, and in the output of the cell that runs."""
        self._print(message)
        self.fetcher.set_message(notice=message)

    def _print(self, message: str) -> None:
        self._context.run(print, message, file=sys.stderr, flush=True)


class SessionBudget(Budget):
    """A budget for all that follows, until `cancel`: work that still spends when it is gone is stopped.

    Also a context manager. ``spent`` and ``left`` are in credits, as of the last reading.
    """

    def __init__(
        self, fetcher: CreditsFetcher, max_credits: Decimal, *, name: str, timing: WatchTiming | None = None
    ) -> None:
        """Set the budget, and watch what runs on this thread.

        Args:
            fetcher: What reads the account.
            max_credits: The limit, in credits above 0.
            name: What messages call it.
            timing: How often to look, and how long to wait; as usual by default.

        Raises:
            EvoLinkError: The balance can't be read.
        """
        super().__init__(fetcher, max_credits, name=name, timing=timing)
        self._baseline = fetcher.read(join=False)
        self._cancelled = False
        try:
            budgets.add_session(self)
            self.begin_work(InterruptTarget())
        except BaseException:  # an interrupt
            self.cancel()
            raise

    @property
    def left(self) -> Decimal:
        """Credits that may still be spent; negative when more were."""
        return difference(self.max_credits, self.spent)

    def begin_work(self, work: InterruptTarget) -> None:
        """Watch work that begins on this thread; once all is spent, with a reading before it.

        Args:
            work: What to interrupt.
        """
        if self._cancelled or self._target is not None:
            return
        # There may be a newer one, read for others: as a cell settled, or for a card.
        latest = self.fetcher.credits or self._baseline
        if self._watch.reaches_limit(spent_so_far(self._baseline, latest)):
            # What earlier work spent may have shown only after its last reading: it isn't this one's.
            with contextlib.suppress(EvoLinkError):
                latest = self.fetcher.read(join=False)
        self.arm(self._baseline, work, latest=latest)

    def end_work(self) -> BudgetExceeded | None:
        """Rest until the next work begins: nothing is interrupted, and nothing is read for it, meanwhile.

        Returns:
            The stop that it sent, None where it sent none.
        """
        return self.disarm()

    def cancel(self) -> None:
        """End the budget."""
        self._cancelled = True
        budgets.discard_session(self)
        self.disarm()

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
            exceeded = self.end_work()
        finally:
            self.cancel()
        if exceeded is not None:
            raise exceeded from None

    def __repr__(self) -> str:
        return f"<{self.name}: {in_credits(self.spent)} spent, {format_amount(self.left)} left>"


def stop_all() -> None:
    """Forget all budgets; when the extension is unloaded."""
    budgets.cancel_all()
