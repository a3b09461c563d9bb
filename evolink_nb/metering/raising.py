"""What is raised in stopped work: a `BudgetExceeded` that is an interrupt as well."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from ..errors import BudgetExceeded


def raisable(
    stop: BudgetExceeded, base: type[BaseException], on_raise: Callable[[], object] = lambda: None
) -> type[BaseException]:
    """Return a class of exceptions that are a stop and an interrupt, made without arguments, as C makes them.

    Args:
        stop: The stop.
        base: What they are besides: `KeyboardInterrupt`, so that all that handles interrupts handles them
            (IPython ends what ``%%bash`` started), or `asyncio.CancelledError`.
        on_raise: Called when one is made, in the thread where it is raised.
    """

    def init(self: BaseException) -> None:
        self.args = stop.args
        vars(self).update(vars(stop))
        on_raise()

    kind = type(stop)
    body = {
        "__init__": init,
        "stop": stop,
        "__module__": BudgetExceeded.__module__,
        "__doc__": BudgetExceeded.__doc__,
    }
    return type(BudgetExceeded.__name__, (kind, base), body)


def is_stop(error: BaseException | None, stop: BudgetExceeded | None) -> bool:
    """Return whether work that ended with an error was ended by a stop, caught or not.

    Args:
        error: The error; None if the work has ended well.
        stop: The stop that was sent.
    """
    if isinstance(error, BudgetExceeded):
        return error is stop or getattr(error, "stop", None) is stop
    # Another error is the work's own if it was made of the stop. Else it may be what the stop has brought
    # about: a child process that was interrupted has failed.
    cause = error
    while cause is not None:
        if getattr(cause, "stop", None) is stop:
            return False
        cause = cause.__cause__
    return error is not None


def raise_in_thread(thread: int, exception: type[BaseException]) -> None:
    """Raise an exception at a thread's next line of Python.

    Args:
        thread: The thread's identifier.
        exception: The class of the exception, made there without arguments.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(exception))
