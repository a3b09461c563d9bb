"""Background work: the only module that starts threads.

Every thread is named, daemonic and supervised, and runs in a copy of its caller's context (ipykernel 7.0
loses what a thread without one sends). Exceptions that escape are logged and passed to the waiting callers,
so none waits for a dead thread. A forked child starts with none of its parent's threads and no lock held
(`forget_after_fork`). Short, frequent work runs on threads that are reused (`Workers`).

Where the platform has no threads (Pyodide), the same work runs as tasks of the running event loop. Tasks
don't run while code waits, so code that waits for one, by `wait_for` or `Loop.wait_for`, executes the steps
that are due. Only this module decides that; ``threads=`` lets a test choose.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import math
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

log = logging.getLogger(__name__)

HAS_THREADS = sys.platform != "emscripten"
"""Whether this platform can start threads."""
ERROR_PAUSE = 1.0
"""Seconds before a loop retries after a step failed unexpectedly."""

LINGER = 1.0
"""Seconds for which a thread that has done its work waits for more: another reading may follow."""

INTERRUPT_SLICE = 0.25
"""The longest a wait keeps Python from noticing an interrupt, in seconds."""

T = TypeVar("T")


class Timer(Protocol):
    """The part of a clock that a loop needs, such as `evolink_nb.polling.clock.Clock`."""

    def monotonic(self) -> float:
        """Return seconds that never decrease."""

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        """Wait, holding ``condition``, until it is notified or ``seconds`` have passed."""


class SystemTimer:
    """The machine's own monotonic clock."""

    def monotonic(self) -> float:
        """Return seconds that never decrease."""
        return time.monotonic()

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        """Wait, holding ``condition``, until it is notified or ``seconds`` have passed."""
        condition.wait(seconds)


class Job(Generic[T]):
    """One function running in the background; ``future`` holds its result or exception."""

    def __init__(self, name: str) -> None:
        """Prepare a job for `start`.

        Args:
            name: The thread's name.
        """
        self.name = name
        self.future: Future[T] = Future()
        self._thread: threading.Thread | None = None

    @property
    def is_current(self) -> bool:
        """Whether the calling code is running inside this job."""
        return self._thread is not None and self._thread is threading.current_thread()

    @property
    def is_alive(self) -> bool:
        """Whether its thread is still running."""
        return self._thread is not None and self._thread.is_alive()

    def join(self, seconds: float | None = None) -> bool:
        """Wait for the thread to end.

        Args:
            seconds: The longest time to wait; None waits without limit.

        Returns:
            Whether it has ended. False at once when called inside the job, which can't wait for its own end.
        """
        if self.is_current:
            return False
        with contextlib.suppress(RuntimeError):  # it was never started
            if self._thread is not None:
                self._thread.join(seconds)
        return not self.is_alive

    def _prepared(self, function: Callable[[], T], *, log_errors: bool) -> Callable[[], None]:
        """Return a callable that runs the function once, in a copy of the caller's context."""
        # A running job can't be cancelled: cancelling the awaiting task would cancel the future too, leaving
        # nowhere for the result to go.
        self.future.set_running_or_notify_cancel()
        return partial(contextvars.copy_context().run, self._run, function, log_errors)

    def _start(self, function: Callable[[], T], *, log_errors: bool, threads: bool) -> None:
        run = self._prepared(function, log_errors=log_errors)
        if not threads:
            run()
            return
        self._thread = threading.Thread(target=run, name=self.name, daemon=True)
        try:
            self._thread.start()
        except BaseException:  # an interrupt, or too many threads: it never begins
            self._thread = None
            raise

    def _run(self, function: Callable[[], T], log_errors: bool) -> None:
        process = os.getpid()
        try:
            result = function()
        except BaseException as error:
            if os.getpid() != process:  # a forked child ends this way
                raise
            if log_errors:
                log.exception("%s failed.", self.name)
            self.future.set_exception(error)
            # The exception's traceback holds this frame: break the cycle.
            del self, function
        else:
            self.future.set_result(result)


def start(
    function: Callable[[], T], *, name: str, log_errors: bool = True, threads: bool = HAS_THREADS
) -> Job[T]:
    """Run ``function`` in the background, once.

    Args:
        function: The function, run in a copy of the caller's context.
        name: The thread's name.
        log_errors: Whether to log an exception as well as keep it in the job's future.
        threads: Whether to use a thread.

    Returns:
        The job, already running; without threads, already done.

    Raises:
        RuntimeError: The platform can't start another thread.
    """
    job: Job[T] = Job(name)
    job._start(function, log_errors=log_errors, threads=threads)
    return job


async def run_async(function: Callable[[], T], *, name: str, threads: bool = HAS_THREADS) -> T:
    """Run ``function`` in the background and await its result without blocking the event loop.

    Args:
        function: The function; it runs to its end even if the awaiting task is cancelled.
        name: The thread's name.
        threads: Whether to use a thread; without, the event loop is blocked.

    Returns:
        What ``function`` returned.

    Raises:
        BaseException: Whatever ``function`` raised.
        RuntimeError: The platform can't start another thread.
    """
    job = start(function, name=name, log_errors=False, threads=threads)
    return await asyncio.wrap_future(job.future)


class Workers:
    """Runs functions as `start` does, on threads that stay a while for the next one.

    A sleeping thread gets a processor as soon as it is woken; a new one has to wait until those that compute
    have had their turn. While all cores are busy, that takes as long as a request.
    """

    def __init__(self, name: str, *, linger: float = LINGER, threads: bool = HAS_THREADS) -> None:
        """Start with no thread.

        Args:
            name: The threads' name.
            linger: Seconds for which a thread waits for the next function before it ends.
            threads: Whether to use threads.
        """
        self._name = name
        self._linger = linger
        self._threads = threads
        self._idle = _Idle()
        weakref.finalize(self, self._idle.end).atexit = False
        forget_after_fork(self)

    def start(self, function: Callable[[], T]) -> Future[T]:
        """Run ``function`` in the background, once; any number of functions may run at once.

        Args:
            function: The function, run in a copy of the caller's context.

        Returns:
            The future of its result or exception; without threads, already done.

        Raises:
            RuntimeError: The platform can't start another thread.
        """
        job: Job[T] = Job(self._name)
        run = job._prepared(function, log_errors=True)
        if not self._threads:
            run()
        elif self._idle.give(run) is None:
            _Worker(self._idle, self._linger, self._name).begin(run)
        return job.future

    def end_idle(self) -> list[threading.Thread]:
        """End the idle threads now, and the others after the function they run.

        Returns:
            The threads that were idle, to be joined: they end at once.
        """
        return self._idle.end()

    def after_fork(self) -> None:
        """Forget the parent's threads, in a forked child."""
        self._idle.forget()


class _Idle:
    """The workers that wait for a function. The one that worked last is used first."""

    def __init__(self) -> None:
        self._workers: deque[_Worker] = deque()
        self.era = object()
        """Identifies the workers begun since the last `end`, which replaces it."""

    def add(self, worker: _Worker) -> bool:
        """Add a worker, and return whether it may wait here: `end` may have been called since it began."""
        self._workers.append(worker)
        # Checked after adding: either the worker sees the new era, or `end` finds the worker.
        return worker.era is self.era

    def remove(self, worker: _Worker) -> None:
        with contextlib.suppress(ValueError):
            self._workers.remove(worker)

    def give(self, run: Callable[[], None] | None) -> _Worker | None:
        """Pass a function to an idle worker, or None to end it; return the worker, None if none is idle."""
        with contextlib.suppress(IndexError):
            while not (worker := self._workers.pop()).take(run):
                pass
            return worker
        return None

    def end(self) -> list[threading.Thread]:
        self.era = object()
        ended = []
        while (worker := self.give(None)) is not None:
            ended.append(worker.thread)
        return ended

    def forget(self) -> None:
        self._workers.clear()


class _Worker:
    """A thread that runs one function after another."""

    def __init__(self, idle: _Idle, linger: float, name: str) -> None:
        self.era = idle.era
        self.thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._idle = idle
        self._linger = linger
        self._given: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        # Reentrant: a garbage collection while it is held may end the threads of the objects it collects.
        self._lock = threading.RLock()
        self._has_ended = False

    def begin(self, run: Callable[[], None]) -> None:
        self._given.put(run)
        self.thread.start()

    def take(self, run: Callable[[], None] | None) -> bool:
        """Run a function next, or end if it is None; return False if the worker has just ended by itself."""
        with self._lock:
            if not self._has_ended:
                self._given.put(run)
            return not self._has_ended

    def _work(self) -> None:
        while (run := self._next()) is not None:
            run()
            # It holds its caller's context and, through an exception, the frames of failed code.
            del run
            if not self._idle.add(self):
                break
        self._idle.remove(self)

    def _next(self) -> Callable[[], None] | None:
        with contextlib.suppress(Empty):
            return self._given.get(timeout=self._linger)
        # Whoever took this worker from `_Idle` may have been interrupted before passing it a function.
        with self._lock:
            self._has_ended = self._given.empty()
        return None if self._has_ended else self._given.get()


def end_idle_threads() -> None:
    """End all idle threads of `Workers`, and wait until they have ended."""
    until = time.monotonic() + LINGER
    workers = [owner for owner in list(_forkable.values()) if isinstance(owner, Workers)]
    for thread in [thread for each in workers for thread in each.end_idle()]:
        thread.join(max(until - time.monotonic(), 0.0))


def wait_until_done(future: Future[Any], seconds: float | None = None) -> bool:
    """Wait for a future that another thread resolves.

    It waits in slices, because an interrupt that arrives just before a wait begins doesn't end it, and Python
    notices it only after the wait.

    Args:
        future: The future.
        seconds: The longest time to wait; None waits without limit.

    Returns:
        Whether it is done.
    """
    until = math.inf if seconds is None else time.monotonic() + seconds
    while not future.done() and (left := until - time.monotonic()) > 0:
        with contextlib.suppress(TimeoutError, CancelledError):
            future.exception(min(left, INTERRUPT_SLICE))
    return future.done()


@contextlib.contextmanager
def guarded(problem: str) -> Iterator[None]:
    """Log what someone else's code raises, even to exit, and go on: other work depends on the calling thread.

    Two kinds of exception go through: an interrupt of the main thread, by the user or by a budget, and one
    that ends a child that the code has forked.

    Args:
        problem: What failed, for the log.
    """
    process = os.getpid()
    try:
        yield
    except BaseException as error:
        on_main_thread = threading.current_thread() is threading.main_thread()
        # A budget's stop need not be a KeyboardInterrupt, but has a way to say that it was swallowed.
        is_interrupt = isinstance(error, KeyboardInterrupt) or hasattr(error, "on_swallowed")
        if (is_interrupt and on_main_thread) or os.getpid() != process:
            raise
        log.exception("%s", problem)


def wait_for(event: threading.Event, seconds: float | None = None, *, threads: bool = HAS_THREADS) -> bool:
    """Wait for an event; without threads, execute the loops' steps that become due meanwhile.

    Args:
        event: The event.
        seconds: The longest time to wait; None waits without limit.
        threads: Whether other threads execute those steps.

    Returns:
        Whether it is set.
    """
    if threads:
        return event.wait(seconds)
    _task_loops.run_until(event.is_set, seconds)
    return event.is_set()


def run_due_steps() -> None:
    """Execute the steps that are due; do nothing where threads execute them."""
    _task_loops.run_due()


def is_own_task(task: asyncio.Task[Any]) -> bool:
    """Return whether a task is one of our loops, on a platform without threads, and not a user's work."""
    return _task_loops.runs_as(task)


class Loop:
    """Repeats a step in the background, at the times the step asks for and whenever the loop is woken.

    The step returns the time of its next call, in the timer's seconds: ``math.inf`` to be called only when
    woken, None to end the loop. An exception that escapes is logged and passed to ``on_error``, and the loop
    continues after `ERROR_PAUSE`.
    """

    def __init__(
        self,
        step: Callable[[], float | None],
        *,
        name: str,
        timer: Timer | None = None,
        on_error: Callable[[BaseException], None] | None = None,
        on_end: Callable[[], None] | None = None,
        threads: bool = HAS_THREADS,
    ) -> None:
        """Prepare a loop for `start`.

        Args:
            step: The function to repeat.
            name: The thread's name.
            timer: The clock for the step's times; the machine's by default.
            on_error: Called with each exception that escapes from the step; `is_running` then says whether
                the loop continues. It must not keep the exception, whose traceback holds the step's
                variables.
            on_end: Called after the last step, where the steps run, before callers that join the loop go on.
                Another run may have begun by then.
            threads: Whether to use a thread; if not, a task of the event loop running at `start`.
        """
        self._step = step
        self._name = name
        self._timer: Timer = timer or SystemTimer()
        self._on_error = on_error
        self._on_end: Callable[[], object] = on_end or _nothing
        self._threads = threads
        self._changed = threading.Condition()
        self._woken = False
        self._run: Job[None] | asyncio.Task[None] | None = None
        # Without threads: the run whose step is executing.
        self._inside: asyncio.Task[None] | None = None
        self._wake_task: Callable[[], object] = _nothing
        # Without threads: when its step is due.
        self._next_at = math.inf
        forget_after_fork(self)

    @property
    def is_running(self) -> bool:
        """Whether the loop has been started and not ended."""
        return self._run is not None

    @property
    def has_thread(self) -> bool:
        """Whether its steps run on a thread, not in an event loop."""
        return self._threads

    @property
    def is_current(self) -> bool:
        """Whether the calling code is inside the loop's current run, not one that was stopped."""
        run = self._run
        return run.is_current if isinstance(run, Job) else run is not None and self._inside is run

    def start(self) -> None:
        """Start the loop, or wake it if it is already running.

        Raises:
            RuntimeError: The platform can't start another thread, or has none and no event loop is running.
        """
        with self._changed:
            self._woken = True
            if self._run is not None:
                self._notify()
                return
            if not self._threads:
                events = asyncio.get_running_loop()
                self._run = events.create_task(self._as_task(), name=self._name)
                self._run.add_done_callback(self._task_done)
                _task_loops.add(self, events)
                return
            job: Job[None] = Job(self._name)
            self._run = job
            try:
                job._start(partial(self._as_thread, job), log_errors=True, threads=True)
            except BaseException:
                self._run = None
                raise

    def wake(self) -> None:
        """Call the step now; does nothing if the loop is not running."""
        with self._changed:
            self._woken = True
            self._notify()

    def stop(self, seconds: float | None = None) -> Job[None] | None:
        """End the loop after the current step.

        Args:
            seconds: The longest time to wait for that; None doesn't wait.

        Returns:
            The job to join; None if the loop was not running.
        """
        with self._changed:
            run, self._run = self._run, None
            self._notify()
        # Without threads, no step is executing: there is nothing to wait for.
        job = run if isinstance(run, Job) or run is None else Job[None](self._name)
        if job is not None and seconds is not None:
            job.join(seconds)
        return job

    def wait_for(self, future: Future[Any], seconds: float | None = None) -> bool:
        """Wait until one of the loop's steps resolves a future; without threads, execute those steps.

        Args:
            future: The future that a step is expected to resolve.
            seconds: The longest time to wait; None waits without limit.

        Returns:
            Whether it has been resolved.

        Raises:
            RuntimeError: The caller is inside the loop and would wait for itself.
        """
        if self.is_current:
            raise RuntimeError(f"{self._name} can't wait for itself.")
        if self._threads:
            return wait_until_done(future, seconds)
        _task_loops.run_until(lambda: future.done() or self._run is None, seconds)
        return future.done()

    def run_due_step(self) -> float:
        """Execute the step if it is due and no thread executes it.

        Returns:
            Seconds until it is due again; ``math.inf`` if it won't be, or is being executed.

        Raises:
            KeyboardInterrupt: The user interrupted; this is meant for the waiting caller, not for the step.
        """
        run = self._run
        if not isinstance(run, asyncio.Task) or self._inside is not None:
            return math.inf
        if self._is_due:
            self._step_of(run, lets_through=KeyboardInterrupt)
            self._wake_task()  # it waits for the old time
        return self._next_at - self._timer.monotonic()

    def after_fork(self) -> None:
        """Forget the parent's thread and its lock, in a forked child."""
        self._changed = threading.Condition()
        self._run = self._inside = None
        self._wake_task = _nothing
        self._woken = False

    def _notify(self) -> None:
        self._changed.notify_all()
        self._wake_task()

    def _as_thread(self, job: Job[None]) -> None:
        try:
            self._repeat(job)
        except BaseException as error:  # not the step: the timer, or our own bug
            self._end(job, error)
            raise
        with guarded(f"{self._name}: on_end failed."):
            self._on_end()

    def _repeat(self, job: Job[None]) -> None:
        while True:
            with self._changed:
                if self._run is not job:
                    return
                self._woken = False
            next_at = self._supervised_step(job)
            with self._changed:
                if next_at is None and not self._woken and self._run is job:
                    self._run = None
                while self._run is job and not self._woken and next_at is not None:
                    left = next_at - self._timer.monotonic()
                    if left <= 0:
                        break
                    self._timer.wait(self._changed, None if math.isinf(left) else min(left, _MAX_WAIT))

    async def _as_task(self) -> None:
        """Run the loop without threads."""
        me, woken = asyncio.current_task(), asyncio.Event()
        assert me is not None  # for mypy: this is a task  # noqa: S101
        if self._run is me:
            self._wake_task = woken.set
        while self._run is me:
            if self._is_due:
                self._step_of(me)
            while self._run is me and not self._is_due:
                woken.clear()
                left = math.inf if self._inside else self._next_at - self._timer.monotonic()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), None if math.isinf(left) else min(left, _MAX_WAIT))
            # A step that is always due must not starve the event loop.
            await asyncio.sleep(0)
        with guarded(f"{self._name}: on_end failed."):
            self._on_end()

    @property
    def _is_due(self) -> bool:
        # A step under way is not due: in Pyodide, `time.sleep` may switch to another task within a step.
        return self._inside is None and (self._woken or self._next_at <= self._timer.monotonic())

    def _step_of(
        self, run: asyncio.Task[None], *, lets_through: type[BaseException] | tuple[()] = ()
    ) -> None:
        """Execute the step without a thread, and note when it is due again."""
        self._woken = False
        next_at = self._supervised_step(run, lets_through=lets_through)
        self._next_at = math.inf if next_at is None else next_at
        if next_at is None and not self._woken and self._run is run:
            self._run = None

    def _task_done(self, task: asyncio.Task[None]) -> None:
        # An event loop that ends cancels its tasks, even those not yet begun.
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            self._end(task, error)

    def _supervised_step(
        self, run: Job[None] | asyncio.Task[None], *, lets_through: type[BaseException] | tuple[()] = ()
    ) -> float | None:
        outer, process = self._inside, os.getpid()
        self._inside = run if isinstance(run, asyncio.Task) else None
        try:
            return self._step()
        except lets_through:
            raise
        except BaseException as error:
            if os.getpid() != process:  # a forked child ends this way
                raise
            log.exception("%s: a step failed; the loop goes on.", self._name)
            self._tell(error)
            return self._timer.monotonic() + ERROR_PAUSE
        finally:
            self._inside = outer

    def _end(self, run: Job[None] | asyncio.Task[None], error: BaseException) -> None:
        """Record that a run ended by itself, so that no caller waits for it."""
        with self._changed:
            if self._run is not run:
                return
            self._run = None
        self._tell(error)

    def _tell(self, error: BaseException) -> None:
        if self._on_error is not None:
            with guarded(f"{self._name}: on_error failed."):
                self._on_error(error)


class _TaskLoops:
    """The loops that run without threads. Code that waits executes their steps."""

    def __init__(self) -> None:
        self._loops: weakref.WeakKeyDictionary[Loop, asyncio.AbstractEventLoop] = weakref.WeakKeyDictionary()

    def add(self, loop: Loop, events: asyncio.AbstractEventLoop) -> None:
        self._loops[loop] = events

    def runs_as(self, task: asyncio.Task[Any]) -> bool:
        """Return whether a task is one of the loops."""
        return any(loop._run is task for loop in list(self._loops))

    def run_due(self) -> float:
        """Execute the steps that are due; return the seconds until the next one is."""
        if not self._loops:
            return math.inf
        try:
            events = asyncio.get_running_loop()
        except RuntimeError:
            return math.inf
        here = [loop for loop, of in list(self._loops.items()) if of is events]
        return min((loop.run_due_step() for loop in here), default=math.inf)

    def run_until(self, is_done: Callable[[], bool], seconds: float | None) -> None:
        """Execute steps as they become due, until ``is_done`` or the time is up."""
        until = math.inf if seconds is None else time.monotonic() + seconds
        while not is_done():
            left = min(self.run_due(), until - time.monotonic())
            # If no step is going to be due, there is no point in waiting.
            if is_done() or math.isinf(left) or time.monotonic() >= until:
                return
            time.sleep(max(left, 0.0))


_task_loops = _TaskLoops()

_MAX_WAIT = 86_400.0
# Seconds; a lock can't wait for as long as a float can express.


class Forkable(Protocol):
    """An object whose locks, threads or connections a forked child must not use."""

    def after_fork(self) -> None:
        """Start afresh: replace the locks, and drop the rest without closing it."""


# By identity: equal owners must each be called.
_forkable: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def forget_after_fork(owner: Forkable) -> None:
    """Call ``owner.after_fork()`` in every child this process forks.

    Args:
        owner: The object; held weakly.
    """
    _forkable[id(owner)] = owner


def _after_fork_in_child() -> None:
    for owner in list(_forkable.values()):
        # A failure must not leave the others' locks held.
        try:
            owner.after_fork()
        except BaseException:
            log.exception("%r could not start anew after a fork.", type(owner).__name__)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork_in_child)


def _nothing() -> None:
    """Do nothing; stands in for a callback that isn't set."""
