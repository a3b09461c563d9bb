"""Which budgets a guarded call is under, and which threads a stopped budget goes on refusing."""

from __future__ import annotations

import asyncio
import queue
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from multiprocessing.pool import ThreadPool
from typing import Any

import pytest

from evolink_nb import BudgetExceeded
from evolink_nb.api.calls import Call, calls
from evolink_nb.metering.budgets.callers import Caller, Work, may_be_part
from evolink_nb.metering.budgets.gate import Gate
from evolink_nb.metering.budgets.pool_threads import is_idle, is_pooled
from evolink_nb.metering.budgets.registry import Budgets
from evolink_nb.metering.interrupt import InterruptTarget
from tests.support.waiting import wait_until


@dataclass(eq=False)
class Double:
    """A budget that counts calls, and refuses them once told to."""

    identity: str = "account"
    target: InterruptTarget | None = None
    is_spent: bool = False
    counts_from: float = 0.0
    own: list[Call] = field(default_factory=list)
    others: list[Call] = field(default_factory=list)

    def before_call(self) -> None:
        """Need no reading."""

    def refuse(self) -> BudgetExceeded | None:
        stop = BudgetExceeded("no", name="no", max_credits=Decimal(1), spent=Decimal(1), over=Decimal(0))
        return stop if self.is_spent else None

    def count(self, call: Call, *, is_own: bool) -> None:
        (self.own if is_own else self.others).append(call)


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A gate of the test's own."""
    gate = Gate(Budgets())
    yield gate
    calls.remove_observer(gate)


@contextmanager
def watching(gate: Gate, budget: Double, *, task: asyncio.Task[Any] | None = None) -> Iterator[Double]:
    budget.target = InterruptTarget(task=task)
    gate.begin_work(budget, budget.target)
    try:
        yield budget
    finally:
        budget.target = None
        gate.end_work(budget, is_spent=budget.is_spent)


def in_a_thread(function: object) -> None:
    assert callable(function)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(function).result()


def begin(gate: Gate, identity: str = "account") -> Call:
    call = Call(identity)
    gate.call_begins(call)
    return call


# -- which budgets a call is under -------------------------------------------------------------------------

HERE, ELSEWHERE = threading.current_thread(), threading.Thread()
OWN = (Double(),)


@pytest.mark.parametrize(
    ("work", "caller", "is_only", "expected"),
    [
        # A worker thread says nothing.
        (Work(), Caller(ELSEWHERE), False, True),
        # A thread with a budget of its own is inside only if the main thread may have started it.
        (Work(), Caller(ELSEWHERE, OWN), False, True),
        (Work(older=weakref.WeakSet([ELSEWHERE])), Caller(ELSEWHERE, OWN), False, False),
        (Work(is_main=False), Caller(ELSEWHERE, OWN), True, False),
        # A task's work is told by its context, but for threads that have none.
        (Work(is_task=True), Caller(HERE, is_task=True), True, False),
        (Work(is_task=True), Caller(HERE, OWN, is_task=True), True, False),
        (Work(is_task=True), Caller(ELSEWHERE), True, True),
        (Work(is_task=True), Caller(ELSEWHERE), False, False),
        (Work(is_task=True), Caller(ELSEWHERE, OWN), True, False),
    ],
)
def test_whose_work_a_call_may_be(work: Work, caller: Caller, *, is_only: bool, expected: bool) -> None:
    assert may_be_part(work, caller, is_only=is_only) is expected


def test_a_call_is_under_what_is_around(gate: Gate) -> None:
    with watching(gate, Double()) as outer, watching(gate, Double("other account")) as other:
        with watching(gate, Double()) as inner:
            both = begin(gate)
        one = begin(gate)
    begin(gate)
    assert (outer.own, inner.own) == ([both, one], [both])
    assert other.own == other.others == []


def test_a_task_tells_whose_it_is(gate: Gate) -> None:
    async def work(budget: Double) -> None:
        with watching(gate, budget, task=asyncio.current_task()):
            await asyncio.sleep(0)
            begin(gate)
            await asyncio.to_thread(begin, gate)
            await asyncio.sleep(0)

    async def main() -> tuple[Double, Double]:
        first, second = Double(), Double()
        await asyncio.gather(work(first), work(second))
        return first, second

    first, second = asyncio.run(main())
    assert len(first.own) == len(second.own) == 2
    # The other's, as far as both were watched at once.
    assert set(first.others) <= set(second.own)
    assert set(second.others) <= set(first.own)


def test_a_session_is_around_everything(gate: Gate) -> None:
    session = Double()
    gate.add_session(session)
    begin(gate)
    in_a_thread(lambda: begin(gate))
    with watching(gate, Double()):
        begin(gate)
    session.is_spent = True
    with pytest.raises(BudgetExceeded):
        begin(gate)
    gate.discard_session(session)
    begin(gate)
    assert len(session.own) == 3


def test_a_refused_call_counts_nowhere(gate: Gate) -> None:
    spent = Double(is_spent=True)
    with watching(gate, Double()) as outer, watching(gate, spent), pytest.raises(BudgetExceeded):
        begin(gate)
    assert outer.own == spent.own == []


def test_calls_begun_before_are_others(gate: Gate) -> None:
    """What they spend may show only after a budget's first reading."""
    identity = "account with earlier calls"
    over, under_way = calls.begin(identity), calls.begin(identity)
    calls.end(over)
    budget = Double(identity, counts_from=under_way.began_at + 100)
    with watching(gate, budget):
        begun = calls.begin(identity)
    calls.end(begun)
    calls.end(under_way)
    assert (budget.others, budget.own) == ([under_way], [begun])


def test_work_beside_and_inside_is_told(gate: Gate) -> None:
    async def beside(outer: Double) -> bool:
        with watching(gate, Double(), task=asyncio.current_task()):
            return gate.watches_beside(outer)

    async def work() -> tuple[bool, bool]:
        own = asyncio.current_task()
        with watching(gate, Double(), task=own) as outer, watching(gate, Double(), task=own):
            return gate.watches_beside(outer), await asyncio.create_task(beside(outer))

    assert asyncio.run(work()) == (False, True)
    assert not gate.watches_beside(Double())


def test_a_fork_forgets_what_is_watched(gate: Gate) -> None:
    gate.add_session(Double(is_spent=True))
    gate.after_fork()
    begin(gate)


# -- threads that a stopped budget has left ----------------------------------------------------------------


def test_pools_are_told_from_other_threads() -> None:
    begun, over = threading.Event(), threading.Event()

    def job() -> None:
        begun.set()
        over.wait(20)

    with ThreadPoolExecutor(1) as executor, ThreadPool(1) as pool:
        for submit, threads in ((executor.submit, executor._threads), (pool.apply_async, pool._pool)):  # type: ignore[attr-defined]
            begun.clear()
            submit(job)
            begun.wait(20)
            [thread] = threads
            assert is_pooled(thread)
            assert not is_idle(thread)
        over.set()
        for thread in (*executor._threads, *pool._pool):  # type: ignore[attr-defined]
            wait_until(partial(is_idle, thread))
    assert not is_pooled(threading.current_thread())
    assert not is_idle(threading.current_thread())


def test_a_thread_that_waits_is_not_idle() -> None:
    """One of the user's own may wait for jobs too, but what it does then nobody knows."""
    jobs: queue.Queue[None] = queue.Queue()
    thread = threading.Thread(target=jobs.get)
    assert is_idle(thread)
    thread.start()
    assert not is_idle(thread)
    assert not is_pooled(thread)
    jobs.put(None)
    thread.join()
    assert is_idle(thread)


def test_only_its_own_threads_are_left(gate: Gate) -> None:
    """Not a thread of the user's that was there before, though it called meanwhile."""
    asked, answers = queue.Queue[bool](), queue.Queue[object]()

    def work() -> None:
        while asked.get():
            try:
                answers.put(begin(gate))
            except BudgetExceeded as stop:
                answers.put(stop)

    def ask() -> object:
        asked.put(True)
        return answers.get(timeout=20)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        with watching(gate, Double()) as budget:
            assert isinstance(ask(), Call)
            budget.is_spent = True
            assert isinstance(ask(), BudgetExceeded)
        assert isinstance(ask(), Call)
    finally:
        asked.put(False)
        thread.join()


def test_a_context_of_a_cell_is_the_cells(gate: Gate) -> None:
    """The thread of a loop's executor may be one that earlier work has left."""
    with ThreadPoolExecutor(1) as pool:
        with watching(gate, Double()) as budget:
            pool.submit(begin, gate).result()
            budget.is_spent = True
        assert isinstance(pool.submit(begin, gate).exception(), BudgetExceeded)

        async def cell() -> None:
            gate._in_cell.set(True)
            loop = asyncio.get_running_loop()
            loop.set_default_executor(pool)
            await asyncio.to_thread(begin, gate)

        asyncio.run(cell())


def test_what_is_left_can_be_let_go(gate: Gate) -> None:
    with ThreadPoolExecutor(1) as pool:
        with watching(gate, Double(is_spent=True)), pytest.raises(BudgetExceeded):
            pool.submit(begin, gate).result()
        gate.let_go()
        pool.submit(begin, gate).result()


def test_a_budget_not_spent_leaves_none(gate: Gate) -> None:
    with ThreadPoolExecutor(1) as pool:
        with watching(gate, Double()):
            pool.submit(begin, gate).result()
        pool.submit(begin, gate).result()
