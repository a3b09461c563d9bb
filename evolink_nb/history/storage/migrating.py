"""Brings a database's tables up to date.

Each migration is given its operations. Alembic's own commands put them into a global, ``alembic.op``, so two
threads that prepare two databases would work on each other's connections, which may crash the process.
"""

from __future__ import annotations

import secrets
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select, text

from ..tables.schema import META, METADATA, VERSION
from .problems import Problem

MIGRATIONS = Path(__file__).with_name("migrations")

_VERSIONS = Table("alembic_version", MetaData(), Column("version_num", String(32)))
_LOCK = 0x65766F6C
"""The number of the lock that a migration holds in PostgreSQL until its transaction ends."""
_SALT_BYTES = 32


class NewerError(Exception):
    """The tables were created by a newer version of this package."""

    problem = Problem.NEWER


def version_of(connection: Connection) -> str | None:
    """Return the newest migration applied to a database; None if it has none of our tables.

    Args:
        connection: A connection in a transaction.
    """
    if not inspect(connection).has_table(_VERSIONS.name):
        return None
    return connection.execute(select(_VERSIONS.c.version_num)).scalar()


def migrate(connection: Connection, *, salt: str | None = None) -> None:
    """Create the tables, or bring them up to date.

    Args:
        connection: A connection in a transaction that may write.
        salt: The salt of new tables, in hexadecimal digits; by default a random one.

    Raises:
        NewerError: The tables are newer than this package.
    """
    if connection.dialect.name == "postgresql":
        # A lock of the transaction, not the session: PgBouncer may give the session to another client.
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
    version = version_of(connection)
    if version == VERSION:
        return  # another process was first
    if version is not None and version > VERSION:
        raise NewerError
    _upgrade(connection, version)
    if version is None:
        connection.execute(META.insert().values(name="salt", value=salt or secrets.token_hex(_SALT_BYTES)))


def _upgrade(connection: Connection, version: str | None) -> None:
    scripts: Any = import_module("alembic.script").ScriptDirectory(str(MIGRATIONS))
    context: Any = import_module("alembic.migration").MigrationContext.configure(
        connection, opts={"target_metadata": METADATA}
    )
    operations: Any = import_module("alembic.operations").Operations(context)
    for migration in reversed(list(scripts.iterate_revisions("head", version or "base"))):
        migration.module.upgrade(operations)
    context.stamp(scripts, "head")
