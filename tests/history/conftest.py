"""The databases of the tests: files, and a PostgreSQL of their own."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from evolink_nb.history.current import current
from evolink_nb.history.storage.location import Location, find_location
from tests.support.pgbouncer import pooled
from tests.support.postgres import Postgres, running_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evolink_nb.history.storage.writer import Writer

BOTH = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL, shared by this process's tests."""
    with running_postgres() as server:
        yield server


@pytest.fixture(params=BOTH)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """Where to keep a history: an empty database of each kind."""
    if request.param == "sqlite":
        return find_location(str(tmp_path / "history.db"))
    server: Postgres = request.getfixturevalue("postgres")
    return find_location(server.new_database())


@pytest.fixture(params=(*BOTH, "pgbouncer"))
def team(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Location]:
    """Where a team keeps its history: the same, and PostgreSQL by way of PgBouncer."""
    if request.param == "sqlite":
        yield find_location(str(tmp_path / "history.db"))
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.new_database()
    with pooled(url) if request.param == "pgbouncer" else nullcontext(url) as reachable:
        yield find_location(reachable)


@pytest.fixture
def writer(location: Location) -> Iterator[Writer]:
    """The writer of this process, whose history is an empty database of each kind."""
    current.use(location)
    yield current.required_writer()
    current.stop(timeout=10.0)
    current.use(None)
