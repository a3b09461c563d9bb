"""The history of this process: where it is kept, and its one writer."""

from __future__ import annotations

import atexit
import threading
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import HistoryError
from ..runtime import HAS_THREADS, forget_after_fork
from .storage.location import HISTORY_VARIABLE, Kind, Location, find_location
from .storage.retention import Retention, retention_of
from .storage.writer import STOP_TIMEOUT, Writer

if TYPE_CHECKING:
    from .storage.store import Store


class CurrentHistory:
    """The location of this process's history, and its one writer, created when first needed."""

    def __init__(self) -> None:
        """Start without a writer; nothing looks for a location yet."""
        self._lock = threading.Lock()
        self._chosen: Location | None = None
        self._configured: Location | None = None
        self._days: tuple[int | None, int | None] = (None, None)
        self._writer: Writer | None = None
        forget_after_fork(self)

    @property
    def location(self) -> Location:
        """Where the history is kept.

        Raises:
            ConfigurationError: ``EVOLINK_NB_HISTORY`` names a location that can't hold a history.
        """
        if self._chosen is not None:
            return self._chosen
        if self._configured is not None:
            return self._configured
        # Without threads nothing writes, and a page in a browser keeps no files.
        return find_location() if HAS_THREADS else Location(Kind.OFF)

    def use(self, location: Location | None) -> None:
        """Keep the history somewhere else from now on.

        Args:
            location: The location; None for the one that the environment sets.
        """
        self.stop()
        self._chosen = location

    @property
    def retention(self) -> Retention:
        """How long it is kept."""
        return retention_of(*self._days)

    def configure(self, place: str, keep_readings: int | None, keep_history: int | None) -> None:
        """Set where the history is kept and for how long, from now on, as a configuration says.

        Args:
            place: The location, as `find_location` takes it; "" for the one that the environment sets.
            keep_readings: Days to keep every reading, 0 for forever; None for the environment's setting.
            keep_history: Days to keep anything at all, 0 for forever; None for the environment's setting.

        Raises:
            ConfigurationError: The location can't hold a history.
        """
        self._configured = find_location(place) if place and HAS_THREADS else None
        self._days = keep_readings, keep_history

    def writer(self) -> Writer | None:
        """Return the writer; None if no history is kept.

        Raises:
            ConfigurationError: ``EVOLINK_NB_HISTORY`` names a location that can't hold a history.
        """
        location = self.location
        with self._lock:
            if self._writer is not None and self._writer.location == location:
                return self._writer
            before, self._writer = self._writer, None
            if location.kind is not Kind.OFF:
                self._writer = Writer(location, open_store=partial(self._open, location))
            found = self._writer
        if before is not None:
            before.stop()
        return found

    def writer_for(self, *, simulated: bool) -> Writer | None:
        """Return the writer of real readings and costs, or of the demo account's; None if none are kept.

        Args:
            simulated: Whether to return the demo account's.

        Raises:
            ConfigurationError: ``EVOLINK_NB_HISTORY`` names a location that can't hold a history.
        """
        writer = self.writer()
        is_kept = writer is not None and (not simulated or writer.location.keeps_simulated)
        return writer if is_kept else None

    def _open(self, location: Location) -> Store:
        # Imports SQLAlchemy, so only on the writer's thread, when there is something to write.
        store: Store = import_module("evolink_nb.history.storage.store").Store(location)
        store.retention = lambda: self.retention
        return store

    def required_writer(self) -> Writer:
        """Return the writer, for callers that need a history.

        Raises:
            HistoryError: No history is kept.
            ConfigurationError: ``EVOLINK_NB_HISTORY`` names a location that can't hold a history.
        """
        writer = self.writer()
        if writer is None:
            setting = HISTORY_VARIABLE if self._configured is None else "c.EvoLinkMagics.history"
            raise HistoryError("No history is kept.", hint=f"{setting} is off; unset it.")
        return writer

    def stop(self, *, timeout: float = STOP_TIMEOUT) -> None:
        """Write all waiting entries, and end the writer's thread.

        Args:
            timeout: The longest time to wait, in seconds.
        """
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.stop(timeout)

    def after_fork(self) -> None:
        """Forget the parent's writer in a forked child, which creates its own."""
        self._lock = threading.Lock()
        self._writer = None


current = CurrentHistory()
"""This process's history."""

atexit.register(current.stop)
