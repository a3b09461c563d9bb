"""The budgets of this process: armed ones, session budgets and loops' limits, and who shows their stops."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from ... import runtime

if TYPE_CHECKING:
    from decimal import Decimal

    from ...errors import BudgetExceeded
    from ..interrupt import InterruptTarget

Listener = Callable[[], object]


class InForce(Protocol):
    """The part of a budget in force that is shown."""

    @property
    def name(self) -> str:
        """The budget's name in messages."""

    @property
    def max_credits(self) -> Decimal:
        """The limit, in credits."""

    @property
    def spent(self) -> Decimal:
        """Credits spent, as of the newest reading."""


class Armable(InForce, Protocol):
    """The part of a budget that the registry needs."""

    @property
    def exceeded(self) -> BudgetExceeded | None:
        """The stop it sent, if any."""

    @property
    def target(self) -> InterruptTarget | None:
        """The work that the budget watches; None if there is none."""

    def conclude(self) -> None:
        """Record that the work has ended on its own thread; keep watching what stopped work has started."""

    def disarm(self, error: BaseException | None = None) -> BudgetExceeded | None:
        """Stop watching, and return the stop it sent, unless the work has caught it."""


class Session(Armable, Protocol):
    """The part of a session budget that the registry needs."""

    def begin_work(self, work: InterruptTarget, *, is_brief: bool = False) -> None:
        """Start watching work; if it is brief, take no reading first."""

    def end_work(self, error: BaseException | None = None) -> BudgetExceeded | None:
        """Rest until the next work begins, and return the stop it sent, unless the work has caught it."""

    def cancel(self) -> None:
        """End the budget."""


class Budgets:
    """The registry of budgets; thread-safe.

    Attributes:
        lock: Held while a budget decides: only the first to trip may stop a piece of work.
        loops: The limits of running loops, which interrupt nothing.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.lock = threading.RLock()
        self.loops: list[InForce] = []
        self._armed: list[Armable] = []
        self._sessions: list[Session] = []
        self._listeners: list[Listener] = []
        runtime.forget_after_fork(self)

    def after_fork(self) -> None:
        """Forget the parent's budgets, which watch the parent's work."""
        self.lock = threading.RLock()
        self.loops, self._armed, self._sessions, self._listeners = [], [], [], []

    # -- armed budgets ---------------------------------------------------------------------------------

    def add(self, budget: Armable) -> None:
        """Record that a budget is armed."""
        with self.lock:
            self._armed.append(budget)

    def discard(self, budget: Armable) -> None:
        """Record that a budget is no longer armed; do nothing if it wasn't."""
        with self.lock:
            if budget in self._armed:
                self._armed.remove(budget)

    def any_armed(self) -> bool:
        """Return whether any budget is armed."""
        return bool(self._armed)

    def stops(self, work: InterruptTarget, *, but: Armable | None = None) -> bool:
        """Return whether an armed budget has stopped ``work``, or work enclosing it.

        Args:
            work: The work.
            but: A budget that doesn't count.
        """
        with self.lock:
            return any(
                each is not but
                and each.exceeded is not None
                and each.target is not None
                and each.target.contains(work)
                for each in self._armed
            )

    def stopped(self, thread: int) -> BudgetExceeded | None:
        """Return the stop sent to a thread's work.

        Args:
            thread: The thread's identifier. Its tasks don't count: they raise their own stops.

        Returns:
            The stop; None if none was sent.
        """
        with self.lock:
            return _first(each.exceeded for each in self._armed_on(thread))

    def conclude_thread(self) -> None:
        """Record that this thread's work has ended, before its stop is shown: that says what still runs."""
        for each in self._armed_on(threading.get_ident()):
            each.conclude()

    def disarm_thread(self, error: BaseException | None = None) -> BudgetExceeded | None:
        """Disarm all budgets watching this thread's work, except its tasks, which continue.

        Args:
            error: The exception that the work ended with, if it failed.

        Returns:
            The stop that one of them sent, if any, unless the work has caught it.
        """
        return _first([each.disarm(error) for each in self._armed_on(threading.get_ident())])

    def _armed_on(self, thread: int) -> list[Armable]:
        targets = [(each, each.target) for each in tuple(self._armed)]
        return [each for each, target in targets if target and target.thread == thread and not target.is_task]

    # -- session budgets -------------------------------------------------------------------------------

    def add_session(self, session: Session) -> None:
        """Register a session budget, and notify the listeners before it can send a stop."""
        with self.lock:
            self._sessions.append(session)
        for listener in tuple(self._listeners):
            listener()

    def discard_session(self, session: Session) -> None:
        """Unregister a session budget, if registered."""
        with self.lock:
            if session in self._sessions:
                self._sessions.remove(session)

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The session budgets."""
        return tuple(self._sessions)

    def begin_work(self, work: InterruptTarget, *, is_brief: bool = False) -> None:
        """Let the session budgets watch work.

        Args:
            work: The work that begins on this thread.
            is_brief: Whether it is usually over before a reading could be taken.
        """
        for session in tuple(self._sessions):
            session.begin_work(work, is_brief=is_brief)

    def end_work(self, error: BaseException | None = None) -> BudgetExceeded | None:
        """Let the session budgets rest.

        Args:
            error: The exception that the work ended with, if it failed.

        Returns:
            The stop that one of them sent, if any, unless the work has caught it.
        """
        return _first([session.end_work(error) for session in tuple(self._sessions)])

    def cancel_all(self) -> None:
        """Cancel all budgets; called when the extension is unloaded."""
        for session in tuple(self._sessions):
            session.cancel()
        for each in tuple(self._armed):
            each.disarm()

    # -- what is in force -------------------------------------------------------------------------------

    @property
    def passing(self) -> tuple[InForce, ...]:
        """The budgets in force only until their work ends: those of cells, meters and loops."""
        with self.lock:
            return tuple(each for each in (*self._armed, *self.loops) if each not in self._sessions)

    # -- listeners that show stops ---------------------------------------------------------------------

    @property
    def are_shown(self) -> bool:
        """Whether a listener shows what stopped a cell; without one, there is only a bare interrupt."""
        return bool(self._listeners)

    def add_listener(self, listener: Listener) -> None:
        """Register a listener that shows stops.

        Args:
            listener: Called when a session budget is set, on the thread that sets it.
        """
        with self.lock:
            self._listeners.append(listener)

    def remove_listener(self, listener: Listener) -> None:
        """Remove a listener, if registered."""
        with self.lock:
            if listener in self._listeners:
                self._listeners.remove(listener)


def _first(stops: Iterable[BudgetExceeded | None]) -> BudgetExceeded | None:
    return next((exceeded for exceeded in stops if exceeded is not None), None)


budgets = Budgets()
"""The budgets of this process."""
