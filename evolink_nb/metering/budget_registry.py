"""The budgets of this process: what is armed, what holds for all that follows, and what shows their stops."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from .. import runtime

if TYPE_CHECKING:
    from ..errors import BudgetExceeded
    from .interrupt import InterruptTarget

Listener = Callable[[], object]


class Armable(Protocol):
    """What the registry needs of a budget."""

    @property
    def exceeded(self) -> BudgetExceeded | None:
        """The stop that it sent, None while it sent none."""

    @property
    def target(self) -> InterruptTarget | None:
        """The work that it watches now."""

    def disarm(self) -> BudgetExceeded | None:
        """Watch no longer, and return the stop that it sent."""


class Session(Armable, Protocol):
    """What the registry needs of a budget for all that follows."""

    def begin_work(self, work: InterruptTarget) -> None:
        """Watch work that begins."""

    def end_work(self) -> BudgetExceeded | None:
        """Rest until the next work begins, and return the stop that it sent."""

    def cancel(self) -> None:
        """End the budget."""


class Budgets:
    """The registry of budgets; for use from any thread.

    Attributes:
        lock: Held while a budget decides, so that only the first to trip stops a piece of work.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.lock = threading.RLock()
        self._armed: list[Armable] = []
        self._sessions: list[Session] = []
        self._listeners: list[Listener] = []
        runtime.forget_after_fork(self)

    def after_fork(self) -> None:
        """Forget the parent's budgets: what they watch is not this process's work."""
        self.lock = threading.RLock()
        self._armed, self._sessions, self._listeners = [], [], []

    # -- what is armed ---------------------------------------------------------------------------------

    def add(self, budget: Armable) -> None:
        """Note that a budget is armed."""
        with self.lock:
            self._armed.append(budget)

    def discard(self, budget: Armable) -> None:
        """Note that a budget is armed no longer, if it was."""
        with self.lock:
            if budget in self._armed:
                self._armed.remove(budget)

    def any_armed(self) -> bool:
        """Return whether anything may be stopped now."""
        return bool(self._armed)

    def stops(self, work: InterruptTarget) -> bool:
        """Return whether an armed budget has interrupted ``work``, or work around it."""
        with self.lock:
            return any(
                each.exceeded is not None and each.target is not None and each.target.contains(work)
                for each in self._armed
            )

    def stopped(self, thread: int) -> BudgetExceeded | None:
        """Return the stop that was sent to a thread's work.

        Args:
            thread: The thread's identifier. Its tasks don't count: they raise their stop themselves.

        Returns:
            The stop, None where none was sent.
        """
        with self.lock:
            return _first(each.exceeded for each in self._armed_on(thread))

    def disarm_thread(self) -> BudgetExceeded | None:
        """Disarm all that watches this thread's work, but for its tasks, which go on.

        Returns:
            The stop that one of them sent, None where none was.
        """
        return _first([each.disarm() for each in self._armed_on(threading.get_ident())])

    def _armed_on(self, thread: int) -> list[Armable]:
        targets = [(each, each.target) for each in tuple(self._armed)]
        return [each for each, target in targets if target and target.thread == thread and not target.is_task]

    # -- budgets for all that follows ------------------------------------------------------------------

    def add_session(self, session: Session) -> None:
        """Note a budget for all that follows, and tell what shows its stops, before it can send any."""
        with self.lock:
            self._sessions.append(session)
        for listener in tuple(self._listeners):
            listener()

    def discard_session(self, session: Session) -> None:
        """Forget a budget for all that follows, if it was noted."""
        with self.lock:
            if session in self._sessions:
                self._sessions.remove(session)

    def begin_work(self, work: InterruptTarget) -> None:
        """Have the session's budgets watch work.

        Args:
            work: What begins on this thread.
        """
        for session in tuple(self._sessions):
            session.begin_work(work)

    def end_work(self) -> BudgetExceeded | None:
        """Have the session's budgets rest.

        Returns:
            The stop that one of them sent, None where none was.
        """
        return _first([session.end_work() for session in tuple(self._sessions)])

    def cancel_all(self) -> None:
        """Forget all budgets; when the extension is unloaded."""
        for session in tuple(self._sessions):
            session.cancel()
        for each in tuple(self._armed):
            each.disarm()

    # -- what shows stops ------------------------------------------------------------------------------

    @property
    def are_shown(self) -> bool:
        """Whether something shows what stopped a cell; else an interrupt alone would say nothing."""
        return bool(self._listeners)

    def add_listener(self, listener: Listener) -> None:
        """Register what shows stops.

        Args:
            listener: Called when a session's budget is set, on the thread that sets it.
        """
        with self.lock:
            self._listeners.append(listener)

    def remove_listener(self, listener: Listener) -> None:
        """Take back what `add_listener` registered, if it still is."""
        with self.lock:
            if listener in self._listeners:
                self._listeners.remove(listener)


def _first(stops: Iterable[BudgetExceeded | None]) -> BudgetExceeded | None:
    return next((exceeded for exceeded in stops if exceeded is not None), None)


budgets = Budgets()
"""This process's budgets."""
