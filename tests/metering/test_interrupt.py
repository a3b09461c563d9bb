"""Which work an interrupt reaches, and until when."""

from __future__ import annotations

import asyncio
import signal
import threading
import weakref

import pytest

from evolink_nb.errors import BudgetExceeded
from evolink_nb.metering.interrupt import InterruptTarget
from evolink_nb.metering.interrupts.main_signal import SIGNAL
from tests.support.stops import a_stop

CELL = ("run_code", "run_cell", "run_cell_async")


def test_a_thread_contains_what_it_runs() -> None:
    mine = InterruptTarget()
    others: list[InterruptTarget] = []
    thread = threading.Thread(target=lambda: others.append(InterruptTarget()))
    thread.start()
    thread.join()
    assert mine.contains(InterruptTarget())
    assert not mine.contains(others[0])
    assert not others[0].contains(mine)


def test_a_task_contains_its_own_only() -> None:
    async def target() -> InterruptTarget:
        return InterruptTarget(task=asyncio.current_task())

    async def nested() -> tuple[InterruptTarget, InterruptTarget, InterruptTarget]:
        own = InterruptTarget(task=asyncio.current_task())
        return own, InterruptTarget(), await asyncio.create_task(target())

    whole_thread = InterruptTarget()
    own, within, other = asyncio.run(nested())
    assert own.contains(within)
    assert not own.contains(other)
    assert not own.contains(whole_thread)
    assert whole_thread.contains(own)
    assert (own.is_task, within.is_task) == (True, False)


def test_work_runs_while_on_the_stack() -> None:
    def run_code() -> bool:
        return InterruptTarget(within=CELL).is_running

    def run_cell(*, code_runs: bool) -> bool:
        return run_code() if code_runs else InterruptTarget(within=CELL).is_running

    assert run_cell(code_runs=True)
    assert not run_cell(code_runs=False)
    assert InterruptTarget().is_running


@pytest.mark.usefixtures("sigint_left_alone")
def test_a_drained_target_gets_nothing() -> None:
    before = signal.getsignal(SIGNAL)
    target = InterruptTarget()
    target.begin("it")
    target.drain("it")
    target.interrupt(a_stop())
    assert signal.getsignal(SIGNAL) is before


def test_one_of_two_watchers_may_leave() -> None:
    """As where one of two session budgets is cancelled in a cell."""
    target = InterruptTarget()
    target.begin("one")
    target.begin("other")
    target.drain("one")
    target.drain("one")
    with pytest.raises(BudgetExceeded):
        target.interrupt(a_stop())
    assert target.was_expected
    target.drain("other")


def test_every_other_stop_is_no_interrupt() -> None:
    """Code may swallow interrupts and let other exceptions pass, or the reverse."""
    target, kinds = InterruptTarget(), []
    target.begin("it")
    for number in range(4):
        with pytest.raises(BudgetExceeded) as caught:
            target.interrupt(a_stop(), escalate=number > 0)
        kinds.append(isinstance(caught.value, KeyboardInterrupt))
    target.drain("it")
    assert kinds == [True, False, True, False]


@pytest.mark.parametrize("is_weak", [False, True])
def test_a_finalizer_swallows_no_stop(*, is_weak: bool) -> None:
    """Python only prints what is raised there: the stop arrives after it."""
    target, reached = InterruptTarget(), []

    def finalize() -> None:
        target.interrupt(a_stop())
        reached.append(True)

    class Resource:
        def __del__(self) -> None:
            if not is_weak:
                finalize()

    def work() -> None:
        resource = Resource()
        if is_weak:
            weakref.finalize(resource, finalize)
        del resource
        target.send()

    target.begin("it")
    with pytest.raises(BudgetExceeded):
        work()
    assert reached == [True]
    target.drain("it")
