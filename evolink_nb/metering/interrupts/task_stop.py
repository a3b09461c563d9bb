"""Raises an exception in a task where it awaits, as `asyncio.Task.cancel` raises `CancelledError`.

Cancelling a task can't say why: the awaiting code gets a bare `CancelledError`. This module raises an
exception that is both a `CancelledError` and a stop: clean-ups, task groups and timeouts treat it as a
cancellation, and ``except BudgetExceeded`` catches it. What the task awaits is cancelled as usual.

It needs names that asyncio does not document: what a task awaits (``_fut_waiter``, which anyio reads too),
what a future calls when it is done (``_callbacks``), and what `asyncio.gather` gathers (``_children``). If
one of them is missing, the task is simply cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from types import CodeType
from typing import Any

AnyTask = asyncio.Task[Any]

SCHEDULING = frozenset(
    getattr(asyncio.BaseEventLoop, name).__code__ for name in ("call_soon", "call_soon_threadsafe", "call_at")
)
"""The code with which a loop records what to call later. What is raised there loses it: another task would
never be woken."""


def raise_in_task(task: AnyTask, exception: Callable[[], BaseException]) -> bool:
    """Raise an exception in a task, and in the tasks it waits for, where they await.

    Call it on the thread of the task's event loop, while the task is suspended.

    Args:
        task: The task.
        exception: Returns the exception to raise, which is a `CancelledError`; called for each await.

    Returns:
        Whether it was raised; False if the task must be cancelled instead.
    """
    raised = [_replace_wakeup(each, awaited, exception) for each, awaited in _innermost(task)]
    return any(raised)


def raise_in_all(loop: asyncio.AbstractEventLoop, exception: Callable[[], BaseException]) -> None:
    """Raise an exception in all tasks of an event loop where they await; call it on the loop's thread.

    Args:
        loop: The event loop.
        exception: Returns the exception to raise, which is a `CancelledError`; called for each await.
    """
    for task in asyncio.all_tasks(loop):
        awaited = getattr(task, "_fut_waiter", None)
        # A task that waits for other tasks gets what those raise.
        if not (isinstance(awaited, asyncio.Task) or hasattr(awaited, "_children")) and (
            awaited is None or not _replace_wakeup(task, awaited, exception)
        ):
            task.cancel()


def is_suspended(task: AnyTask) -> bool:
    """Return whether a task awaits something, and is neither running nor about to run."""
    return getattr(task, "_fut_waiter", task) is not None


def is_on_stack(task: AnyTask) -> bool:
    """Return whether a task's code is on the stack: running, or calling something such as a nested loop.

    A loop's current task needn't be: the loop's own code runs right after the task has yielded, such as
    ``call_soon``. What is raised there ends the loop, or leaves the task waiting forever.

    Args:
        task: The task.
    """
    running = getattr(task.get_coro(), "cr_running", None)
    # Another kind of coroutine doesn't say.
    return asyncio.current_task(task.get_loop()) is task if running is None else bool(running)


def waits_for(task: AnyTask, other: AnyTask) -> bool:
    """Return whether a task waits for another, directly or through other tasks."""
    awaited = getattr(task, "_fut_waiter", None)
    children = getattr(awaited, "_children", [awaited])
    return any(
        child is other or waits_for(child, other) for child in children if isinstance(child, asyncio.Task)
    )


def suspended_code(task: AnyTask) -> list[CodeType]:
    """Return the code of the coroutines in which a task is suspended, innermost first.

    Args:
        task: The task.
    """
    codes = []
    awaited: Any = task.get_coro()
    while awaited is not None:
        for prefix in ("cr", "gi", "ag"):
            code = getattr(awaited, f"{prefix}_code", None)
            if code is not None:
                codes.append(code)
                awaited = getattr(awaited, f"{prefix}_await", None) or getattr(awaited, "gi_yieldfrom", None)
                break
        else:
            break
    return codes[::-1]


def awaiting_code(tasks: Iterable[AnyTask]) -> list[CodeType]:
    """Return the code in which tasks, and the tasks they wait for, are suspended.

    Args:
        tasks: The tasks.
    """
    every = {each for task in tasks for each in (task, *(inner for inner, _ in _innermost(task)))}
    return [code for task in every for code in suspended_code(task)]


def _innermost(task: AnyTask) -> Iterator[tuple[AnyTask, asyncio.Future[Any]]]:
    """Yield the tasks that a task waits for and that wait for no other task, each with what it awaits."""
    awaited: Any = getattr(task, "_fut_waiter", None)
    if isinstance(awaited, asyncio.Task):
        yield from _innermost(awaited)
    elif hasattr(awaited, "_children"):
        for child in awaited._children:
            if isinstance(child, asyncio.Task):
                yield from _innermost(child)
    elif awaited is not None:
        yield task, awaited


def _replace_wakeup(
    task: AnyTask, awaited: asyncio.Future[Any], exception: Callable[[], BaseException]
) -> bool:
    """Cancel what a task awaits, and wake the task with the exception instead of that outcome."""
    callbacks = getattr(awaited, "_callbacks", None) or ()
    for wake_up, context in tuple(callbacks):
        if getattr(wake_up, "__self__", None) is task and awaited.remove_done_callback(wake_up):
            awaited.cancel()
            outcome: asyncio.Future[Any] = task.get_loop().create_future()
            outcome.set_exception(exception())
            outcome.exception()  # or asyncio logs that it was never retrieved
            task.get_loop().call_soon(wake_up, outcome, context=context)
            return True
    return False
