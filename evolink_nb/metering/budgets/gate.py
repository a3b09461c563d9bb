"""The gate: a guarded call under a budget that is spent is refused before it is sent.

Which budgets a call is under is told by the context it is made in, which tasks and `asyncio.to_thread` copy.
A worker thread's context tells nothing: its calls are under every budget that may have started them.
"""

from __future__ import annotations

import contextvars
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ... import runtime
from ...api.calls import calls
from .callers import Caller, Gated, Work, may_be_part
from .pool_threads import is_idle, is_pooled
from .registry import Budgets, budgets
from .stops import current_task

if TYPE_CHECKING:
    from ...api.calls import Call
    from ..interrupt import InterruptTarget

LEFT = (
    "The call comes from work that was stopped; it is refused until that work ends "
    "or runs under another budget."
)
"""What a refused call of such work is told."""


class Gate:
    """Observes guarded calls, counts them for the budgets they are made under, and refuses them.

    It is thread-safe.
    """

    def __init__(self, registry: Budgets) -> None:
        """Start with no budgets.

        Args:
            registry: Its lock is held while a call is decided on.
        """
        self._registry = registry
        self._around: contextvars.ContextVar[tuple[Gated, ...]] = contextvars.ContextVar(
            "evolink_nb_budgets", default=()
        )
        self._in_cell: contextvars.ContextVar[bool] = contextvars.ContextVar("evolink_nb_cell", default=False)
        self._forget()
        runtime.forget_after_fork(self)

    def after_fork(self) -> None:
        """Forget the parent's budgets and threads; called in a forked child."""
        self._forget()

    def _forget(self) -> None:
        self._sessions: list[Gated] = []
        self._work: dict[Gated, Work] = {}
        self._left_over: weakref.WeakKeyDictionary[threading.Thread, Gated] = weakref.WeakKeyDictionary()
        # Those that are over and were spent: contexts hold them for as long as their work goes on.
        self._refusing: weakref.WeakSet[Gated] = weakref.WeakSet()

    # -- budgets -----------------------------------------------------------------------------------------

    def add_session(self, budget: Gated) -> None:
        """Put every call on its account under a budget, until `discard_session`."""
        calls.add_observer(self)
        with self._registry.lock:
            self._sessions.append(budget)
            self._count_begun(budget)

    def discard_session(self, budget: Gated) -> None:
        """Put no further call under a session's budget."""
        with self._registry.lock:
            if budget in self._sessions:
                self._sessions.remove(budget)

    def begin_work(self, budget: Gated, target: InterruptTarget) -> None:
        """Put what is called in this context, and in copies of it, under a budget.

        Args:
            budget: A budget that is not the session's.
            target: The work it watches.
        """
        calls.add_observer(self)
        with self._registry.lock:
            is_main = target.thread == threading.main_thread().ident
            older = weakref.WeakSet(threading.enumerate())
            self._work[budget] = Work(is_task=target.is_task, is_main=is_main, older=older)
            self._count_begun(budget)
        self._around.set((*self._still_around(), budget))

    def end_work(self, budget: Gated, *, is_spent: bool) -> None:
        """Put no further call under a budget, except those of work that it has stopped and that is left.

        Args:
            budget: A budget.
            is_spent: Whether its limit is reached.
        """
        self._around.set(tuple(each for each in self._around.get() if each is not budget))
        with self._registry.lock:
            work = self._work.pop(budget, None)
            if work is None or not is_spent:
                return
            self._refusing.add(budget)
            younger = (
                [] if work.is_task else [each for each in threading.enumerate() if each not in work.older]
            )
            # A pool may be older, and have work in its queue; any other thread goes its own way.
            pooled = [each for each in work.callers if each in work.older and is_pooled(each)]
            for thread in {*younger, *pooled} - {threading.current_thread()}:
                self._left_over[thread] = budget

    def let_go(self) -> None:
        """Refuse nothing any more for budgets that are over."""
        with self._registry.lock:
            self._refusing.clear()
            self._left_over.clear()

    def _count_begun(self, budget: Gated) -> None:
        """Count calls begun before a budget's work: what they spend may show after its first reading."""
        for call in calls.recent(budget.identity):
            if call.ended_at is None or call.ended_at >= budget.counts_from:
                budget.count(call, is_own=False)

    def begin_cell(self) -> None:
        """Let go of threads that earlier work has left idle; called in the context of a cell that begins."""
        self._in_cell.set(True)
        with self._registry.lock:
            for thread in [each for each in self._left_over if is_idle(each)]:
                del self._left_over[thread]

    def watches_beside(self, budget: Gated) -> bool:
        """Return whether other work on the account is watched, neither around a budget's nor inside it.

        Args:
            budget: A budget that watches.
        """
        mine = budget.target
        with self._registry.lock:
            others = [each for each in self._work if each.identity == budget.identity and each is not budget]
        targets = [each.target for each in others]
        return mine is not None and any(
            other is not None and not other.contains(mine) and not mine.contains(other) for other in targets
        )

    # -- calls -------------------------------------------------------------------------------------------

    def before_call(self, identity: str) -> Callable[[], None] | None:
        """Return the reading to take before a call is decided on, if any of its budgets needs one.

        Args:
            identity: The identity of the client that makes the call.
        """
        with self._registry.lock:
            _, _, own = self._budgets_of(identity)
            return next(filter(None, (budget.before_call() for budget in own)), None)

    def call_begins(self, call: Call) -> None:
        """Refuse a call under a budget that is spent; else count it.

        Args:
            call: The call.

        Raises:
            BudgetExceeded: A budget that the call is under is spent.
        """
        with self._registry.lock:
            caller, here, own = self._budgets_of(call.identity)
            for budget in self._left_from(call.identity, own):
                stop = budget.refuse()
                if stop is not None:
                    stop.hint = LEFT
                    raise stop
            for budget in own:
                stop = budget.refuse()
                if stop is not None:
                    raise stop
            for budget in here:
                budget.count(call, is_own=budget in own)
            for budget in own:
                if budget in self._work:
                    self._work[budget].callers.add(caller.thread)

    def call_ended(self, call: Call) -> None:
        """Do nothing: a call that is counted holds what its answer says."""

    def _budgets_of(self, identity: str) -> tuple[Caller, list[Gated], list[Gated]]:
        """Return who makes a call now, the budgets on the account, and those that the call is under."""
        is_task = current_task() is not None
        caller = Caller(threading.current_thread(), self._still_around(), is_task=is_task)
        here = [each for each in (*self._work, *self._sessions) if each.identity == identity]
        return caller, here, [each for each in here if self._is_under(each, caller, here)]

    def _is_under(self, budget: Gated, caller: Caller, here: list[Gated]) -> bool:
        work = self._work.get(budget)
        if work is None or budget in caller.around:
            return True
        is_only = sum(each in self._work for each in here) == 1
        return may_be_part(work, caller, is_only=is_only)

    def _left_from(self, identity: str, own: list[Gated]) -> Iterator[Gated]:
        """Yield the budgets that are over, and whose work the calling code is left from."""
        over = (each for each in self._around.get() if each in self._refusing)
        yield from (each for each in over if each.identity == identity)
        thread = threading.current_thread()
        budget = self._left_over.get(thread)
        # A context that a later cell has made is that cell's, in whatever thread.
        if budget is None or budget.identity != identity or self._in_cell.get():
            return
        if any(each in self._work for each in own):
            # Another budget watches it from now on.
            del self._left_over[thread]
        else:
            yield budget

    def _still_around(self) -> tuple[Gated, ...]:
        return tuple(each for each in self._around.get() if each.target is not None)


gate = Gate(budgets)
"""This process's gate."""
