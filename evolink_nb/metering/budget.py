"""Budgets: stop work before it exceeds its limit, by watching the account's real balance.

While armed, a budget makes the fetcher read faster, checks each reading, and interrupts the work it was armed
for. It sees spending by any library, but only at readings. `watch` decides what to do; this module does it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

from ..credits import difference
from .budgets.ending import RUNS_ON, Ending
from .budgets.gate import gate
from .budgets.notices import Notices
from .budgets.options import BudgetOptions
from .budgets.own_spending import OwnSpending, Reservations, spending_since
from .budgets.registry import budgets
from .budgets.stops import Stops
from .budgets.ticker import Ticker
from .budgets.watch_actions import (
    Action,
    AnnounceBlind,
    AnnounceStuck,
    ClearNotice,
    Interrupt,
    ReadEvery,
    Refuse,
    Trip,
    Warn,
)
from .interrupt import InterruptTarget

if TYPE_CHECKING:
    from ..api.calls import Call
    from ..credits import Credits
    from ..errors import BudgetExceeded
    from ..polling.fetcher import CreditsFetcher
    from .measurement import Measurement


class Budget:
    """A limit on what one thread's work may spend on an account; interrupts the work when it is reached.

    Attributes:
        fetcher: The fetcher that reads the account.
        max_credits: The limit, in credits.
        name: The budget's name in messages.
        options: How to watch.
        exceeded: The stop it sent, if any.
    """

    _KEEPS_WARNING: ClassVar = False
    """Whether the warning stays on the card when the work ends."""

    def __init__(
        self,
        fetcher: CreditsFetcher,
        max_credits: Decimal,
        *,
        name: str,
        options: BudgetOptions | None = None,
        measured: Measurement | None = None,
    ) -> None:
        """Prepare a budget for `arm`.

        Args:
            fetcher: The fetcher that reads the account.
            max_credits: The limit, in credits above 0.
            name: The budget's name in messages.
            options: How to watch; the usual values by default.
            measured: The work's own measurement, if it has one.
        """
        self.fetcher = fetcher
        self.exceeded: BudgetExceeded | None = None
        self._measured = measured
        self._spending: OwnSpending | None = None
        self._target: InterruptTarget | None = None
        self._ending = Ending()
        self._set_limit(max_credits, name, options or BudgetOptions())
        # Through the fetcher: like a reading, a tick reaches all budgets, one after the other.
        self._ticker = Ticker(fetcher.notify)

    def _set_limit(self, max_credits: Decimal, name: str, options: BudgetOptions) -> None:
        """Set the limit and how to watch it; what has been spent still counts."""
        self.max_credits, self.name, self.options = max_credits, name, options
        self._watch = options.watch(max_credits)
        self._stops = Stops(name, max_credits)
        self._notices = Notices(
            self.fetcher,
            name,
            max_credits=max_credits,
            max_blind=options.timing.max_blind,
            keeps_warning=self._KEEPS_WARNING,
        )

    @property
    def identity(self) -> str:
        """The identity of the account's client."""
        return self.fetcher.client.identity

    @property
    def counts_from(self) -> float:
        """When the reading from which spending counts was requested, in monotonic seconds."""
        return 0.0 if self._spending is None else self._spending.counts_from

    @property
    def spent(self) -> Decimal:
        """Credits spent, as of the newest reading of the account."""
        return self._record()

    def _record(self) -> Decimal:
        """Record the fetcher's readings, and return the credits spent."""
        with budgets.lock:
            if self._spending is None:
                return Decimal(0)
            return self._spending.record_all(self.fetcher.readings)

    @property
    def target(self) -> InterruptTarget | None:
        """The work that the budget watches; None if there is none."""
        return self._target

    def arm(self, before: Credits, work: InterruptTarget) -> None:
        """Start watching work.

        Args:
            before: The reading from which spending counts.
            work: What to interrupt.
        """
        self._arm(spending_since(before, self.fetcher), work)

    def _arm(self, spending: OwnSpending, work: InterruptTarget) -> None:
        """Start watching work; what was already spent counts too."""
        try:
            with budgets.lock:
                spending.begin_work()
                self._stops.begin_work()
                self._spending = spending
                self._target, self.exceeded = work, None
                self._ending = Ending()
                work.begin(self)
                self._notices.begin_work()
                actions = self._watch.start(time.monotonic(), spent=spending.spent)
                budgets.add(self)
            self._enter_gate(work)
            self.fetcher.observe(self._check, "revision")
            self._perform(actions)
        except BaseException:  # an interrupt: don't stay armed for work that never began
            self.disarm()
            raise

    def disarm(self, error: BaseException | None = None) -> BudgetExceeded | None:
        """Stop watching; called by the work's own thread.

        Args:
            error: The exception that the work ended with, if it failed.

        Returns:
            The stop that still has to be raised; None if none was sent, if the work has caught it and ended
            in its own way, or if a guarded call raised it in this thread and the work did not ignore it.
        """
        interrupt: BaseException | None = None
        while True:
            try:
                exceeded = self._disarm(error)
            except InterruptTarget.INTERRUPTS as caught:
                interrupt = caught  # don't stay armed: raise this after disarming
                continue
            # An interrupt from this budget that arrives too late for the work ends here. Any other is the
            # user's or another budget's.
            if interrupt is not None and exceeded is None:
                raise interrupt
            return exceeded

    def conclude(self) -> None:
        """Record that the work has ended on its own thread; keep watching what stopped work has started."""
        work = self._target
        self._ending.begin(self._watch.state)
        if work is None:
            return
        work.drain(self)
        if self.exceeded is not None and (
            left := self._ending.follow_up(work, self.options.timing.follow_up, self._measured)
        ):
            self._stops.leave(self.exceeded, left, self._watch.spent)
            if self._measured is not None:
                self._measured.mark_shared(f"{RUNS_ON}: {left}")

    def _disarm(self, error: BaseException | None) -> BudgetExceeded | None:
        self.conclude()
        work = self._target
        with budgets.lock:
            budgets.discard(self)
            actions = self._watch.stop(time.monotonic())
        self._leave_gate()
        if work is not None:
            with contextlib.suppress(ValueError):  # interrupted before it observed, or while at rest
                self.fetcher.unobserve(self._check, "revision")
            self.fetcher.detach(self)
            self._ticker.stop()
            self._perform(actions)
            self._notices.end_work()
            self._ending.note_error(work, error, self.exceeded)
            # Last: after an interrupt before this line, `disarm` calls this again.
            self._target = None
        is_unheard = self._stops.must_report and not self._ending.was_caught
        return self.exceeded if is_unheard else None

    # -- guarded calls -----------------------------------------------------------------------------------

    def refuse(self) -> BudgetExceeded | None:
        """Return what to raise in place of a guarded call; None while the limit isn't reached.

        Once the work is over, this applies to calls from whatever it left running.
        """
        with budgets.lock:
            for action in self._watch.refuse(self._record(), time.monotonic()):
                if isinstance(action, Refuse):
                    stop = self._stop_of(action)
                    if self._target is not None:
                        self.exceeded = self.exceeded or stop
                        self._stops.note_refusal(self._target)
                    return stop
        return None

    def before_call(self) -> Callable[[], None] | None:
        """Return a function that takes the reading needed to decide on a guarded call; None if none is."""
        left = difference(self.max_credits, self._record())
        return None if self._spending is None else self._spending.before_call(left, self.fetcher)

    def count(self, call: Call, *, is_own: bool) -> None:
        """Count a guarded call on the account that is about to be sent.

        Args:
            call: The call.
            is_own: Whether the work that this budget watches makes the call.
        """
        if self._spending is not None:
            self._spending.count(call, is_own=is_own)

    def _enter_gate(self, work: InterruptTarget) -> None:
        gate.begin_work(self, work)

    def _leave_gate(self) -> None:
        gate.end_work(self, is_spent=self._watch.reaches_limit(self._record()))

    # -- readings ----------------------------------------------------------------------------------------

    def _check(self, _change: object = None) -> None:
        """Check the newest reading; called on the fetcher's thread."""
        with budgets.lock:
            work = self._target
            if work is None or self._spending is None:
                return
            now = time.monotonic()
            actions = self._watch.observe(
                self._spending.check(self.fetcher.readings),
                self.fetcher.error,
                now,
                shows_until=self._spending.shows_until,
                is_rate_limited=self.fetcher.retry_at is not None,
                is_running=work.is_running or self._ending.is_followed,
                is_guarded=self._spending.is_guarded,
                is_stopped_by_other=budgets.stops(work, but=self),
            )
            work.send()
            self._stops.amend(self._watch.spent)
            self._perform(actions)
            self._ticker.call_within(self._watch.check_within(now))

    def _perform(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case ReadEvery(seconds):
                    self.fetcher.attach(self, seconds, ignores_pause=True)
                case Trip():
                    self.exceeded = self._stop_of(action)
                    self._stops.note_interrupt()
                case Refuse():
                    pass  # done by `refuse`
                case Interrupt(escalate):
                    if self._target is not None and self.exceeded is not None:
                        self._target.interrupt(self.exceeded, escalate=escalate)
                case Warn() | AnnounceBlind() | AnnounceStuck() | ClearNotice():
                    self._notices.show(action, self._watch.spent)

    def _stop_of(self, action: Trip | Refuse) -> BudgetExceeded:
        is_beside = gate.watches_beside(self)
        known = self._spending
        reservations = Reservations() if known is None else known.reservations(is_beside=is_beside)
        return self._stops.make(action, self._watch.spent, reservations)
