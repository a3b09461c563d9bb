"""The threads that this package starts, by their names."""

from __future__ import annotations

import sys
import threading
import time
import traceback

from evolink_nb.runtime import end_idle_threads

OURS = "evolink-nb"
DEMO = "evolink-nb-demo"
_LIMIT = 20.0
"""Seconds that a thread which has been told to end may take."""
_PAUSE = 0.05


def running(prefix: str = OURS) -> set[threading.Thread]:
    """Return the running threads whose names begin so.

    Args:
        prefix: A name such as ``evolink-nb-fetcher``, or its beginning.
    """
    return {thread for thread in threading.enumerate() if thread.name.startswith(prefix)}


def join_all_but(kept: set[threading.Thread], *, limit: float = _LIMIT) -> None:
    """Wait for the end of all threads of this package but some.

    Args:
        kept: The threads that may go on.
        limit: Seconds to wait for all of them together.

    Raises:
        AssertionError: Threads are left; it says which, and where each one is.
    """
    deadline = time.monotonic() + limit
    while left := running() - kept:
        assert time.monotonic() < deadline, "Threads are left:\n" + "\n".join(map(_stack_of, left))
        end_idle_threads()  # they would end by themselves, a moment later
        thread = left.pop()
        if thread.ident is None:  # it is about to begin
            time.sleep(_PAUSE)
        else:
            thread.join(_PAUSE)


def _stack_of(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    return f"{thread.name}\n{''.join(traceback.format_stack(frame)) if frame else ''}"
