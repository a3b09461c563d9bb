"""The threads that this package starts, by their names."""

from __future__ import annotations

import sys
import threading
import time
import traceback

OURS = "evolink-nb"
DEMO = "evolink-nb-demo"
_LIMIT = 20.0
"""Seconds that a thread which has been told to end may take."""


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
        remaining = deadline - time.monotonic()
        assert remaining > 0, "Threads are left:\n" + "\n".join(map(_stack_of, left))
        left.pop().join(remaining)


def _stack_of(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    return f"{thread.name}\n{''.join(traceback.format_stack(frame)) if frame else ''}"
