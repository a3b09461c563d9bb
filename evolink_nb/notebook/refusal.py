"""Refuses a cell that can't be watched. Light to import: it must work even if the rest can't be imported."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator

from IPython.core.error import InputRejected, UsageError

SESSION_BUDGET = "The session's budget"
INTERRUPTED = "it was interrupted while the balance was read."


class CellRefused(InputRejected):
    """A cell was not run, because its spending can't be watched."""

    def __init__(self, reason: str) -> None:
        """Create a refusal.

        Args:
            reason: Why the cell is not run.
        """
        super().__init__(f"The cell was not run: {reason}")

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


@contextlib.contextmanager
def refuse_on_failure(
    what: str, *, instead: Callable[[str], object] | None = None, undo: Callable[[], object] | None = None
) -> Iterator[None]:
    """Refuse the cell if anything at all is raised inside; otherwise IPython would run it unwatched.

    Args:
        what: What was to watch the cell, as shown to the user.
        instead: Called with the reason instead of refusing, for a cell that nothing was to watch. An
            interrupt refuses even such a cell: the user doesn't want to wait for it.
        undo: Called before the cell is refused.

    Raises:
        CellRefused: Something was raised inside.
        UsageError: The magic's line can't be parsed.
    """
    reason = ""
    try:
        yield
    except (CellRefused, UsageError):
        raise
    except KeyboardInterrupt:
        instead, reason = None, INTERRUPTED
    except BaseException as error:  # noqa: BLE001 - whatever it was, the cell would run
        reason = describe(error)
        if instead is None:
            reason = f"{what} can't be watched: {reason}"
    # Raised out here: inside `except` it would carry the caught exception along.
    if reason and instead is not None:
        instead(reason)
    elif reason:
        if undo is not None:
            undo()
        raise CellRefused(reason)


def describe(error: BaseException) -> str:
    """Return a short description of an exception, even if its ``__str__`` fails.

    Args:
        error: The exception.

    Returns:
        Its message if it is from this package, whose messages are sentences; or else its type and message.
    """
    package = __name__.partition(".")[0]
    if type(error).__module__.partition(".")[0] == package:
        return str(error)
    return traceback.format_exception_only(error)[-1].strip()


def report_unmeasured(reason: str) -> None:
    """Print why a cell that runs can't be measured.

    Args:
        reason: The reason.
    """
    print(f"cost unknown: {reason}", file=sys.stderr)
