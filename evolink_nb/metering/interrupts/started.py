"""What work has started outside its own thread: processes, threads, and calls queued in thread pools.

Interrupting the work's own thread reaches none of them. Processes get SIGINT, as from the keyboard, and
queued calls are cancelled. If spending goes on, processes get SIGTERM, and threads an exception at their next
line of Python.
"""

from __future__ import annotations

import queue
import signal
import sys
import sysconfig
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import thread as pools
from typing import TYPE_CHECKING, Any

from ...errors import BudgetExceeded, WorkerBudgetExceeded
from .processes import Processes
from .raising import frames_from, raisable, raise_in_thread

if TYPE_CHECKING:
    from types import FrameType

LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))


class Started:
    """What work has started. Create it when the work begins, on the work's thread."""

    def __init__(self, *, is_whole: bool) -> None:
        """Record what exists already.

        Args:
            is_whole: Whether the work is all that the process does meanwhile, as with a cell: threads started
                and calls queued meanwhile are then its own. Otherwise only processes that its thread starts
                are.
        """
        self._processes = Processes.from_now(of_this_thread=not is_whole)
        self._is_whole = is_whole
        self._threads_before = weakref.WeakSet(threading.enumerate())
        self._queues_before = weakref.WeakSet(each for each in _queues() if not each.empty())

    def stop(self, stop: BudgetExceeded, *, escalate: bool) -> None:
        """Stop what the work has started.

        Args:
            stop: What to raise in threads.
            escalate: Whether spending has gone on after an earlier call.
        """
        if self._is_whole:
            self._cancel_queued()
        self._processes.send(signal.SIGTERM if escalate else signal.SIGINT)
        for thread, frame in self._busy_threads() if escalate else ():
            raise_in_thread(thread.ident or 0, _raisable_in(frame, stop))

    def describe(self) -> str:
        """Return what is still running, such as "2 threads and 1 process"; empty if nothing is."""
        threads, processes = len(list(self._busy_threads())), len(self._processes.running())
        return " and ".join(
            f"{count} {one if count == 1 else many}"
            for count, one, many in ((threads, "thread", "threads"), (processes, "process", "processes"))
            if count
        )

    def _busy_threads(self) -> Iterator[tuple[threading.Thread, FrameType]]:
        """Yield the threads it has started that run the user's code or a pool's call, each with its frame."""
        if not self._is_whole:
            return
        frames = sys._current_frames()
        for thread in threading.enumerate():
            frame = frames.get(thread.ident or 0)
            if frame is not None and thread not in self._threads_before and _is_busy(frame):
                yield thread, frame

    def _cancel_queued(self) -> None:
        for each in _queues():
            if each not in self._queues_before:
                _cancel_all_in(each)


def _queues() -> set[queue.SimpleQueue[Any]]:
    """Return the queues of all thread pools with a worker, including that of `asyncio.to_thread`.

    They are registered only in a private name of `concurrent.futures`, which needs it at exit. If it is
    missing, nothing is cancelled: queued calls run on, and this is reported.
    """
    registered: Any = getattr(pools, "_threads_queues", {})
    return set(registered.copy().values())


def _cancel_all_in(calls: queue.SimpleQueue[Any]) -> None:
    """Cancel the calls that a pool has not begun.

    They stay in its queue: its workers take them out and notify whoever waits for them.
    """
    items = []
    try:
        while True:
            items.append(calls.get_nowait())
    except queue.Empty:
        pass
    for item in items:
        if item is not None:  # None ends a worker
            item.future.cancel()
        calls.put(item)


def _is_busy(frame: FrameType) -> bool:
    """Return whether a thread runs the user's code or a pool's call, not just a library's own code."""
    for each in frames_from(frame):
        code = each.f_code
        is_call = code.co_filename == pools.__file__ and code.co_name == "run"
        if is_call or not code.co_filename.startswith((*LIBRARIES, "<frozen")):
            return True
    return False


def _raisable_in(frame: FrameType, stop: BudgetExceeded) -> type[BaseException]:
    """Return what to raise in a thread; workers of `multiprocessing.pool.ThreadPool` need an `Exception`."""
    in_pool = any(each.f_globals.get("__name__") == "multiprocessing.pool" for each in frames_from(frame))
    return raisable(stop, KeyboardInterrupt, kind=WorkerBudgetExceeded if in_pool else None)
