"""Background work: both drivers, supervision, names, contexts, and what a fork leaves."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import logging
import math
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from evolink_nb import runtime
from evolink_nb.metering.interrupts.raising import raisable
from evolink_nb.runtime import Job, Loop, forget_after_fork, run_async
from tests.support.forks import FORKS, in_child
from tests.support.stops import a_stop

PATIENCE = 60.0
drivers = pytest.mark.parametrize("threads", [True, False], ids=["thread", "task"])

number = contextvars.ContextVar("number", default=0)


def fail() -> None:
    raise ZeroDivisionError("a flaw")


def refuse_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)


class Steps:
    """A step that counts its calls, and returns or raises what it was told to; then it wants to be woken."""

    def __init__(self, *outcomes: float | BaseException | None) -> None:
        self.outcomes = list(outcomes)
        self.taken = 0
        self.names: list[str] = []
        self.seen: list[int] = []
        self._changed = threading.Condition()

    def __call__(self) -> float | None:
        with self._changed:
            self.taken += 1
            self.names.append(threading.current_thread().name)
            self.seen.append(number.get())
            outcome = self.outcomes.pop(0) if self.outcomes else math.inf
            self._changed.notify_all()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def reach(self, taken: int) -> None:
        """Wait, whichever the driver, until so many steps were taken."""
        await until(lambda: self.taken >= taken)


async def until(holds: Callable[[], bool]) -> None:
    """Wait, whichever the driver, until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - a thread can't set an asyncio.Event
            await asyncio.sleep(0.001)


async def ended(loop: Loop) -> None:
    """Stop a loop and let it end."""
    job = loop.stop()
    if job is not None:
        assert job.join(PATIENCE)
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def on_both(threads: bool, step: Callable[[], float | None], **options: Any) -> Loop:
    return Loop(step, name="evolink-nb-test", threads=threads, **options)


# -- jobs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [True, False])
def test_a_job_brings_its_result(threads: bool) -> None:
    token = number.set(7)
    try:
        job = runtime.start(number.get, name="evolink-nb-test", threads=threads)
    finally:
        number.reset(token)
    assert job.future.result(PATIENCE) == 7
    assert job.join(PATIENCE)


def test_a_job_is_named_and_daemonic() -> None:
    job = runtime.start(threading.current_thread, name="evolink-nb-test")
    thread = job.future.result(PATIENCE)
    assert (thread.name, thread.daemon) == ("evolink-nb-test", True)


@pytest.mark.parametrize("threads", [True, False])
def test_a_failed_job_is_logged(threads: bool, caplog: pytest.LogCaptureFixture) -> None:
    job = runtime.start(fail, name="evolink-nb-test", threads=threads)
    assert isinstance(job.future.exception(PATIENCE), ZeroDivisionError)
    assert "evolink-nb-test failed." in caplog.text


def test_a_failed_job_is_collected() -> None:
    """Its exception's traceback holds frames, and those hold the job."""

    class Data:
        def fail(self) -> None:
            raise ZeroDivisionError

    gc.disable()
    try:
        data = Data()
        job = runtime.start(data.fail, name="evolink-nb-test", log_errors=False)
        job.future.exception(PATIENCE)
        job.join(PATIENCE)
        kept = weakref.ref(data)
        del data, job
        assert kept() is None
    finally:
        gc.enable()


def test_a_job_can_not_join_itself() -> None:
    jobs: list[Job[None]] = []
    found: list[tuple[bool, bool]] = []
    begun = threading.Event()

    def work() -> None:
        assert begun.wait(PATIENCE)
        found.append((jobs[0].is_current, jobs[0].join()))

    jobs.append(runtime.start(work, name="evolink-nb-test"))
    begun.set()
    assert jobs[0].join(PATIENCE)
    assert found == [(True, False)]
    assert not jobs[0].is_current


def test_a_job_that_can_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        refuse_threads(patch)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            runtime.start(fail, name="evolink-nb-test")


@drivers
def test_awaiting_brings_the_result(threads: bool) -> None:
    assert asyncio.run(run_async(lambda: 3, name="evolink-nb-test", threads=threads)) == 3
    with pytest.raises(ZeroDivisionError):
        asyncio.run(run_async(fail, name="evolink-nb-test", threads=threads))


def test_cancelled_awaiting_lets_work_end(caplog: pytest.LogCaptureFixture) -> None:
    """The result of work that is not awaited any more has nowhere to go, and does no harm."""
    begun, go, done = threading.Event(), threading.Event(), threading.Event()
    uncaught: list[object] = []

    def work() -> None:
        begun.set()
        go.wait(PATIENCE)
        done.set()

    async def cancel() -> None:
        task = asyncio.ensure_future(run_async(work, name="evolink-nb-test"))
        await until(begun.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    earlier, threading.excepthook = threading.excepthook, uncaught.append
    try:
        asyncio.run(cancel())
        [thread] = [each for each in threading.enumerate() if each.name == "evolink-nb-test"]
        go.set()
        thread.join(PATIENCE)
    finally:
        threading.excepthook = earlier
    assert (done.is_set(), uncaught, caplog.text) == (True, [], "")


# -- loops ---------------------------------------------------------------------------------------------


@drivers
def test_a_loop_steps_when_due_and_woken(threads: bool) -> None:
    async def run() -> None:
        step = Steps(0.0, 0.0)
        loop = on_both(threads, step)
        loop.start()
        await step.reach(3)
        loop.wake()
        await step.reach(4)
        loop.start()
        await step.reach(5)
        assert loop.is_running
        await ended(loop)
        assert not loop.is_running

    asyncio.run(run())


@drivers
def test_a_loop_has_its_starters_context(threads: bool) -> None:
    async def run() -> Steps:
        step = Steps()
        loop = on_both(threads, step)
        number.set(9)
        loop.start()
        await step.reach(1)
        await ended(loop)
        return step

    step = asyncio.run(run())
    assert step.seen == [9]
    assert step.names == ["evolink-nb-test" if threads else threading.current_thread().name]


@drivers
def test_a_loop_says_when_it_has_ended(threads: bool) -> None:
    """After its last step, also the one under way when it is stopped, and before it can be joined."""

    async def run() -> None:
        told: list[str] = []

        def step() -> float:
            told.append("begins")
            loop.stop()
            told.append("ends")
            return math.inf

        loop = on_both(threads, step, on_end=lambda: told.append("ended"))
        loop.start()
        await until(lambda: told[-1:] == ["ended"])
        assert told == ["begins", "ends", "ended"]

    asyncio.run(run())


@drivers
def test_a_loop_ends_by_itself(threads: bool) -> None:
    async def run() -> None:
        step = Steps(None, None)
        loop = on_both(threads, step)
        for taken in (1, 2):
            loop.start()
            await step.reach(taken)
            await until(lambda: not loop.is_running)

    asyncio.run(run())


@drivers
@pytest.mark.parametrize("error", [ZeroDivisionError(), SystemExit(1)], ids=["flaw", "exit"])
def test_a_loop_outlives_its_step(
    threads: bool, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        told: list[BaseException] = []
        step = Steps(error)
        loop = on_both(threads, step, on_error=told.append)
        loop.start()
        await step.reach(1)
        loop.wake()
        await step.reach(2)
        assert (told, loop.is_running) == ([error], True)
        await ended(loop)

    asyncio.run(run())
    assert "a step failed; the loop goes on." in caplog.text


def test_a_loop_outlives_its_on_error(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        step = Steps(ZeroDivisionError())
        loop = on_both(True, step, on_error=lambda _error: fail())
        loop.start()
        await step.reach(1)
        loop.wake()
        await step.reach(2)
        await ended(loop)

    asyncio.run(run())
    assert "on_error failed." in caplog.text


@drivers
def test_a_loop_whose_clock_breaks_says_so(threads: bool, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(runtime.SystemTimer):
        def monotonic(self) -> float:
            raise OSError("no clock")

    async def run() -> None:
        told: list[BaseException] = []
        loop = on_both(threads, Steps(5.0), timer=Broken(), on_error=told.append)
        loop.start()
        await until(lambda: bool(told))
        assert (isinstance(told[0], OSError), loop.is_running) == (True, False)

    with caplog.at_level(logging.CRITICAL):
        asyncio.run(run())


def test_a_cancelled_task_says_so() -> None:
    """An event loop that ends cancels its tasks, also before they began."""
    told: list[BaseException] = []

    async def run(steps: int) -> Loop:
        step = Steps()
        loop = on_both(False, step, on_error=told.append)
        loop.start()
        await step.reach(steps)
        return loop

    for steps in (1, 0):
        assert not asyncio.run(run(steps)).is_running
    assert [type(error) for error in told] == [asyncio.CancelledError] * 2


def test_a_loop_that_can_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    loops = [on_both(True, Steps()), on_both(False, Steps())]
    with monkeypatch.context() as patch:
        refuse_threads(patch)
        for loop in loops:  # the second has no event loop to run in
            with pytest.raises(RuntimeError):
                loop.start()
            assert not loop.is_running
            assert loop.stop() is None
    loops[0].start()
    job = loops[0].stop()
    assert job is not None
    assert job.join(PATIENCE)


@drivers
def test_a_loop_stopped_by_its_own_step(threads: bool) -> None:
    """The step under way is no longer inside the loop as it runs then."""
    found: list[tuple[bool, bool]] = []

    async def run() -> None:
        def step() -> float:
            inside = loop.is_current
            job = loop.stop()
            assert job is not None
            if threads:
                assert not job.join()
            found.append((inside, loop.is_current))
            return 0.0

        loop = on_both(threads, step)
        loop.start()
        await until(lambda: bool(found))
        assert not loop.is_running
        assert not loop.is_current

    asyncio.run(run())
    assert found == [(True, False)]


# -- waiting for a loop's work -------------------------------------------------------------------------


@drivers
def test_a_waiting_caller_gets_the_result(threads: bool) -> None:
    """Without threads the caller takes the steps; the event loop gets no turn meanwhile."""

    async def run() -> None:
        future: Future[int] = Future()
        times = iter([0.0, 0.0])

        def step() -> float:
            due = next(times, None)
            if due is None and not future.done():
                future.set_result(4)
            return math.inf if due is None else due

        loop = on_both(threads, step)
        loop.start()
        assert loop.wait_for(future, PATIENCE)
        assert future.result() == 4
        await ended(loop)

    asyncio.run(run())


@drivers
def test_waiting_ends_with_its_time(threads: bool) -> None:
    async def run() -> None:
        loop = on_both(threads, Steps(math.inf))
        loop.start()
        assert not loop.wait_for(Future(), 0.01)
        await ended(loop)

    asyncio.run(run())


def test_no_step_waits_for_itself() -> None:
    async def run(threads: bool) -> None:
        told: list[BaseException] = []

        def step() -> float:
            loop.wait_for(Future())
            return math.inf

        loop = on_both(threads, step, on_error=told.append)
        loop.start()
        await until(lambda: bool(told))
        assert isinstance(told[0], RuntimeError)
        await ended(loop)

    for threads in (True, False):
        asyncio.run(run(threads))


def test_an_interrupt_is_the_waiting_callers() -> None:
    async def run() -> None:
        loop = on_both(False, Steps(KeyboardInterrupt()))
        loop.start()
        with pytest.raises(KeyboardInterrupt):
            loop.wait_for(Future())
        assert loop.is_running
        await ended(loop)

    asyncio.run(run())


# -- someone else's code -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "passes"),
    [(KeyboardInterrupt, True), (raisable(a_stop(), None), True), (a_stop, False), (SystemExit, False)],
)
def test_interrupts_go_through_a_guard(
    caplog: pytest.LogCaptureFixture, make: Callable[[], BaseException], *, passes: bool
) -> None:
    """On the main thread, whose work they are to end; a stop that the code itself raises is no interrupt."""

    def work() -> None:
        with runtime.guarded("It failed."):
            raise make()

    with pytest.raises(type(make())) if passes else contextlib.nullcontext():
        work()
    assert caplog.messages == ([] if passes else ["It failed."])
    caplog.clear()
    runtime.start(work, name="elsewhere").future.result(PATIENCE)
    assert caplog.messages == ["It failed."]


# -- forks ---------------------------------------------------------------------------------------------


class Owner:
    """Equal to every other owner, as values may be."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.forgot = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Owner)

    def __hash__(self) -> int:
        return 1

    def after_fork(self) -> None:
        if self.fails:
            raise ZeroDivisionError
        self.forgot = True


class TestFork:
    """What a forked child starts with."""

    pytestmark = FORKS

    def test_every_owner_forgets(self) -> None:
        owners = Owner(), Owner(fails=True), Owner()
        for owner in owners:
            forget_after_fork(owner)
        assert in_child(lambda: [owner.forgot for owner in owners] == [True, False, True])
        assert not owners[0].forgot

    def test_owners_are_not_kept(self) -> None:
        owner = Owner()
        kept = weakref.ref(owner)
        forget_after_fork(owner)
        del owner
        assert kept() is None

    def test_a_child_has_no_loop(self) -> None:
        """Nor its lock, which another thread of the parent's held."""
        held, go = threading.Event(), threading.Event()

        class Holding(runtime.SystemTimer):
            def wait(self, condition: threading.Condition, seconds: float | None) -> None:
                held.set()
                go.wait(PATIENCE)
                super().wait(condition, seconds)

        stepped = threading.Event()

        def step() -> float:
            stepped.set()
            return math.inf

        loop = Loop(step, name="evolink-nb-test", timer=Holding(), threads=True)
        loop.start()
        assert held.wait(PATIENCE)

        def begins_anew() -> bool:
            running = loop.is_running
            stepped.clear()
            go.set()
            loop.start()
            return not running and stepped.wait(PATIENCE)

        assert in_child(begins_anew)
        assert loop.is_running
        go.set()
        job = loop.stop()
        assert job is not None
        assert job.join(PATIENCE)


# -- without threads: whoever waits executes the steps -------------------------------------------------


def in_event_loop(run: Callable[[], object]) -> None:
    async def main() -> None:
        run()

    asyncio.run(main())


def test_a_wait_executes_due_steps() -> None:
    done = threading.Event()

    def step() -> float | None:
        done.set()
        return None

    def run() -> None:
        loop = on_both(False, step)
        loop.start()
        assert runtime.wait_for(done, PATIENCE, threads=False)
        assert not loop.is_running

    in_event_loop(run)


def test_a_wait_serves_loops_in_one_another() -> None:
    """A settler's step waits for a fetcher's."""
    read, settled = Future[None](), threading.Event()

    def run() -> None:
        def answer() -> float:
            read.set_result(None)
            return math.inf

        reader = on_both(False, answer)

        def settle() -> float | None:
            reader.start()
            assert reader.wait_for(read, PATIENCE)
            settled.set()
            return None

        on_both(False, settle).start()
        assert runtime.wait_for(settled, PATIENCE, threads=False)
        reader.stop()

    in_event_loop(run)


def test_a_turn_executes_what_is_due() -> None:
    due, later = Steps(math.inf), Steps(math.inf)

    def run() -> None:
        loops = [on_both(False, due), on_both(False, later)]
        loops[0].start()
        runtime.run_due_steps()
        assert (due.taken, later.taken) == (1, 0)
        runtime.run_due_steps()
        assert due.taken == 1
        loops[0].stop()

    in_event_loop(run)


def test_a_wait_ends_with_nothing_to_come() -> None:
    in_event_loop(lambda: runtime.wait_for(threading.Event(), threads=False))
    assert not runtime.wait_for(threading.Event(), 0.0, threads=False)
