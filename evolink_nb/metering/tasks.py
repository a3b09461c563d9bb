"""The asyncio tasks that work has created and that may outlive it.

A task keeps a copy of its creator's context. Up to Python 3.11 a task doesn't expose its context: what it
awaits does, and before its first run its loop does, both through undocumented names. If these are missing,
the task can't be assigned to any work.
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
    """Return the unfinished tasks of this thread's event loop, except the running one and our own."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return []
    running = asyncio.current_task(loop)
    others = (task for task in asyncio.all_tasks(loop) if task is not running)
    return [task for task in others if not is_own_task(task)]


def context_of(task: AnyTask) -> contextvars.Context | None:
    """Return the context that a task runs in; None if it can't be determined.

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
