"""A budget for each day, week or month, which outlives the kernel and starts over by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from ..errors import EvoLinkError
from ..formatting import in_credits
from ..periods import Per, Period, Zone, format_day, period_at
from .attribution.quiet import quiet_times
from .budgets.own_spending import OwnSpending
from .budgets.period_spending import PeriodSpending
from .budgets.registry import budgets
from .budgets.watch import State
from .session_budget import SessionBudget

if TYPE_CHECKING:
    from ..api.calls import Call
    from ..credits import Credits
    from ..errors import BudgetExceeded
    from ..polling.fetcher import CreditsFetcher
    from .budgets.options import BudgetOptions
    from .budgets.watch_actions import Refuse, Trip
    from .interrupt import InterruptTarget

KeptReadings = Callable[["CreditsFetcher", datetime], Sequence["Credits"]]
"""Returns a key's readings from a history, oldest first, beginning with the last one before a moment."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """How often a budget starts over.

    Attributes:
        per: Each day, week or month.
        zone: The time zone in which days begin.
    """

    per: Per
    zone: Zone = None

    def period_at(self, moment: datetime) -> Period:
        """Return the period that contains a moment."""
        return period_at(moment, self.per, self.zone)


class PeriodBudget(SessionBudget):
    """A budget for each day, week or month, shared by everything that spends with the key.

    All spending since the period began counts: by this kernel, an earlier one or another one. The budget
    starts over when the next period begins, whether the kernel is busy, idle or asleep.

    Attributes:
        recurrence: When it starts over.
    """

    def __init__(
        self,
        fetcher: CreditsFetcher,
        max_credits: Decimal,
        recurrence: Recurrence,
        *,
        kept: KeptReadings,
        label: str | None = None,
        options: BudgetOptions | None = None,
    ) -> None:
        """Set the budget, replacing any of the same name, and watch what runs on this thread.

        Args:
            fetcher: The fetcher that reads the account.
            max_credits: The limit for each period, in credits above 0.
            recurrence: When it starts over.
            kept: Returns the readings of a key that a history has kept.
            label: The budget's name; "day", "week" or "month" by default.
            options: How to watch; the usual values by default.

        Raises:
            EvoLinkError: The balance or the history can't be read.
        """
        self.recurrence = recurrence
        self._kept = kept
        self._period = recurrence.period_at(fetcher.clock.now())
        self._is_close = False
        super().__init__(fetcher, max_credits, label=label or recurrence.per, options=options)

    @property
    def per(self) -> Per:
        """Whether the budget is for a day, a week or a month."""
        return self.recurrence.per

    @property
    def begins_anew_at(self) -> datetime:
        """When the next period begins, as an aware datetime."""
        with budgets.lock:
            self._begin_period()
            return self._period.end.astimezone(self.recurrence.zone)

    @property
    def starts_over(self) -> str:
        """When the next period begins, as a phrase: "starts over on Fri 27 Nov at 00:00"."""
        at = self.begins_anew_at
        return f"starts over on {format_day(at.date())} at {at:%H:%M}"

    @property
    def spent(self) -> Decimal:
        """Credits spent in this period; reads the balance if the newest reading is old."""
        self._look_back()
        return super().spent

    def begin_work(self, work: InterruptTarget, *, is_brief: bool = False) -> None:
        """Watch work that begins on this thread; its spending counts from the current period's beginning.

        Args:
            work: What to interrupt.
            is_brief: Whether the work is usually over before a reading could be taken: no reading is then
                taken first.
        """
        if not is_brief:
            self._look_back()
        super().begin_work(work, is_brief=is_brief)

    def count(self, call: Call, *, is_own: bool) -> None:  # noqa: ARG002 - every call in the period counts
        """Count a guarded call on the account, whoever makes it.

        Args:
            call: The call.
            is_own: Whether the work that this budget watches makes the call; ignored.
        """
        super().count(call, is_own=True)

    def _is_outdated(self) -> bool:
        # Other kernels may spend at any time.
        age = self.fetcher.clock.monotonic() - self.fetcher.requested_at
        is_old = self._target is None and age > self.options.timing.interval
        return not self._cancelled and self.fetcher.error is None and is_old

    def _title(self, label: str, max_credits: Decimal) -> str:
        named = "" if label == self.per else f" {label!r}"
        return f"The {self.per}'s budget{named} of {in_credits(max_credits)}"

    # -- periods -----------------------------------------------------------------------------------------

    def _first_spending(self, reading: Credits) -> OwnSpending:
        kept = self._kept(self.fetcher, self._period.start)
        return self._since_start(kept, [*self.fetcher.readings, reading])

    def _since_start(self, kept: Sequence[Credits], own: Sequence[Credits]) -> OwnSpending:
        found = PeriodSpending.since(self._period.start, kept, own)
        # If a history has kept readings, no closer one can be found.
        self._is_close = found.is_close or bool(kept)
        return OwnSpending(found.spending, quiet_times.of(self.identity))

    def _record(self) -> Decimal:
        with budgets.lock:
            self._begin_period()
            return super()._record()

    def _check(self, change: object = None) -> None:
        with budgets.lock:
            self._begin_period()
        super()._check(change)

    def _begin_period(self) -> None:
        """Start over if the period has ended; called with the lock held.

        Work that was stopped stays stopped.
        """
        now = self.fetcher.clock.now()
        may_begin = self._watch.state in {State.RESTING, State.WATCHING, State.CLOSED}
        if self._spending is None or self._period.contains(now) or not may_begin:
            return
        self._period = self.recurrence.period_at(now)
        self._spending = self._since_start((), [self._spending.latest, *self.fetcher.readings])
        self._watch = self.options.watch(self.max_credits)
        self._stops.forget()
        self._notices.end()
        if self._target is not None:
            self.exceeded = None
            self._perform(self._watch.start(time.monotonic(), spent=self._spending.spent))

    def _look_back(self) -> None:
        """Look, once a period, for a reading closer to the period's beginning than this process has taken.

        Without one, spending between the process's own reading and the period's beginning counts too.
        """
        with budgets.lock:
            self._begin_period()
            is_needed = not self._is_close and self._target is None and self._spending is not None
            period = self._period
        if not is_needed:
            return
        try:
            # Read first: spending then counts from the older, kept readings up to this one.
            reading = self.fetcher.read()
            kept = self._kept(self.fetcher, period.start)
        except EvoLinkError:
            return
        with budgets.lock:
            self._is_close = True
            if kept and self._period == period and self._target is None:
                self._spending = self._since_start(kept, [*self.fetcher.readings, reading])

    def _stop_of(self, action: Trip | Refuse) -> BudgetExceeded:
        stop = super()._stop_of(action)
        stop.hint = f"{stop.hint} It {self.starts_over}.".lstrip()
        return stop
