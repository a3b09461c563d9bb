"""How long a thread has computed, and so how long its code has waited.

The time for which it was ready and waited for a processor, or for us (`own_wait`), counts as computing: its
own code didn't wait for anything then.
"""

from __future__ import annotations

import contextlib
import io
import sys
import threading
import time
from collections.abc import Iterator

_SCHEDULING = "/proc/thread-self/schedstat"
# For the thread that reads it: nanoseconds on a processor, nanoseconds waiting for one, number of turns.
_FRESH_FOR = 0.01
# Seconds for which what was read still serves. Opening the file lets other threads run, for milliseconds if
# they compute: each of many short cells in a row would wait for them several times.


def thread_time() -> float:
    """Return the seconds that the calling thread has spent computing; without threads, the process.

    Time spent waiting for a processor counts too, where the system reports it (Linux), and so does time spent
    waiting for us (`own_wait`). The rest is the time that the thread's own code has waited.
    """
    if sys.platform == "emscripten":
        return time.process_time() + _own.waited
    return time.thread_time() + _own.ready() + _own.waited


@contextlib.contextmanager
def own_wait() -> Iterator[None]:
    """Count the calling thread's waits inside the block as waits for us, such as for a reading."""
    # The clock is read last, both times. The thread may wait for a processor while it reads `thread_time`,
    # which includes that: it must not count as a wait for us, too.
    computed, began = thread_time(), time.monotonic()
    try:
        yield
    finally:
        computed = thread_time() - computed
        _own.waited += max(time.monotonic() - began - computed, 0.0)


class _OwnTimes(threading.local):
    """What each thread knows of itself.

    Attributes:
        waited: Seconds for which it has waited for us.
    """

    waited = 0.0
    _ready = 0.0
    _read_at = float("-inf")
    _read_by = 0

    def ready(self) -> float:
        """Return the seconds for which the thread was ready to run, and waited for a processor."""
        now, thread = time.monotonic(), threading.get_native_id()
        # In a forked child, what was read is about its parent's thread.
        if now - self._read_at >= _FRESH_FOR or thread != self._read_by:
            self._ready, self._read_at, self._read_by = _seconds_ready(), now, thread
        return self._ready


def _seconds_ready() -> float:
    # Bytes read unbuffered, and once: it is a short line.
    try:
        return int(_Statistics(_SCHEDULING).read(128).split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


class _Statistics(io.FileIO):
    """A file that closes without a warning when it is dropped, which a stop can cause at any moment."""

    def __del__(self) -> None:
        self.close()


_own = _OwnTimes()
