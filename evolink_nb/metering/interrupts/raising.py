"""The exception raised in stopped work: a `BudgetExceeded` that is also an interrupt."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FrameType

from ...errors import BudgetExceeded

_SWALLOWING = "IPython.utils._process"
_OWN = __name__.partition(".")[0]


def raisable(
    stop: BudgetExceeded,
    base: type[BaseException] | None,
    on_raise: Callable[[bool], object] = lambda _is_expected: None,
    *,
    on_swallowed: Callable[[], object] = lambda: None,
    kind: type[BudgetExceeded] | None = None,
) -> type[BaseException]:
    """Return an exception class that is both a stop and an interrupt, and needs no arguments, as C requires.

    Args:
        stop: The stop.
        base: The other base class: `KeyboardInterrupt`, which makes code that handles interrupts handle the
            stop (IPython ends what ``%%bash`` started), or `asyncio.CancelledError`; None for no other.
        on_raise: Called when an instance is made, in the thread where it is raised, with whether the code
            there names `BudgetExceeded`.
        on_swallowed: Called if it was raised where Python swallows exceptions (`swallowed`).
        kind: The class of the stop; that of ``stop`` by default.
    """

    def init(self: BaseException) -> None:
        self.args = stop.args
        vars(self).update(vars(stop))
        on_raise(expects_stops(frame.f_code for frame in frames_from(sys._getframe(1))))

    body = {
        "__init__": init,
        "stop": stop,
        "on_swallowed": staticmethod(on_swallowed),
        "__module__": BudgetExceeded.__module__,
        "__doc__": BudgetExceeded.__doc__,
    }
    bases = (kind or type(stop), *(() if base is None else (base,)))
    return type(BudgetExceeded.__name__, bases, body)


def expects_stops(codes: Iterable[CodeType]) -> bool:
    """Return whether running code names `BudgetExceeded`, and so may catch it on purpose.

    Args:
        codes: The code of the functions that are running.
    """
    return any(
        BudgetExceeded.__name__ in (*code.co_names, *code.co_freevars, *code.co_varnames) for code in codes
    )


def swallows_interrupts(frame: FrameType | None) -> bool:
    """Return whether running code is known to handle an interrupt itself, and to go on.

    IPython's ``!`` does: it ends its process, and the cell, perhaps a loop, runs on.

    Args:
        frame: The innermost frame.
    """
    return any(str(each.f_globals.get("__name__")).startswith(_SWALLOWING) for each in frames_from(frame))


def frames_from(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield the frames of a stack, innermost first, except those of this package.

    Args:
        frame: The innermost frame.
    """
    while frame is not None:
        if not str(frame.f_globals.get("__name__")).startswith(f"{_OWN}."):
            yield frame
        frame = frame.f_back


def is_stop(error: BaseException | None, stop: BudgetExceeded | None) -> bool:
    """Return whether work that ended with an error was ended by a stop, caught or not.

    Args:
        error: The error; None if the work succeeded.
        stop: The stop that was sent.
    """
    if isinstance(error, BudgetExceeded):
        return error is stop or getattr(error, "stop", None) is stop
    # Another error is the work's own if it was raised from the stop. Otherwise the stop may have caused it,
    # as when an interrupted child process has failed.
    cause = error
    while cause is not None:
        if getattr(cause, "stop", None) is stop:
            return False
        cause = cause.__cause__
    return error is not None


def is_due_to(error: BaseException | None, stop: BudgetExceeded) -> bool:
    """Return whether an error is a stop as raised in the work, or was raised while the stop was handled.

    Args:
        error: The error.
        stop: The stop.
    """
    while error is not None:
        if getattr(error, "stop", None) is stop:
            return True
        error = error.__context__
    return False


def raise_in_thread(thread: int, exception: type[BaseException]) -> None:
    """Raise an exception at a thread's next line of Python.

    Args:
        thread: The thread's identifier.
        exception: The exception's class, instantiated there without arguments.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(exception))
