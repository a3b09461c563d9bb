"""Interrupts running work from another thread: in a sleep, a blocking read, a retry loop or an await.

What works where was measured on ipykernel 7.4 and 6.17, in terminals and in plain Python. A signal of our own
interrupts the main thread in anything that Python can leave (`main_signal`); its handler sees what it
interrupted, and decides on the spot. A waiting event loop must also be woken; a task gets the stop where it
awaits (`task_stop`). Other threads notice at their next line of Python. Nothing can stop a call into C that
does not return.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

from .interrupts.delivery import (
    FINALIZER,
    Delivery,
    Runs,
    Where,
    choose_for_task,
    choose_for_thread,
    choose_on_arrival,
    locate,
)
from .interrupts.main_signal import main_signal
from .interrupts.raising import expects_stops, raisable, raise_in_thread, swallows_interrupts
from .interrupts.started import Started
from .interrupts.swallowed import CALLBACKS, swallowed_stops
from .interrupts.task_stop import (
    SCHEDULING,
    awaiting_code,
    is_on_stack,
    is_suspended,
    raise_in_all,
    raise_in_task,
    suspended_code,
    waits_for,
)

if TYPE_CHECKING:
    from ..errors import BudgetExceeded


UNSAFE = CALLBACKS | SCHEDULING
"""Code that is treated as a finalizer: what is raised in it is swallowed, or loses what it does."""
MAX_TURNS = 100
"""After this many turns of the event loop, a task that only yields and never awaits anything is cancelled."""


class InterruptTarget:
    """The work running on the current thread, to be interrupted from another.

    Attributes:
        INTERRUPTS: The exceptions that an interrupt may appear as.
        thread: The identifier of the work's thread.
        was_expected: Whether a stop has been raised in the work, and its code names `BudgetExceeded`.
    """

    INTERRUPTS = (KeyboardInterrupt, asyncio.CancelledError)

    def __init__(
        self,
        *,
        task: asyncio.Task[Any] | None = None,
        within: tuple[str, ...] = (),
        is_handler: bool = False,
    ) -> None:
        """Target the work running on this thread.

        Args:
            task: A task of the running event loop, to interrupt only that task.
            within: Function names, to interrupt only what runs in the first: if it is not on the stack but
                one of the others is, the work is already over, and an interrupt would only harm its caller.
            is_handler: Whether the work's caller survives only interrupts, and no other exception, as
                ipykernel's message handling does.
        """
        self.thread = threading.get_ident()
        self.was_expected = False
        self._is_main = threading.current_thread() is threading.main_thread()
        self._task = task
        self._within = within
        self._is_handler = is_handler
        self._loop = running_loop()
        self._made_in = None if self._loop is None else asyncio.current_task()
        self._loop_responds = True
        self._cancellations = 0
        self._watchers: set[int] = set()
        self._gets_signal = False
        self._stop: BudgetExceeded | None = None
        self._escalate = False
        self._started = None if task is not None else Started(is_whole=self._is_main)

    @property
    def is_task(self) -> bool:
        """Whether the target is one task of an event loop."""
        return self._task is not None

    @property
    def is_running(self) -> bool:
        """Whether the work is still running, as far as ``within`` can tell."""
        return locate(_functions_on(self.thread), *self._within) is not Where.OVER

    def contains(self, other: InterruptTarget) -> bool:
        """Return whether interrupting this work would interrupt ``other`` too."""
        return self.thread == other.thread and (self._task is None or self._task is other._made_in)

    def begin(self, watcher: object) -> None:
        """Let a budget interrupt the work, until `drain`; called by the work's own thread.

        Args:
            watcher: The budget.
        """
        self._watchers.add(id(watcher))
        swallowed_stops.add(self)
        if len(self._watchers) == 1 and self._is_main:
            self._gets_signal = main_signal.add(self._arrive)

    def interrupt(self, stop: BudgetExceeded, *, escalate: bool = False) -> None:
        """Interrupt the work.

        Args:
            stop: What to raise in it.
            escalate: Whether an earlier interrupt had no effect.
        """
        # Every other one is plain: code may swallow interrupts and let other exceptions pass, or the reverse.
        self._stop, self._escalate = stop, escalate and not self._escalate
        self.send()
        if self._started is not None:
            self._started.stop(stop, escalate=escalate)

    def still_running(self) -> str:
        """Return what the work has started that is still running, such as "2 threads"; "" if nothing is."""
        return "" if self._started is None else self._started.describe()

    def send(self) -> None:
        """Send the stop, or send it again: it may have arrived where nothing can be raised."""
        if self._stop is None or not self._watchers:
            return
        if self._gets_signal:
            main_signal.send()
        else:
            self._send_to_thread()
        if self._loop is not None and not self._loop.is_closed():
            # A waiting loop runs new callbacks only when it is woken.
            self._loop_responds = False
            self._loop.call_soon_threadsafe(self._raise_where_it_awaits)

    def drain(self, watcher: object) -> None:
        """Let a budget interrupt the work no longer; called by the work's own thread.

        Args:
            watcher: The budget.

        Raises:
            BaseException: An interrupt that was already sent. Call again until nothing is raised.
        """
        was_sent = self._stop is not None and not self._gets_signal
        self._stop = None
        self._watchers.discard(id(watcher))
        if not self._watchers:
            self._gets_signal = False
            main_signal.remove(self._arrive)
            swallowed_stops.remove(self)
        # Undo our cancellations: code awaiting the task must not take it for cancelled.
        own = self._task or self._made_in
        while own is not None and self._cancellations:
            self._cancellations -= 1
            own.uncancel()
        # An exception sent by `raise_in_thread` arrives at the next turn of a loop. Withdrawing it instead
        # leaves CPython 3.11 looking for it forever, and hangs it under a debugger or coverage.
        for _ in range(2 if was_sent else 0):
            pass

    # -- on the main thread ----------------------------------------------------------------------------

    def _arrive(self, frame: FrameType | None) -> None:
        """Deliver the stop where the signal has interrupted the main thread."""
        if self._stop is None:
            return
        where = locate(_functions_from(frame), *self._within)
        chosen = choose_on_arrival(
            where=where,
            runs=self._what_runs(),
            is_task=self.is_task,
            escalate=(self._escalate or swallows_interrupts(frame)) and not self._is_handler,
        )
        match chosen:
            case Delivery.INTERRUPT:
                raise self._raisable(KeyboardInterrupt)
            case Delivery.PLAIN:
                raise self._raisable(None)
            case Delivery.CANCELLATION:
                raise self._raisable(asyncio.CancelledError)
            case Delivery.ALL_TASKS:
                self._stop_inner_loop()
            case Delivery.NONE | Delivery.WHERE_IT_AWAITS:
                pass

    def _what_runs(self) -> Runs:
        loop = running_loop()
        if loop is None:
            return Runs.NO_LOOP
        if loop is not self._loop:
            return Runs.INNER_LOOP
        current, own = asyncio.current_task(loop), self._task or self._made_in
        if current is None or own is None:
            return Runs.ELSE
        if is_on_stack(own):
            return Runs.OWN_TASK
        return Runs.AWAITED_TASK if is_on_stack(current) and waits_for(own, current) else Runs.ELSE

    def _stop_inner_loop(self) -> None:
        loop = asyncio.get_running_loop()
        stop = self._raisable(asyncio.CancelledError)
        self._note(expects_stops(awaiting_code(asyncio.all_tasks(loop))))
        # Signal handlers run anywhere, even inside the loop's own code.
        loop.call_soon_threadsafe(lambda: raise_in_all(loop, stop) if self._watchers else None)
        current = asyncio.current_task(loop)
        if current is not None and is_on_stack(current):
            raise stop

    def _raise_where_it_awaits(self, turns: int = 0) -> None:
        """Raise the stop in the task; a callback of its loop, ``turns`` turns after the first attempt."""
        self._loop_responds = True
        own = self._task or self._made_in
        if self._stop is None or own is None or own.done() or is_on_stack(own):
            return
        functions = (code.co_name for code in suspended_code(own))
        if self._within and locate(functions, *self._within) is not Where.WORK:
            return
        if not is_suspended(own) and turns < MAX_TURNS and self._loop is not None:
            # The task is about to run, and may then await something.
            self._loop.call_soon(self._raise_where_it_awaits, turns + 1)
            return
        stop = self._raisable(asyncio.CancelledError)
        self._note(expects_stops(awaiting_code([own])))
        if not raise_in_task(own, stop):
            self._cancellations += 1
            own.cancel()

    # -- another thread --------------------------------------------------------------------------------

    def _send_to_thread(self) -> None:
        if self.thread == threading.get_ident():
            # Without threads, this runs inside a wait of the work itself: the next guarded call is refused.
            return
        if self._task is not None:
            runs_now = self._loop is not None and asyncio.current_task(self._loop) is self._task
            chosen = choose_for_task(
                escalate=self._escalate, loop_responds=self._loop_responds, runs_now=runs_now
            )
        else:
            chosen = choose_for_thread(
                is_running=self.is_running, escalate=self._escalate, loop_responds=self._loop_responds
            )
        if chosen is not Delivery.NONE:
            base = KeyboardInterrupt if chosen is Delivery.INTERRUPT else asyncio.CancelledError
            raise_in_thread(self.thread, self._raisable(base))

    def _raisable(self, base: type[BaseException] | None) -> type[BaseException]:
        assert self._stop is not None  # for mypy: checked by the callers  # noqa: S101
        return raisable(self._stop, base, self._note, on_swallowed=partial(self._resume, self._stop))

    def _note(self, is_expected: bool) -> None:
        """Record that the stop has been raised in the work."""
        if self._stop is not None:
            self.was_expected = is_expected
            self._stop = None

    def _resume(self, stop: BudgetExceeded) -> None:
        """Have the next `send` send a stop again that Python has swallowed."""
        if self._watchers and self._stop is None:
            self._stop = stop


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop running on this thread; None if there is none."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _functions_on(thread: int) -> Iterator[str]:
    """Yield the names of the functions on a thread's stack, innermost first."""
    return _functions_from(sys._current_frames().get(thread))


def _functions_from(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        yield FINALIZER if frame.f_code in UNSAFE else frame.f_code.co_name
        frame = frame.f_back
