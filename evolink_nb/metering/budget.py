"""Stops work before it has spent more than it may, by watching the account's real balance.

While a budget is armed it has the fetcher read faster, looks at each reading, and interrupts the work it was
armed for. Whatever spends, and with whatever library, is seen; between two readings nobody looks.
"""

from __future__ import annotations

import contextlib
import contextvars
import sys
import threading
import time
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..errors import BudgetExceeded, EvoLinkError
from ..formatting import format_amount, in_credits
from ..polling.backoff import PERMANENT_ERRORS
from .cost import spent_so_far
from .interrupt import InterruptTarget

if TYPE_CHECKING:
    from ..credits import Credits
    from ..polling.fetcher import CreditsFetcher

WATCH_INTERVAL = 1.0
"""Seconds between two readings at most while a budget is armed."""
MIN_WATCH = 0.2
"""Seconds between two readings at least: at first, and when the limit nears."""
REPEAT_AFTER = 1.0
"""Seconds after which work that goes on is interrupted again."""
STUCK_AFTER = 1.0
"""Seconds after the second interrupt after which work that goes on is said not to be stoppable."""
FAILURES = 3
"""Readings in a row that fail before a budget says that it can't watch."""

_lock = threading.RLock()
_armed: list[Budget] = []


class Budget:
    """What one thread's work may spend on the account of ``fetcher``, and the stop when it has."""

    def __init__(
        self,
        fetcher: CreditsFetcher,
        max_credits: Decimal,
        *,
        name: str,
        every: float = WATCH_INTERVAL,
    ) -> None:
        """Take the limit in credits, the name that messages call it by, and the seconds between readings."""
        if not 0 < every < float("inf"):
            raise ValueError(f"every must be a number of seconds above 0, not {every!r}")
        self.fetcher = fetcher
        self.max_credits = max_credits
        self.name = name
        self.every = every
        self.exceeded: BudgetExceeded | None = None
        self.spent = Decimal(0)
        self._before: Credits | None = None
        self._work: InterruptTarget | None = None
        self._latest: Credits | None = None
        self._armed_at = self._looked_at = self._late = 0.0
        self._sent_at = 0.0
        self._repeated_at: float | None = None
        self._said: set[str] = set()
        self._last_error: EvoLinkError | None = None
        self._failures = 0
        self._say: Callable[[str], object] = _print

    @property
    def thread(self) -> int | None:
        """The thread whose work it watches now."""
        return None if self._work is None else self._work.thread

    @property
    def is_for_task(self) -> bool:
        """Whether it watches one task of an event loop."""
        return self._work is not None and self._work.is_task

    def arm(self, before: Credits, work: InterruptTarget) -> None:
        """Watch ``work`` from now on; what was spent counts from the reading ``before``."""
        try:
            with _lock:
                self._before = self._before or before
                self._work, self.exceeded = work, None
                self._said.clear()
                # What is printed from the fetcher's thread belongs to the cell that runs now.
                context = contextvars.copy_context()
                self._say = lambda message: context.run(_print, message)
                _armed.append(self)
                self._armed_at = self._looked_at = time.monotonic()
                self._latest, self._late = before, 0.0
            self.fetcher.observe(self._look, "revision")
            # A first look soon: only then is it known how fast the work spends.
            self._watch_every(MIN_WATCH)
        except BaseException:  # an interrupt: nothing may stay armed for work that never began
            self.disarm()
            raise

    def disarm(self) -> BudgetExceeded | None:
        """Watch no longer, and tell whether the work was stopped; called by the work's own thread."""
        interrupt: BaseException | None = None
        while True:
            try:
                exceeded = self._disarm()
            except InterruptTarget.INTERRUPTS as caught:
                interrupt = caught  # nothing may stay armed: it waits until this is done
                continue
            # The interrupt for the work, come too late, ends here. Others are a person's or another budget's.
            if interrupt is not None and exceeded is None:
                raise interrupt
            return exceeded

    def _disarm(self) -> BudgetExceeded | None:
        with _lock:
            work = self._work
            if self in _armed:
                _armed.remove(self)
        if work is not None:
            work.finish()
            with contextlib.suppress(ValueError):  # it was interrupted before it observed, or while it rested
                self.fetcher.unobserve(self._look, "revision")
            self.fetcher.detach(self)
            if self._said:
                self.fetcher.set_message(notice="")
            # Last: who is interrupted before comes here again.
            self._work = None
        return self.exceeded

    def _look(self, _change: object = None) -> None:
        """Compare what the newest reading says with the limit; on the fetcher's thread."""
        with _lock:
            if self not in _armed or self._before is None:
                return
            self._note_failures()
            self._take_in(self._before, self.fetcher.credits)
            if self.exceeded is not None:
                self._interrupt_again()
            elif self._is_spent() and not self._is_being_stopped():
                self._trip()

    def _take_in(self, before: Credits, now: Credits | None) -> None:
        """Take what was spent so far, and look sooner the sooner the limit can be reached."""
        if now is None or now is self._latest:
            return
        self._latest, was_spent = now, self.spent
        self.spent = spent_so_far(before, now)
        looked_at, self._looked_at = self._looked_at, time.monotonic()
        self._late = self._looked_at - looked_at
        # As fast as of late, or as on the whole: work that spends in bursts pauses between them.
        rate = max(
            float(self.spent - was_spent) / max(self._late, MIN_WATCH),
            float(self.spent) / max(self._looked_at - self._armed_at, MIN_WATCH),
        )
        seconds_left = float(self.max_credits - self.spent) / rate if rate > 0 else float("inf")
        # Slower step by step: the first looks may come before the work has begun to spend.
        self._watch_every(min(seconds_left / 2, 2 * self._late))

    def _watch_every(self, seconds: float) -> None:
        interval = min(max(seconds, MIN_WATCH), self.every)
        self.fetcher.attach(self, interval, ignores_pause=True)

    def _is_spent(self) -> bool:
        return self.spent >= self.max_credits

    def _is_being_stopped(self) -> bool:
        """Tell whether another budget stops the same work: the first one to trip is the one to be named."""
        work = self._work
        return work is not None and any(
            other.exceeded and other._work is not None and other._work.contains(work) for other in _armed
        )

    def _trip(self) -> None:
        over = self.spent - self.max_credits
        message = f"{self.name} stopped the work at {in_credits(self.spent)} spent"
        self.exceeded = BudgetExceeded(
            message + (f", {format_amount(over)} over." if over > 0 else "."),
            name=self.name,
            max_credits=self.max_credits,
            spent=self.spent,
            hint=(
                f"The reading before was {self._late:.1f} s earlier: what is spent between two shows late."
                if over > 0
                else ""
            ),
        )
        self._sent_at, self._repeated_at = time.monotonic(), None
        if self._work is not None:
            self._work.interrupt()

    def _interrupt_again(self) -> None:
        now = time.monotonic()
        if self._work is None or not self._work.goes_on:
            return
        if self._repeated_at is not None and now - self._repeated_at >= STUCK_AFTER:
            self._tell("stuck", f"{self.name} is spent, but the work can't be interrupted: it still runs.")
        if now - self._sent_at >= REPEAT_AFTER:
            self._sent_at = now
            self._repeated_at = self._repeated_at or now
            self._work.interrupt(again=True)

    def _note_failures(self) -> None:
        error = self.fetcher.error
        if error is None:
            self._failures = 0
            if "blind" in self._said:
                self._said.discard("blind")
                self.fetcher.set_message(notice="")
            return
        if error is not self._last_error:
            self._failures += 1
        self._last_error = error
        told_to_wait = self.fetcher.retry_at is not None
        if told_to_wait or isinstance(error, PERMANENT_ERRORS) or self._failures >= FAILURES:
            self._tell("blind", f"{self.name} can't be watched: {error.message}")

    def _tell(self, kind: str, message: str) -> None:
        """Say something once: on the card, and in the output of the cell that runs."""
        if kind not in self._said:
            self._said.add(kind)
            self._say(message)
            self.fetcher.set_message(notice=message)


class SessionBudget(Budget):
    """A budget for all that follows, until `cancel`: work that still spends when it is gone is stopped.

    Also a context manager. ``spent`` and ``left`` are in credits, as of the last reading.
    """

    def __init__(self, fetcher: CreditsFetcher, max_credits: Decimal, *, name: str, every: float) -> None:
        super().__init__(fetcher, max_credits, name=name, every=every)
        self._before = fetcher.read(join=False)
        self._spent_before_work = Decimal(-1)
        self._live = True
        try:
            with _lock:
                _sessions.append(self)
            if on_session is not None:
                on_session()
            self.begin_work(InterruptTarget())
        except BaseException:  # an interrupt
            self.cancel()
            raise

    @property
    def left(self) -> Decimal:
        """What may still be spent; negative when more was."""
        return self.max_credits - self.spent

    def begin_work(self, work: InterruptTarget) -> None:
        """Watch ``work``, which begins on this thread; once all is spent, with a reading before it."""
        if self._live and self._work is None and self._before is not None:
            if self.fetcher.credits is not None:
                # Read for others meanwhile: as a cell settles, or for a card.
                self.spent = spent_so_far(self._before, self.fetcher.credits)
            if super()._is_spent():
                # What earlier work spent may have shown only after its last reading: it isn't this one's.
                with contextlib.suppress(EvoLinkError):
                    self.spent = spent_so_far(self._before, self.fetcher.read(join=False))
                self._spent_before_work = self.spent
            self.arm(self._before, work)

    def end_work(self) -> BudgetExceeded | None:
        """Rest until the next work begins: nothing is interrupted, and nothing is read for it, meanwhile."""
        return self.disarm()

    def cancel(self) -> None:
        """End the budget."""
        self._live = False
        with _lock:
            if self in _sessions:
                _sessions.remove(self)
        self.disarm()

    def _is_spent(self) -> bool:
        # Work that spends nothing may still run when all is spent: a person must be able to go on.
        return super()._is_spent() and self.spent > self._spent_before_work

    def _trip(self) -> None:
        super()._trip()
        if not shown_by_cells:
            self._say(str(self.exceeded))

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


_sessions: list[SessionBudget] = []
shown_by_cells = False
"""Whether something shows what stopped a cell; else the interrupt alone would say nothing."""
on_session: Callable[[], None] | None = None
"""Called when a session's budget is set, before it can stop anything."""


def begin_work(work: InterruptTarget) -> None:
    """Have the session's budgets watch ``work``, which begins on this thread."""
    for session in tuple(_sessions):
        session.begin_work(work)


def end_work() -> BudgetExceeded | None:
    """Have the session's budgets rest, and tell whether one of them stopped the work."""
    return _first([session.end_work() for session in tuple(_sessions)])


def disarm_thread() -> BudgetExceeded | None:
    """Disarm all that watches this thread's work, but for tasks, which go on; tell which one stopped it."""
    me = threading.get_ident()
    return _first([each.disarm() for each in tuple(_armed) if each.thread == me and not each.is_for_task])


def any_armed() -> bool:
    """Tell whether anything may be stopped now."""
    return bool(_armed)


def stopped(thread: int) -> BudgetExceeded | None:
    """Give the stop that was sent to the work of ``thread``, but for tasks, which say so themselves."""
    with _lock:
        return _first([each.exceeded for each in _armed if each.thread == thread and not each.is_for_task])


def stop_all() -> None:
    """Forget all budgets; when the extension is unloaded."""
    for session in tuple(_sessions):
        session.cancel()
    for each in tuple(_armed):
        each.disarm()


def parse_limit(value: object) -> Decimal:
    """Give a limit in credits as an exact number; ``ValueError`` unless it is one above 0."""
    try:
        limit = Decimal(str(value))
    except InvalidOperation:
        limit = Decimal("NaN")
    if isinstance(value, bool) or not limit.is_finite() or limit <= 0:
        raise ValueError(f"max_credits must be a number of credits above 0, not {value!r}")
    return limit


def _first(found: list[BudgetExceeded | None]) -> BudgetExceeded | None:
    return next((exceeded for exceeded in found if exceeded is not None), None)


def _print(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
