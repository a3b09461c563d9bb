"""Connections to the database: how they begin transactions, and how long they wait.

No connection is pooled. Each kernel of a team would hold one that is idle most of the time, and a forked
child must not use its parent's.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.pool import NullPool, StaticPool

from .location import Kind, Location

PATIENCE = 10.0
"""Seconds that a statement may take, or wait for a lock."""
CONNECT_PATIENCE = 5.0
"""Seconds that a server has to accept a connection."""
READS_ONLY = "evolink_reads_only"
"""The execution option of a connection that only reads."""


def make_engine(location: Location, *, is_shared: bool = True) -> Engine:
    """Return an engine for a database, without opening it.

    Args:
        location: Where the database is.
        is_shared: Whether other processes use the same file. If not, as on a network file system, it needs no
            locks and no shared write-ahead log.
    """
    if location.kind is Kind.SERVER:
        return _server(location.url)
    if location.kind is Kind.MEMORY:
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        assert location.path is not None  # for mypy: a file has a path  # noqa: S101
        engine = _file(location.path, is_shared=is_shared)
    _begin_explicitly(engine)
    return engine


def now_of(connection: Connection) -> int:
    """Return the time by the database's clock, in milliseconds since 1970.

    Args:
        connection: A connection in a transaction.
    """
    if connection.dialect.name != "postgresql":
        return time.time_ns() // 1_000_000
    seconds = connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
    return int(seconds * 1000)


def create_file(path: Path) -> None:
    """Create a database file that only its owner may read, unless it exists.

    Args:
        path: The file.

    Raises:
        OSError: It can't be created.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite gives its other files next to it the same mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))


def _file(path: Path, *, is_shared: bool) -> Engine:
    # A URI, because it can quote any character in the path.
    uri = f"{path.as_uri()}?mode=rw" + ("" if is_shared else "&nolock=1")
    engine = create_engine(
        "sqlite://",
        # SQLAlchemy's URL can't express this URI.
        creator=lambda: _connect(uri),
        poolclass=NullPool,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        # In WAL mode a commit survives the end of the process without its own sync.
        mode = "WAL" if is_shared else "TRUNCATE"
        level = "NORMAL" if is_shared else "FULL"
        for pragma in (f"journal_mode={mode}", f"synchronous={level}", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _connect(uri: str) -> Any:
    return sqlite3.connect(uri, uri=True, timeout=PATIENCE, check_same_thread=False, isolation_level=None)


def _begin_explicitly(engine: Engine) -> None:
    """Make SQLAlchemy begin transactions: Python's sqlite3 would begin them late and lose the lock."""

    @event.listens_for(engine, "connect")
    def no_own_begin(connection: Any, _record: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer that begins by reading may not get the lock later, because another process may have
        # written.
        reads_only = connection.get_execution_options().get(READS_ONLY, False)
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _server(url: str) -> Engine:
    engine = create_engine(
        url,
        poolclass=NullPool,
        connect_args={
            "connect_timeout": int(CONNECT_PATIENCE),
            # PgBouncer may give each transaction a different session.
            "prepare_threshold": None,
            "application_name": "evolink_nb",
            # A host that is gone sends no answer at all, not even a refusal.
            "keepalives_idle": 10,
            "tcp_user_timeout": int(PATIENCE * 1000),
        },
    )

    @event.listens_for(engine, "begin")
    def limit(connection: Connection) -> None:
        # Only for this transaction: PgBouncer may give the session to another client next.
        milliseconds = str(int(PATIENCE * 1000))
        connection.exec_driver_sql(
            "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)",
            (milliseconds, milliseconds),
        )

    return engine
