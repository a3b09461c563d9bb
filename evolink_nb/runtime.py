"""Background work: the only module that starts threads.

Every thread is named, daemonic, runs in a copy of its caller's context (ipykernel 7.0 loses what a thread
without one sends) and is supervised: what escapes from its work is logged and told to whoever waits, and
nobody ever waits for a thread that is gone. A forked child starts with none of its parent's threads and
with no lock held (`forget_after_fork`).

Where the platform has no threads (Pyodide) the same work runs as tasks of the running event loop. That is
decided here and nowhere else.
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
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

log = logging.getLogger(__name__)

HAS_THREADS = sys.platform != "emscripten"
"""Whether this platform can start threads."""
ERROR_PAUSE = 1.0
"""Seconds before a loop whose step failed unexpectedly is tried again."""

T = TypeVar("T")


class Timer(Protocol):
    """What a loop needs of a clock, such as `evolink_nb.polling.clock.Clock`."""

    def monotonic(self) -> float:
        """Return seconds that only grow."""

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        """Wait, ``condition`` held, until it is notified or ``seconds`` have passed."""


class SystemTimer:
    """The machine's own monotonic clock."""

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        return time.monotonic()

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        """Wait, ``condition`` held, until it is notified or ``seconds`` have passed."""
        condition.wait(seconds)


class Job(Generic[T]):
    """One function that runs in the background; ``future`` brings its result or its exception."""

    def __init__(self, name: str) -> None:
        """Prepare a job that `start` starts.

        Args:
            name: What the thread is called.
        """
        self.name = name
        self.future: Future[T] = Future()
        self._thread: threading.Thread | None = None

    @property
    def is_current(self) -> bool:
        """Whether the calling code runs inside this job."""
        return self._thread is not None and self._thread is threading.current_thread()

    @property
    def is_alive(self) -> bool:
        """Whether its thread still runs."""
        return self._thread is not None and self._thread.is_alive()

    def join(self, seconds: float | None = None) -> bool:
        """Wait for the thread to end.

        Args:
            seconds: The most to wait; None waits without limit.

        Returns:
            Whether it has ended. False at once inside the job itself, which can't wait for its own end.
        """
        if self.is_current:
            return False
        with contextlib.suppress(RuntimeError):  # it was never started
            if self._thread is not None:
                self._thread.join(seconds)
        return not self.is_alive

    def _start(self, function: Callable[[], T], *, log_errors: bool) -> None:
        run = partial(contextvars.copy_context().run, self._run, function, log_errors)
        if not HAS_THREADS:
            run()
            return
        self._thread = threading.Thread(target=run, name=self.name, daemon=True)
        try:
            self._thread.start()
        except BaseException:  # an interrupt, or one thread too many: it never begins
            self._thread = None
            raise

    def _run(self, function: Callable[[], T], log_errors: bool) -> None:
        try:
            result = function()
        except BaseException as error:
            if log_errors:
                log.exception("%s failed.", self.name)
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


def start(function: Callable[[], T], *, name: str, log_errors: bool = True) -> Job[T]:
    """Run ``function`` in the background, once.

    Args:
        function: What to run. It has a copy of the caller's context.
        name: What the thread is called.
        log_errors: Whether an exception is logged as well as kept in the job's future.

    Returns:
        The job, already running; where the platform has no threads, already done.

    Raises:
        RuntimeError: The platform can't start another thread.
    """
    job: Job[T] = Job(name)
    job._start(function, log_errors=log_errors)
    return job


async def run_async(function: Callable[[], T], *, name: str) -> T:
    """Run ``function`` in the background and await its result, the event loop going on meanwhile.

    Args:
        function: What to run. When the awaiting task is cancelled it runs on to its end.
        name: What the thread is called.

    Returns:
        What ``function`` returned.

    Raises:
        BaseException: What ``function`` raised.
    """
    return await asyncio.wrap_future(start(function, name=name, log_errors=False).future)


class Loop:
    """Repeats a step in the background: when it asked to be called again, and whenever it is woken.

    The step returns the time, in the timer's seconds, at which it wants to be called next: ``math.inf`` to
    be called only when woken, None to end the loop. An exception it lets out is logged and handed to
    ``on_error``, and the loop goes on after `ERROR_PAUSE`.
    """

    def __init__(
        self,
        step: Callable[[], float | None],
        *,
        name: str,
        timer: Timer | None = None,
        on_error: Callable[[BaseException], None] | None = None,
    ) -> None:
        """Prepare a loop that `start` starts.

        Args:
            step: What is repeated.
            name: What the thread is called.
            timer: The clock that the step's times are read on; the machine's by default.
            on_error: Told of each exception that escapes from the step.
        """
        self._step = step
        self._name = name
        self._timer: Timer = timer or SystemTimer()
        self._on_error = on_error
        self._changed = threading.Condition()
        self._woken = False
        self._run: Job[None] | asyncio.Task[None] | None = None
        self._wake_task: Callable[[], object] = _nothing
        forget_after_fork(self)

    @property
    def is_running(self) -> bool:
        """Whether the loop has been started and not ended."""
        return self._run is not None

    @property
    def is_current(self) -> bool:
        """Whether the calling code runs inside the loop as it runs now, not inside a run that was stopped."""
        return isinstance(self._run, Job) and self._run.is_current

    def start(self) -> None:
        """Start the loop, or wake it where it runs already.

        Raises:
            RuntimeError: The platform can't start another thread.
        """
        with self._changed:
            self._woken = True
            if self._run is not None:
                self._notify()
                return
            if not HAS_THREADS:
                self._run = asyncio.get_running_loop().create_task(self._as_task(), name=self._name)
                return
            job: Job[None] = Job(self._name)
            self._run = job
            try:
                job._start(partial(self._as_thread, job), log_errors=True)
            except BaseException:
                self._run = None
                raise

    def wake(self) -> None:
        """Have the step called now; does nothing where the loop does not run."""
        with self._changed:
            self._woken = True
            self._notify()

    def stop(self) -> Job[None] | None:
        """End the loop after the step under way, without waiting for that.

        Returns:
            The job to join, None where there is nothing to wait for.
        """
        with self._changed:
            run, self._run = self._run, None
            self._notify()
        return run if isinstance(run, Job) else None

    def after_fork(self) -> None:
        """Forget the parent's thread and its lock; called in a forked child."""
        self._changed = threading.Condition()
        self._run = None
        self._woken = False

    def _notify(self) -> None:
        self._changed.notify_all()
        self._wake_task()

    def _as_thread(self, job: Job[None]) -> None:
        while True:
            with self._changed:
                if self._run is not job:
                    return
                self._woken = False
            next_at = self._supervised_step()
            with self._changed:
                if next_at is None and not self._woken and self._run is job:
                    self._run = None
                while self._run is job and not self._woken and next_at is not None:
                    left = next_at - self._timer.monotonic()
                    if left <= 0:
                        break
                    self._timer.wait(self._changed, None if math.isinf(left) else min(left, _MAX_WAIT))

    async def _as_task(self) -> None:
        """Run the same loop where there are no threads."""
        me, woken = asyncio.current_task(), asyncio.Event()
        self._wake_task = woken.set
        while self._run is me:
            self._woken = False
            woken.clear()
            next_at = self._supervised_step()
            if next_at is None and not self._woken and self._run is me:
                self._run = None
            while self._run is me and not self._woken and next_at is not None:
                left = next_at - self._timer.monotonic()
                if left <= 0:
                    break
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), None if math.isinf(left) else min(left, _MAX_WAIT))
            # A step that is always due must not starve the page.
            await asyncio.sleep(0)

    def _supervised_step(self) -> float | None:
        try:
            return self._step()
        except BaseException as error:
            log.exception("%s: a step failed; the loop goes on.", self._name)
            if self._on_error is not None:
                try:
                    self._on_error(error)
                except BaseException:
                    log.exception("%s: on_error failed.", self._name)
            return self._timer.monotonic() + ERROR_PAUSE


_MAX_WAIT = 86_400.0
# Seconds: a lock can't wait for as long as a float can say.


class Forkable(Protocol):
    """What holds locks, threads or connections that a forked child must not use."""

    def after_fork(self) -> None:
        """Start anew: replace the locks, drop the rest without closing it."""


_forkable: weakref.WeakSet[Any] = weakref.WeakSet()


def forget_after_fork(owner: Forkable) -> None:
    """Have ``owner.after_fork()`` called in every child that this process forks.

    Args:
        owner: Held weakly. It must be hashable.
    """
    _forkable.add(owner)


def _after_fork_in_child() -> None:
    for owner in list(_forkable):
        owner.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork_in_child)


def _nothing() -> None:
    """Do nothing: there is no task to wake."""
