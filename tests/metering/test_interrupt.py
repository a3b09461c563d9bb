"""Which work an interrupt reaches, and until when."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import weakref
from collections.abc import Coroutine
from typing import Any

import pytest

from evolink_nb.errors import BudgetExceeded
from evolink_nb.metering.interrupt import InterruptTarget
from evolink_nb.metering.interrupts.main_signal import SIGNAL
from evolink_nb.metering.interrupts.task_stop import is_on_stack
from tests.support.stops import a_stop
from tests.support.waiting import LIMIT

CELL = ("run_code", "run_cell", "run_cell_async")


class LoopStoppedInside(asyncio.SelectorEventLoop):
    """A loop in whose own code a stop arrives: in `call_soon`, once a task has yielded, which goes on later.

    Attributes:
        target: What the next stop interrupts, once.
    """

    target: InterruptTarget | None = None

    def call_soon(  # type: ignore[override]  # takes any callback
        self, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.Handle:
        current, target = asyncio.current_task(self), self.target
        has_yielded = current is not None and not is_on_stack(current)
        if target is not None and has_yielded:
            self.target = None
            target.interrupt(a_stop())
        return super().call_soon(callback, *args, context=context)


class Yielding:
    """Work that only yields, until it is stopped.

    Attributes:
        stopped: How many times it has been.
    """

    def __init__(self) -> None:
        self.stopped = 0

    async def run(self) -> None:
        try:
            self.stopped += 0  # CPython 3.11 takes an interrupt at a loop's end for one before it
            while True:  # noqa: ASYNC110 - to yield is all it does
                await asyncio.sleep(0)
        finally:
            self.stopped += 1


async def ends(work: Coroutine[Any, Any, None] | asyncio.Task[None]) -> bool:
    """Whether it ends in time; a task that is lost never does."""
    ended, _ = await asyncio.wait({asyncio.ensure_future(work)}, timeout=LIMIT)
    return bool(ended)


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


@pytest.mark.parametrize("is_awaited", [False, True])
@pytest.mark.parametrize("is_task", [False, True])
def test_a_stop_leaves_its_loop_alone(*, is_task: bool, is_awaited: bool) -> None:
    """What is raised in the loop's own code would end the loop, and a kernel, or lose the task."""
    loop, work = LoopStoppedInside(), Yielding()

    async def main() -> None:
        target = InterruptTarget(task=asyncio.current_task() if is_task else None)
        target.begin("it")
        loop.target = target
        try:
            await (loop.create_task(work.run()) if is_awaited else work.run())
        except asyncio.CancelledError:
            target.drain("it")

    with contextlib.closing(loop):
        assert loop.run_until_complete(ends(main()))
    assert (work.stopped, loop.target) == (1, None)


def test_a_stop_ends_the_loop_it_started() -> None:
    """All its tasks: one that has just yielded, too."""
    loop, work = LoopStoppedInside(), Yielding()
    loop.target = target = InterruptTarget()
    target.begin("it")

    with contextlib.closing(loop), pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(ends(work.run()))
    target.drain("it")
    assert work.stopped == 1


def test_a_stop_loses_nothing_scheduled() -> None:
    """What the work is about to wake is woken; the stop is sent again, as after each reading."""

    class Loop(asyncio.SelectorEventLoop):
        target: InterruptTarget | None = None

        def _check_closed(self) -> None:
            target, self.target = self.target, None
            if target is not None:
                target.interrupt(a_stop())

    loop = Loop()

    async def main() -> bool:
        target, due = InterruptTarget(), loop.create_future()

        async def wait() -> None:
            await due

        task = loop.create_task(wait())
        await asyncio.sleep(0)
        target.begin("it")
        loop.target = target
        due.set_result(None)
        with pytest.raises(BudgetExceeded):
            target.send()
        target.drain("it")
        return await ends(task)

    with contextlib.closing(loop):
        assert loop.run_until_complete(main())
