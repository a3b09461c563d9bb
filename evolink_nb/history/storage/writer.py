"""The writer: takes readings and costs from any thread, and writes them on its own.

Recording never waits. What can't be written is kept in memory, and written once that works again. SQLAlchemy
is imported on the writer's thread, when there is something to write.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import HistoryError
from ...runtime import Loop, forget_after_fork, guarded
from ..tables.records import ReadingRecord
from ..tables.selection import HEARTBEAT, is_unchanged
from .buffer import MAX_ENTRIES, Batch, Buffer

if TYPE_CHECKING:
    from ...credits import Credits
    from ..tables.records import CostRecord, Source
    from .location import Location
    from .store import Store

FIRST_WRITE_DELAY = 2.0
"""Seconds until the first write, whose imports must not delay the code that recorded something."""
WRITE_DELAY = 0.25
"""Seconds until each later write, which must not hold up a reading: it is recorded before it is shown.
Whatever is recorded meanwhile is written in the same transaction."""
BATCH = 500
"""Entries written in one transaction."""
RETRY_DELAYS = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
"""Seconds before the second try, the third and so on."""
STUCK_AFTER = 30.0
"""Seconds after which a write that hasn't returned is a problem: a hard mount may hang for ever."""
STOP_TIMEOUT = 2.0
"""Seconds that a process waits at exit for waiting entries to be written."""

_MEMORY_HINT = "New entries stay in memory and will be written once it works again."


class Writer:
    """Writes to one history; thread-safe.

    Attributes:
        location: Where the history is.
    """

    def __init__(
        self,
        location: Location,
        *,
        open_store: Callable[[], Store] | None = None,
        delay: float = FIRST_WRITE_DELAY,
        most: int = MAX_ENTRIES,
    ) -> None:
        """Create a writer, without opening the database.

        Args:
            location: Where to write.
            open_store: Returns the database; called on the writer's thread.
            delay: Seconds until the first write; later writes wait no longer than that.
            most: The most entries that wait in memory.
        """
        self.location = location
        self._open_store = open_store or (lambda: _store_at(location))
        self._delay = delay
        self._lock = threading.Lock()
        self._written = threading.Condition(self._lock)
        self._buffer = Buffer(most)
        self._store: Store | None = None
        self._problem = ""
        self._observers: list[Callable[[str], None]] = []
        self._last: dict[str, tuple[Credits, float]] = {}
        self._due = self._began = math.inf
        self._failures = 0
        self._in_flight = 0
        self._loop = Loop(self._step, name="evolink-history")
        forget_after_fork(self)

    # -- recording -------------------------------------------------------------------------------------

    def record_reading(self, source: Source, credits: Credits) -> None:
        """Record a reading, if it says something new.

        Args:
            source: The key it belongs to.
            credits: The reading.
        """
        now = time.monotonic()
        with self._lock:
            last = self._last.get(source.identity)
            if last is not None and is_unchanged(last[0], credits) and now - last[1] < HEARTBEAT:
                return
            self._last[source.identity] = credits, now
            self._buffer.add_reading(ReadingRecord(source, credits))
        self._wake()

    def record_cost(self, record: CostRecord) -> None:
        """Record a cost, replacing an earlier one of the same run.

        Args:
            record: The cost.
        """
        with self._lock:
            self._buffer.add_cost(record)
        self._wake()

    # -- state -----------------------------------------------------------------------------------------

    @property
    def problem(self) -> str:
        """Why nothing can be written now, and what happens to new entries; "" if all is well."""
        if not self._problem and time.monotonic() - self._began > STUCK_AFTER:
            return f"The history in {self.location.shown} doesn't answer. {_MEMORY_HINT}"
        return self._problem

    @property
    def waiting(self) -> int:
        """The number of entries not written yet."""
        with self._lock:
            return len(self._buffer) + self._in_flight

    def observe(self, observer: Callable[[str], None]) -> None:
        """Call a function with each new text of `problem`, and with anything else users must know.

        Args:
            observer: The function, called on the writer's thread; with "" once all is well again.
        """
        self._observers.append(observer)

    def flush(self, seconds: float, *, retries: bool = True) -> bool:
        """Write all waiting entries now.

        Args:
            seconds: The longest time to wait for that.
            retries: Whether to wait for the next try if writing fails.

        Returns:
            Whether all of them are written.
        """
        with self._lock:
            if self._is_all_written():
                return True
            self._due = 0.0
            failures = self._failures
        self._loop.start()

        def is_over() -> bool:
            return self._is_all_written() or (not retries and self._failures > failures)

        with self._written:
            self._written.wait_for(is_over, seconds)
            return self._is_all_written()

    def _is_all_written(self) -> bool:
        return not self._buffer and not self._in_flight

    def stop(self, seconds: float = STOP_TIMEOUT) -> bool:
        """Write all waiting entries, and end the thread.

        Args:
            seconds: The longest time to wait for that.

        Returns:
            Whether all of them were written.
        """
        until = time.monotonic() + seconds
        is_written = self.flush(seconds)
        self._loop.stop(max(until - time.monotonic(), 0.1))
        return is_written

    def store(self) -> Store:
        """Return the database, for reading or other tables; don't call it on a thread that must not wait."""
        with self._lock:
            if self._store is None:
                self._store = self._open_store()
                self._store.on_set_aside = self._set_aside
            return self._store

    def after_fork(self) -> None:
        """Leave waiting entries to the parent, in a forked child."""
        self._lock = threading.Lock()
        self._written = threading.Condition(self._lock)
        self._buffer.clear()
        self._last = {}
        self._due = self._began = math.inf
        self._in_flight = self._failures = 0
        self._observers = []
        self._problem = ""

    # -- on the writer's thread ------------------------------------------------------------------------

    def _wake(self) -> None:
        with self._lock:
            if math.isinf(self._due):
                self._due = time.monotonic() + self._delay
                self._delay = min(self._delay, WRITE_DELAY)
        with guarded("The history's thread could not be started."):
            self._loop.start()

    def _step(self) -> float | None:
        with self._lock:
            if self._due > time.monotonic():
                return self._due
            batch = self._buffer.take(BATCH)
            self._in_flight = len(batch)
            self._due = math.inf
        if not batch:
            return math.inf
        self._began = time.monotonic()
        try:
            self.store().write(batch)
        except HistoryError as error:
            self._failed(batch, error)
        except BaseException:
            self._failed(batch, HistoryError(f"The history in {self.location.shown} failed."))
            raise
        else:
            self._succeeded()
        finally:
            self._began = math.inf
        return self._due

    def _succeeded(self) -> None:
        with self._lock:
            self._in_flight = self._failures = 0
            self._due = 0.0 if self._buffer else math.inf
            if not self._buffer:
                self._written.notify_all()
        self._say("")

    def _failed(self, batch: Batch, error: HistoryError) -> None:
        with self._lock:
            self._buffer.put_back(batch)
            self._in_flight = 0
            delay = RETRY_DELAYS[min(self._failures, len(RETRY_DELAYS) - 1)]
            self._failures += 1
            self._due = time.monotonic() + delay
            self._written.notify_all()
        # Not after the first failure, which may be momentary, such as while another kernel writes a lot.
        if self._failures > 1:
            self._say(f"{error.message} {_MEMORY_HINT}")

    def _say(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            self._tell(problem)

    def _set_aside(self, path: Path) -> None:
        self._tell(f"The history was damaged. It was renamed to {path}, and a new one was started.")

    def _tell(self, text: str) -> None:
        for observer in list(self._observers):
            with guarded("An observer of the history failed."):
                observer(text)


def _store_at(location: Location) -> Store:
    # Imports SQLAlchemy, so only on the writer's thread, when there is something to write.
    store: Store = import_module("evolink_nb.history.storage.store").Store(location)
    return store
