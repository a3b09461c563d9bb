"""Decides how to deliver a stop to running work. Pure: nothing is sent here."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

FINALIZER = "__del__"
"""The name of all finalizers."""


class Where(Enum):
    """Where a thread is, according to the functions on its stack."""

    WORK = "work"
    """In the work."""
    LOOP = "loop"
    """In an event loop, which may be awaiting the work."""
    OVER = "over"
    """In the code around the work: the work is over."""
    FINALIZER = "finalizer"
    """In a finalizer or a similar callback, which swallows exceptions, or in code that must not fail."""
    UNKNOWN = "unknown"
    """None of the known functions is on the stack."""


class Runs(Enum):
    """What an event loop is running, relative to a piece of work."""

    NO_LOOP = "no loop"
    """No event loop runs on the thread."""
    INNER_LOOP = "inner loop"
    """A loop that the work itself runs."""
    OWN_TASK = "own task"
    """The work's own task, or the task that the work is part of."""
    AWAITED_TASK = "awaited task"
    """A task that the work waits for."""
    ELSE = "else"
    """Another task, or the loop's own code, in which nothing may be raised."""


class Delivery(Enum):
    """How to deliver a stop."""

    NONE = "none"
    """Not now."""
    INTERRUPT = "interrupt"
    """Raise it also as a `KeyboardInterrupt`: any code that handles interrupts handles it."""
    PLAIN = "plain"
    """Raise it as itself only: code that swallows interrupts, such as IPython's ``!``, doesn't swallow it."""
    CANCELLATION = "cancellation"
    """Raise it also as a `CancelledError`, in the task that is running: the event loop survives this."""
    WHERE_IT_AWAITS = "where it awaits"
    """Raise it in the task where it awaits, once the loop is free."""
    ALL_TASKS = "all tasks"
    """Raise it in all tasks of the loop that the work runs."""


def choose_on_arrival(*, where: Where, runs: Runs, is_task: bool, escalate: bool) -> Delivery:
    """Return how to deliver a stop, given what the main thread is doing when the signal arrives.

    Args:
        where: Where the main thread is.
        runs: What the event loop is running.
        is_task: Whether the work is a single task.
        escalate: Whether an earlier interrupt had no effect.

    Returns:
        The delivery.
    """
    if where in {Where.OVER, Where.FINALIZER}:
        return Delivery.NONE  # the signal is sent again while the work runs
    interrupt = Delivery.PLAIN if escalate else Delivery.INTERRUPT
    match runs:
        case Runs.NO_LOOP:
            return interrupt
        case Runs.INNER_LOOP:
            return Delivery.INTERRUPT if escalate else Delivery.ALL_TASKS
        case Runs.OWN_TASK:
            # If the work is a task, anything but a cancellation could end the loop, and with it the kernel.
            return Delivery.CANCELLATION if is_task else interrupt
        case Runs.AWAITED_TASK:
            return Delivery.CANCELLATION
        case Runs.ELSE:
            # The loop may run inside another, as with nest_asyncio.
            return interrupt if where is Where.WORK and not is_task else Delivery.WHERE_IT_AWAITS


def choose_for_thread(*, is_running: bool, escalate: bool, loop_responds: bool) -> Delivery:
    """Return how to deliver a stop to a thread that signals don't reach.

    Args:
        is_running: Whether the work is still running, as far as is known.
        escalate: Whether an earlier interrupt had no effect.
        loop_responds: Whether the event loop has run the last callback scheduled on it; true without a loop.

    Returns:
        The delivery.
    """
    if not is_running:
        return Delivery.NONE
    return Delivery.CANCELLATION if escalate and not loop_responds else Delivery.INTERRUPT


def choose_for_task(*, escalate: bool, loop_responds: bool, runs_now: bool) -> Delivery:
    """Return how to deliver a stop to a task that signals don't reach, besides raising it where it awaits.

    Args:
        escalate: Whether an earlier interrupt had no effect.
        loop_responds: Whether the event loop has run the last callback scheduled on it.
        runs_now: Whether the loop is now running this task and not another.

    Returns:
        The delivery.
    """
    # A loop that hasn't run the last callback is blocked by a synchronous call; if that is another task's, it
    # has nothing to do with this work.
    blocks_loop = escalate and not loop_responds and runs_now
    return Delivery.CANCELLATION if blocks_loop else Delivery.NONE


def locate(functions: Iterable[str], inner: str = "", *outer: str) -> Where:
    """Return where a thread is.

    Args:
        functions: The names of the functions on its stack, innermost first.
        inner: The function that runs the work; none by default.
        outer: Functions around it: if one of them comes first, the work is over.
    """
    for name in functions:
        # A terminal runs its event loop inside the cell's call, a kernel does the opposite: the innermost
        # function decides.
        if name == FINALIZER:
            return Where.FINALIZER
        if name == "run_forever":
            return Where.LOOP
        if name == inner:
            return Where.WORK
        if name in outer:
            return Where.OVER
    return Where.UNKNOWN
