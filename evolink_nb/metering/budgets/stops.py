"""The stops that a budget sends: what they say, and whether the work has noticed them."""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ...credits import difference
from ...errors import BudgetExceeded, stop_class
from ...formatting import format_amount, format_time, in_credits
from .watch_actions import Refuse, Trip

if TYPE_CHECKING:
    from ..interrupt import InterruptTarget
    from .own_spending import Reservations

log = logging.getLogger(__name__)


class Stops:
    """The stops of one budget; each refused call raises its own, and all are amended while work runs."""

    def __init__(self, name: str, max_credits: Decimal) -> None:
        """Start without stops.

        Args:
            name: The budget's name in messages.
            max_credits: The limit, in credits.
        """
        self._name = name
        self._max_credits = max_credits
        self._made: weakref.WeakSet[BudgetExceeded] = weakref.WeakSet()
        self._spent_at: weakref.WeakKeyDictionary[BudgetExceeded, Decimal] = weakref.WeakKeyDictionary()
        self._kind = stop_class()
        self._refused: weakref.WeakSet[asyncio.Task[Any] | threading.Thread] = weakref.WeakSet()
        self._has_refused = False
        self.must_report = False
        """Whether the work may not have noticed its stop, or has ignored it."""

    def begin_work(self) -> None:
        """Forget which callers were refused, as other work begins on this thread."""
        self._kind = stop_class()
        self._refused.clear()
        self._has_refused = False
        self.must_report = False

    def forget(self) -> None:
        """Stop amending earlier stops: what is spent from now on doesn't concern them."""
        self._made.clear()

    def make(self, action: Trip | Refuse, spent: Decimal, reservations: Reservations) -> BudgetExceeded:
        """Return a new stop.

        Args:
            action: What the stop does to the work.
            spent: Credits spent.
            reservations: What the figure may leave out or include.
        """
        doubts = reservations.sentences(is_over=bool(action.over))
        # A refusal is raised here, an interrupt in the work's own thread: each thread may belong to a pool.
        kind = stop_class() if isinstance(action, Refuse) else self._kind
        stop = kind(
            f"{self._name} stopped the work{_why(action, spent)}",
            name=self._name,
            max_credits=self._max_credits,
            spent=spent,
            over=action.over,
            hint=" ".join((*self._last_known(action, spent), *doubts)),
        )
        self._made.add(stop)
        self._spent_at[stop] = spent
        # Work that ignores its refusals may be refused thousands of times.
        is_repeated = isinstance(action, Refuse) and self._has_refused
        level = logging.DEBUG if is_repeated else logging.INFO
        log.log(level, "stopped: %s at %s of %s credits", self._name, spent, self._max_credits)
        return stop

    def _last_known(self, action: Trip | Refuse, spent: Decimal) -> Iterator[str]:
        if action.unread is not None:
            limit = in_credits(self._max_credits)
            yield f"By the last reading, {format_amount(spent)} of {limit} were spent."

    def note_refusal(self, work: InterruptTarget) -> None:
        """Record that a call of the current thread is refused.

        Args:
            work: The work that is stopped.
        """
        # A caller refused again has ignored its stop; a stop raised in another thread may go unnoticed.
        caller = current_task() or threading.current_thread()
        is_elsewhere = threading.get_ident() != work.thread
        self.must_report = self.must_report or is_elsewhere or caller in self._refused
        self._refused.add(caller)
        self._has_refused = True

    def note_interrupt(self) -> None:
        """Record that the work is interrupted: the interrupt itself doesn't say why."""
        self.must_report = True

    def leave(self, stop: BudgetExceeded, still_running: str, spent: Decimal) -> None:
        """Amend a stop to say what it has not stopped.

        Args:
            stop: The stop.
            still_running: What the work has started that is still running.
            spent: Credits spent by now.
        """
        since = difference(spent, self._spent_at[stop]) if stop in self._spent_at else Decimal(0)
        spent_since = f"; {in_credits(since)} spent since" if since > 0 else ""
        stop.still_running = still_running
        said = stop.message.replace(" stopped the work at ", " was reached at ")
        stop.message = f"{said} Still running: {still_running}{spent_since}."

    def amend(self, spent: Decimal) -> None:
        """Amend the stops to say what has been spent by now.

        Args:
            spent: Credits spent.
        """
        for stop in tuple(self._made):
            stop.spent, stop.over = spent, max(difference(spent, self._max_credits), Decimal(0))


def _why(action: Trip | Refuse, spent: Decimal) -> str:
    how = "refused the next call" if isinstance(action, Refuse) else "interrupted the work"
    if action.unread is not None:
        seconds, reason = format_time(action.unread.seconds), action.unread.reason.rstrip(".")
        return f": the balance could not be read for {seconds}: {reason}. It {how}."
    over = f", {format_amount(action.over)} over" if action.over else ""
    return f" at {in_credits(spent)} spent{over}: it {how}."


def current_task() -> asyncio.Task[Any] | None:
    """Return the running task; None outside a task."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
