"""The gate: refuses a guarded call before it is sent if a budget that applies to it is used up.

The context in which a call is made shows which budgets apply to it; tasks and `asyncio.to_thread` copy that
context. A worker thread's context doesn't show this: every budget that may have started the thread applies.
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
"""The hint for a refused call of work left running after a stop."""


class Gate:
    """Observes guarded calls, counts them for the budgets that apply, and refuses them if one is used up.

    It is thread-safe.
    """

    def __init__(self, registry: Budgets) -> None:
        """Start with no budgets.

        Args:
            registry: The registry whose lock is held while deciding on a call.
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
        # Used-up budgets whose work is over: contexts keep them alive as long as part of that work goes on.
        self._refusing: weakref.WeakSet[Gated] = weakref.WeakSet()

    # -- budgets -----------------------------------------------------------------------------------------

    def add_session(self, budget: Gated) -> None:
        """Apply a budget to every call on its account, until `discard_session`."""
        calls.add_observer(self)
        with self._registry.lock:
            self._sessions.append(budget)
            self._count_begun(budget)

    def discard_session(self, budget: Gated) -> None:
        """Apply a session budget to no further call."""
        with self._registry.lock:
            if budget in self._sessions:
                self._sessions.remove(budget)

    def begin_work(self, budget: Gated, target: InterruptTarget) -> None:
        """Apply a budget to calls made in this context and in copies of it.

        Args:
            budget: A budget that is not a session budget.
            target: The work that it watches.
        """
        calls.add_observer(self)
        with self._registry.lock:
            is_main = target.thread == threading.main_thread().ident
            older = weakref.WeakSet(threading.enumerate())
            self._work[budget] = Work(is_task=target.is_task, is_main=is_main, older=older)
            self._count_begun(budget)
        self._around.set((*self._still_around(), budget))

    def end_work(self, budget: Gated, *, is_spent: bool) -> None:
        """Apply a budget to no further call, except calls of stopped work that is still running.

        Args:
            budget: The budget.
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
            # An older pool may have this work in its queue; any other older thread is independent.
            pooled = [each for each in work.callers if each in work.older and is_pooled(each)]
            for thread in {*younger, *pooled} - {threading.current_thread()}:
                self._left_over[thread] = budget

    def let_go(self) -> None:
        """Stop refusing calls for budgets that are over."""
        with self._registry.lock:
            self._refusing.clear()
            self._left_over.clear()

    def _count_begun(self, budget: Gated) -> None:
        """Count calls begun before a budget's work, as their cost may show after its first reading."""
        for call in calls.recent(budget.identity):
            if call.ended_at is None or call.ended_at >= budget.counts_from:
                budget.count(call, is_own=False)

    def begin_cell(self) -> None:
        """Forget threads that earlier work has left idle; called in the context of a cell that begins."""
        self._in_cell.set(True)
        with self._registry.lock:
            for thread in [each for each in self._left_over if is_idle(each)]:
                del self._left_over[thread]

    def watches_beside(self, budget: Gated) -> bool:
        """Return whether other work on the account, neither around nor inside a budget's, is watched too.

        Args:
            budget: A budget that is watching work.
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
        """Return a function that takes the reading needed to decide on a call; None if no budget needs one.

        Args:
            identity: The identity of the client that makes the call.
        """
        with self._registry.lock:
            _, _, own = self._budgets_of(identity)
            return next(filter(None, (budget.before_call() for budget in own)), None)

    def call_begins(self, call: Call) -> None:
        """Refuse a call if a budget that applies to it is used up; otherwise count it.

        Args:
            call: The call.

        Raises:
            BudgetExceeded: A budget that applies to the call is used up.
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
        """Do nothing: a counted call holds what its answer says."""

    def _budgets_of(self, identity: str) -> tuple[Caller, list[Gated], list[Gated]]:
        """Return the caller, the budgets on the account, and those of them that apply to its call."""
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
        """Yield the budgets that are over and whose stopped work includes the calling code."""
        over = (each for each in self._around.get() if each in self._refusing)
        yield from (each for each in over if each.identity == identity)
        thread = threading.current_thread()
        budget = self._left_over.get(thread)
        # A context made by a later cell belongs to that cell, whatever the thread.
        if budget is None or budget.identity != identity or self._in_cell.get():
            return
        if any(each in self._work for each in own):
            # Another budget watches the thread from now on.
            del self._left_over[thread]
        else:
            yield budget

    def _still_around(self) -> tuple[Gated, ...]:
        return tuple(each for each in self._around.get() if each.target is not None)


gate = Gate(budgets)
"""The gate of this process."""
