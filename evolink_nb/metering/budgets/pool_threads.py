"""What a pool's worker thread is doing, according to its stack: running a job, or waiting for one."""

from __future__ import annotations

import sys
import threading
from pathlib import PurePath

_POOLS = frozenset({("futures", "thread.py"), ("multiprocessing", "pool.py")})
"""The folder and file of the code that runs a pool's worker threads."""
_WAITING = frozenset({"threading.py", "queue.py"})
"""The files of the code that they wait in."""


def is_pooled(thread: threading.Thread) -> bool:
    """Return whether a thread belongs to a pool.

    Args:
        thread: The thread.
    """
    return any(place in _POOLS for place in _stack_of(thread))


def is_idle(thread: threading.Thread) -> bool:
    """Return whether a thread has ended, or belongs to a pool and waits for a job.

    Args:
        thread: The thread.
    """
    stack = _stack_of(thread)
    return not thread.is_alive() or (
        any(place in _POOLS for place in stack)
        and all(place in _POOLS or place[1] in _WAITING for place in stack)
    )


def _stack_of(thread: threading.Thread) -> list[tuple[str, str]]:
    """Return the folder and file of each frame, innermost first."""
    frame = sys._current_frames().get(thread.ident or 0)
    places = []
    while frame is not None:
        path = PurePath(frame.f_code.co_filename)
        places.append((path.parent.name, path.name))
        frame = frame.f_back
    return places
