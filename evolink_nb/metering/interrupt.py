"""Stops running work from another thread: in a sleep, a blocking read, a retry loop, an await.

What reaches where was measured on ipykernel 7.4 and 6.17: a signal interrupts the main thread in anything
that Python can leave; a waiting event loop must be woken besides; other threads notice at their next line of
Python. A call into C that does not return can't be stopped by anything.
"""

from __future__ import annotations

import _thread
import asyncio
import ctypes
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any

DELIVERY_GRACE = 0.1
"""Seconds after which an interrupt that was sent has arrived, if it ever does."""


class Delivery(Enum):
    """How an interrupt is sent to a thread."""

    NONE = "none"
    """Not at all."""
    SIGNAL = "signal"
    """As SIGINT, which leaves sleeps and blocking reads."""
    KEYBOARD_INTERRUPT = "KeyboardInterrupt"
    """As that exception, at the thread's next line of Python."""
    CANCELLED_ERROR = "CancelledError"
    """As that exception, at the thread's next line of Python: an event loop survives it."""


def choose_task_delivery(*, escalate: bool, loop_responds: bool, runs_now: bool) -> Delivery:
    """Return how to interrupt a task, beside cancelling it.

    Args:
        escalate: Whether an interrupt before had no effect.
        loop_responds: Whether the event loop has run what it was asked the last time.
        runs_now: Whether the loop runs this task now, and not another.

    Returns:
        The way.
    """
    # A loop that still has to run what it was asked the last time is blocked by a call of the work's own.
    # In a task anything but CancelledError could end the loop itself, and with it the kernel.
    # It may be another task's call, though: that one is nothing to this work.
    blocks_loop = escalate and not loop_responds and runs_now
    return Delivery.CANCELLED_ERROR if blocks_loop else Delivery.NONE


def choose_thread_delivery(
    *, is_main: bool, is_running: bool, escalate: bool, loop_responds: bool, handler: object
) -> Delivery:
    """Return how to interrupt a thread.

    Args:
        is_main: Whether it is the main thread, the only one that signals reach.
        is_running: Whether the work still runs, as far as that can be told.
        escalate: Whether an interrupt before had no effect.
        loop_responds: Whether the event loop has run what it was asked the last time; true without a loop.
        handler: What handles SIGINT, as `signal.getsignal` returns it.

    Returns:
        The way.
    """
    if not is_main:
        return Delivery.KEYBOARD_INTERRUPT
    if not is_running:
        return Delivery.NONE
    if escalate and handler is not signal.default_int_handler and not loop_responds:
        # A cell that awaits: ipykernel hands SIGINT to the loop, which is blocked. Only that exception
        # leaves the loop alive.
        return Delivery.CANCELLED_ERROR
    # Without a handler of Python's a signal would end the process, or nothing would come of it.
    return Delivery.SIGNAL if callable(handler) else Delivery.NONE


def is_within(functions: Iterable[str], inner: str, *outer: str) -> bool:
    """Return whether a function, or an event loop that awaits it, runs, and not just what is around it.

    Args:
        functions: The names of the functions on a stack, innermost first.
        inner: The function asked for.
        outer: Functions around it: where one is met first, ``inner`` is over.

    Returns:
        True also where none of them is on the stack.
    """
    for name in functions:
        # A terminal runs a loop of its own inside, a kernel all inside of one: the innermost decides.
        if name in {inner, "run_forever"}:
            return True
        if name in outer:
            return False
    return True


class InterruptTarget:
    """What runs now on the thread that makes this, to be interrupted from another.

    Attributes:
        INTERRUPTS: The exceptions by which an interrupt shows.
        thread: The identifier of its thread.
    """

    INTERRUPTS = (KeyboardInterrupt, asyncio.CancelledError)

    def __init__(self, *, task: asyncio.Task[Any] | None = None, within: tuple[str, ...] = ()) -> None:
        """Take what runs on this thread.

        Args:
            task: A task of the running event loop, where only that is to be interrupted.
            within: Names of functions, where only what runs in the first is to be interrupted: where it is
                not on the stack but one of the others is, the work itself is over already, and an interrupt
                would only hurt what ran it.
        """
        self.thread = threading.get_ident()
        self._is_main = threading.current_thread() is threading.main_thread()
        self._task = task
        self._within = within
        self._loop = _running_loop()
        self._made_in = None if self._loop is None else asyncio.current_task()
        self._loop_responds = True
        self._cancellations = 0
        self._drained = False
        self._sent_at: float | None = None

    @property
    def is_task(self) -> bool:
        """Whether it is one task of an event loop."""
        return self._task is not None

    @property
    def is_running(self) -> bool:
        """Whether it still runs, as far as ``within`` can tell."""
        return not self._within or is_within(_functions_on(self.thread), *self._within)

    def contains(self, other: InterruptTarget) -> bool:
        """Return whether what interrupts it interrupts ``other`` too."""
        return self.thread == other.thread and (self._task is None or self._task is other._made_in)

    def interrupt(self, *, escalate: bool = False) -> None:
        """Interrupt it.

        Args:
            escalate: Whether an interrupt before had no effect.
        """
        self._sent_at = time.monotonic()
        self._deliver(self._choose_delivery(escalate=escalate))
        self._ask_loop(self._cancel if self._task is not None else self._note_response)

    def drain(self) -> None:
        """Let every interrupt that was sent arrive here, if anywhere; called by the work's own thread.

        Raises:
            BaseException: What was sent. The caller calls again until nothing comes.
        """
        self._drained = True
        if self._sent_at is None:
            return
        # As if it had never been cancelled: what awaits the task must not take it for that.
        while self._task is not None and self._cancellations:
            self._cancellations -= 1
            self._task.uncancel()
        # What `_raise_in` sent comes at the next turn of a loop. Taking it back instead leaves CPython 3.11
        # looking for it for ever, and hangs it under a debugger or coverage.
        for _ in range(2):
            pass
        while self._is_main and time.monotonic() < self._sent_at + DELIVERY_GRACE:
            time.sleep(DELIVERY_GRACE / 10)

    def _choose_delivery(self, *, escalate: bool) -> Delivery:
        if self._task is not None:
            return choose_task_delivery(
                escalate=escalate,
                loop_responds=self._loop_responds,
                runs_now=self._loop is not None and asyncio.current_task(self._loop) is self._task,
            )
        return choose_thread_delivery(
            is_main=self._is_main,
            is_running=self.is_running,
            escalate=escalate,
            loop_responds=self._loop_responds,
            handler=signal.getsignal(signal.SIGINT),
        )

    def _deliver(self, delivery: Delivery) -> None:
        match delivery:
            case Delivery.SIGNAL:
                _send_interrupt(self.thread)
            case Delivery.KEYBOARD_INTERRUPT:
                _raise_in(self.thread, KeyboardInterrupt)
            case Delivery.CANCELLED_ERROR:
                _raise_in(self.thread, asyncio.CancelledError)
            case Delivery.NONE:
                pass

    def _ask_loop(self, callback: Callable[[], None]) -> None:
        """Wake a loop that waits: handlers of signals, and what was cancelled, run only then."""
        if self._loop is None or self._loop.is_closed():
            return
        self._loop_responds = False
        self._loop.call_soon_threadsafe(callback)

    def _note_response(self) -> None:
        self._loop_responds = True

    def _cancel(self) -> None:
        self._note_response()
        if self._task is not None and not self._drained:
            self._cancellations += 1
            self._task.cancel()


def _functions_on(thread: int) -> Iterator[str]:
    """Yield the names of the functions that a thread is in, innermost first."""
    frame = sys._current_frames().get(thread)
    while frame is not None:
        yield frame.f_code.co_name
        frame = frame.f_back


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _send_interrupt(main_thread: int) -> None:
    if sys.platform == "win32":
        # There is no other way there.
        _thread.interrupt_main()
    else:
        signal.pthread_kill(main_thread, signal.SIGINT)


def _raise_in(thread: int, exception: type[BaseException]) -> None:
    """Let ``exception`` be raised at the thread's next line of Python."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(exception))
