"""Brings a database's tables up to date."""

from __future__ import annotations

import secrets
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select, text

from ..tables.schema import META, VERSION
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
    _upgrade(connection)
    if version is None:
        connection.execute(META.insert().values(name="salt", value=salt or secrets.token_hex(_SALT_BYTES)))


def _upgrade(connection: Connection) -> None:
    config: Any = import_module("alembic.config").Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    import_module("alembic.command").upgrade(config, "head")
