"""One database: opened when first needed, brought up to date, and set aside if damaged."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import ArgumentError, DBAPIError

from ...runtime import forget_after_fork
from ..tables.records import MAX_SAME
from ..tables.schema import META, VERSION
from .engine import PATIENCE, READS_ONLY, create_file, make_engine, now_of
from .filesystems import MOUNTS, network_type
from .location import Kind, Location
from .maintaining import MAINTENANCE_INTERVAL, maintain, retention_in
from .merging import merged
from .migrating import NewerError, migrate, version_of
from .places import folder_of, place_for, shared_salt
from .problems import Problem, history_error, problem_of
from .retention import Retention
from .writing import KeyNumbers, write_batch

if TYPE_CHECKING:
    from .buffer import Batch

_MAX_SAME = MAX_SAME // timedelta(milliseconds=1)
_WAL_RETRY = 0.05
"""Seconds between two tries to turn on the write-ahead log: SQLite doesn't wait for a lock there."""
_BESIDE = ("-wal", "-shm", "-journal")
"""The suffixes of the files that SQLite keeps next to a database."""


class Store:
    """One database. Safe to use from several threads and in a forked child.

    Attributes:
        location: Where it is.
        on_set_aside: Called with the new path of a damaged file.
        retention: Returns how long a file keeps readings and everything else; called before each maintenance.
    """

    def __init__(self, location: Location, *, mounts: Path = MOUNTS) -> None:
        """Create a store without opening the database.

        Args:
            location: Where it is.
            mounts: The file that lists the mounts.
        """
        self.location = location
        self.on_set_aside: Callable[[Path], None] | None = None
        self._mounts = mounts
        self._lock = threading.RLock()
        self._engine: Engine | None = None
        self._abandoned: list[Engine] = []
        self._file: Path | None = None
        self._inode = 0
        self._keys: KeyNumbers | None = None
        self._is_network = False
        self._maintain_at = 0.0
        self.retention: Callable[[], Retention] = Retention
        forget_after_fork(self)

    @property
    def path(self) -> Path | None:
        """The file that this process writes; None before it is open, or if there is none."""
        return self._file

    @property
    def is_network(self) -> bool:
        """Whether it is on a network file system, where each process has its own file."""
        return self._is_network

    def has_many_files(self) -> bool:
        """Return whether reading it merges the files of many processes, even before it is open."""
        path = self.location.path
        return path is not None and bool(network_type(path.parent, self._mounts))

    @property
    def keys(self) -> KeyNumbers:
        """The numbers of keys; available only within `begin`."""
        assert self._keys is not None  # for mypy: `begin` opens the store  # noqa: S101
        return self._keys

    @contextmanager
    def begin(self, *, reads_only: bool = False) -> Iterator[Connection]:
        """Begin a transaction; commit it at the end of the ``with`` block, or roll it back if that raises.

        Args:
            reads_only: Whether it only reads.

        Yields:
            The connection.

        Raises:
            HistoryError: The database can't be used.
        """
        problem = None
        try:
            engine = self._merged() if reads_only and self.has_many_files() else self._open()
            with self._one_at_a_time(), engine.connect() as connection:
                connection.execution_options(**{READS_ONLY: reads_only})
                with connection.begin():
                    yield connection
        except (DBAPIError, ArgumentError, sqlite3.Error, OSError, ImportError, NewerError) as error:
            problem = self._failed(error)
        # Raised outside the except block: those exceptions hold statements, and frames that hold the URL.
        if problem is not None:
            raise history_error(problem, self.location.shown) from None

    def write(self, batch: Batch) -> None:
        """Write readings and costs, and from time to time thin out old ones.

        Args:
            batch: The readings and costs.

        Raises:
            HistoryError: They could not be written.
        """
        with self.begin() as connection:
            ahead = self.now(connection) - time.time_ns() // 1_000_000
            # A smaller difference is the time it takes to ask.
            write_batch(connection, batch, self.keys, ahead if abs(ahead) > _MAX_SAME else 0)
        if time.monotonic() >= self._maintain_at:
            self._maintain_at = time.monotonic() + MAINTENANCE_INTERVAL
            with self.begin() as connection:
                is_shared = self.location.kind is Kind.SERVER
                retention = retention_in(connection) if is_shared else self.retention()
                maintain(connection, self.now(connection), retention)

    def now(self, connection: Connection) -> int:
        """Return the time by the database's clock, in milliseconds since 1970.

        Args:
            connection: A connection in a transaction.
        """
        return now_of(connection)

    def after_fork(self) -> None:
        """Drop the parent's connections in a forked child, without closing them."""
        self._lock = threading.RLock()
        if self._engine is not None:
            self._abandoned.append(self._engine)
        self._engine = self._keys = None

    # -- opening ---------------------------------------------------------------------------------------

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        # A database in memory has one connection.
        if self.location.kind is not Kind.MEMORY:
            yield
            return
        with self._lock:
            yield

    def _open(self) -> Engine:
        with self._lock:
            if self._engine is None or self._is_gone():
                self._connect()
            assert self._engine is not None  # for mypy: it has just been made  # noqa: S101
            return self._engine

    def _merged(self) -> Engine:
        """Return a database of what all processes have written, if each has its own file."""
        assert self.location.path is not None  # for mypy: a file has a path  # noqa: S101
        folder = folder_of(self.location.path)
        return merged(sorted(folder.glob("*.db")), shared_salt(folder) if folder.exists() else "")

    def _is_gone(self) -> bool:
        """Return whether the file has been deleted or replaced."""
        if self._file is None:
            return False
        try:
            return self._file.stat().st_ino != self._inode
        except FileNotFoundError:
            return True

    def _connect(self) -> None:
        self._engine = self._keys = None
        if self.location.kind is Kind.FILE:
            place = place_for(self.location, mounts=self._mounts, last=self._file)
            self._file, self._is_network = place.path, place.is_network
            create_file(place.path)
            self._inode = place.path.stat().st_ino
            engine = make_engine(Location(Kind.FILE, place.path), is_shared=not place.is_network)
        else:
            engine = make_engine(self.location)
        try:
            self._prepare(engine)
        except BaseException:
            if self.location.kind is not Kind.MEMORY:
                engine.dispose()
            raise
        self._engine = engine

    def _prepare(self, engine: Engine) -> None:
        if self._file is not None and not self._is_network:
            _turn_on_wal(engine)
        with engine.connect() as connection:
            connection.execution_options(**{READS_ONLY: True})
            with connection.begin():
                version = version_of(connection)
        if version != VERSION:
            with engine.begin() as connection:
                migrate(connection, salt=self._shared_salt())
        with engine.connect() as connection, connection.begin():
            salt = connection.execute(select(META.c.value).where(META.c.name == "salt")).scalar_one()
        self._keys = KeyNumbers(bytes.fromhex(salt))

    def _shared_salt(self) -> str | None:
        if not self._is_network:
            return None
        assert self.location.path is not None  # for mypy: a file has a path  # noqa: S101
        return shared_salt(folder_of(self.location.path))

    # -- failing ---------------------------------------------------------------------------------------

    def _failed(self, error: Exception) -> Problem:
        """Return the problem; set a damaged file aside, and reopen the database next time."""
        problem = NewerError.problem if isinstance(error, NewerError) else problem_of(error)
        with self._lock:
            if self._keys is not None:
                self._keys.forget()
            if self.location.kind is not Kind.MEMORY:
                self._engine = None
            if problem is Problem.DAMAGED and self._file is not None:
                aside = _set_aside(self._file, self._inode)
                if aside is not None and self.on_set_aside is not None:
                    self.on_set_aside(aside)
        return problem


def _turn_on_wal(engine: Engine) -> None:
    """Turn on the write-ahead log; retry while other processes do, because SQLite's timeout doesn't apply."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            raw = engine.raw_connection()
            try:
                raw.cursor().execute("PRAGMA journal_mode=WAL")
            finally:
                raw.close()
            return
        except (sqlite3.OperationalError, DBAPIError) as error:
            if problem_of(error) is not Problem.LOCKED or time.monotonic() > until:
                raise
        time.sleep(_WAL_RETRY)


def _set_aside(path: Path, inode: int) -> Path | None:
    """Rename a damaged file, but never a sound one with which another process has replaced it."""
    stamp = f"{datetime.now().astimezone():%Y%m%dT%H%M%S}-{os.getpid()}"
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    try:
        if path.stat().st_ino != inode:
            return None
        path.rename(aside)
        if aside.stat().st_ino != inode:
            aside.rename(path)
            return None
    except OSError:
        return None
    for suffix in _BESIDE:
        with suppress(OSError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    return aside
