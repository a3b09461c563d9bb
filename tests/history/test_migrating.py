"""How tables are created and brought up to date: in any number of databases at once, in both kinds."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, event, inspect

from evolink_nb.history.storage import migrating
from evolink_nb.history.storage.engine import make_engine
from evolink_nb.history.storage.location import Location, find_location
from evolink_nb.history.storage.store import Store
from evolink_nb.history.tables.schema import METADATA, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

WAIT = 20.0
SECOND = """
revision = "0002"
down_revision = "0001"


def upgrade(op):
    op.execute("CREATE TABLE added (number INTEGER)")
"""


@contextmanager
def at_each_table(together: threading.Barrier) -> Iterator[None]:
    """Have the threads that create tables wait for each other before each one."""

    def wait(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement.lstrip().startswith("CREATE TABLE"):
            together.wait(WAIT)

    event.listen(Engine, "before_cursor_execute", wait)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", wait)


def prepared(location: Location) -> None:
    with Store(location).begin() as connection:
        assert migrating.version_of(connection) == VERSION


def test_two_databases_are_prepared_at_once(location: Location, tmp_path: Path) -> None:
    both = location, find_location(str(tmp_path / "other.db"))
    with at_each_table(threading.Barrier(2)), ThreadPoolExecutor(2) as threads:
        list(threads.map(prepared, both))


def test_the_migrations_make_our_tables(location: Location) -> None:
    with Store(location).begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_old_tables_get_only_what_is_new(
    location: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(location)
    newer = tmp_path / "migrations"
    shutil.copytree(migrating.MIGRATIONS, newer, ignore=shutil.ignore_patterns("__pycache__"))
    (newer / "versions" / "0002_second.py").write_text(SECOND)
    monkeypatch.setattr(migrating, "MIGRATIONS", newer)
    monkeypatch.setattr(migrating, "VERSION", "0002")
    for _ in range(2):
        with make_engine(location).begin() as connection:
            migrating.migrate(connection)
            assert migrating.version_of(connection) == "0002"
            assert inspect(connection).has_table("added")
