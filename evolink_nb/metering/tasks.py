"""The asyncio tasks that work has made, and that may go on after it.

A task copies the context of the code that makes it, and keeps that. Up to Python 3.11 a task doesn't say what
its context is: what it awaits does, and before it first runs its loop does, both by names that aren't
documented. Where one of them is missing, the task isn't known to be anybody's.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterable
from typing import Any

from ..formatting import counted
from ..runtime import is_own_task

AnyTask = asyncio.Task[Any]


def unfinished_tasks() -> list[AnyTask]:
    """Return the tasks of this thread's event loop that aren't done, but for the running one and our own."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return []
    running = asyncio.current_task(loop)
    others = (task for task in asyncio.all_tasks(loop) if task is not running)
    return [task for task in others if not is_own_task(task)]


def context_of(task: AnyTask) -> contextvars.Context | None:
    """Return the context that a task runs in; None if it can't be told.

    Args:
        task: A task of the running event loop that isn't running itself.
    """
    if hasattr(task, "get_context"):  # Python 3.12
        context: contextvars.Context = task.get_context()
        return context
    awaited = getattr(task, "_fut_waiter", None)
    for wake_up, context in getattr(awaited, "_callbacks", None) or ():
        if getattr(wake_up, "__self__", None) is task:
            return context
    for handle in getattr(task.get_loop(), "_ready", ()):
        if getattr(getattr(handle, "_callback", None), "__self__", None) is task:
            return getattr(handle, "_context", None)
    return None


def describe(tasks: Iterable[AnyTask]) -> str:
    """Return how many tasks there are, such as "2 tasks"; empty if there are none.

    Args:
        tasks: The tasks.
    """
    count = len(list(tasks))
    return counted(str(count), "task") if count else ""
