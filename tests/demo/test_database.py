"""The database of a simulated team: a PostgreSQL that ends with its process, or one file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from evolink_nb.demo import database
from evolink_nb.demo.database import TeamDatabase
from evolink_nb.history.storage.location import find_location
from evolink_nb.history.storage.store import Store
from tests.support.postgres import postgres_folder
from tests.support.waiting import wait_until

KILLED = """
import os, signal
from evolink_nb.demo.database import TeamDatabase
print(TeamDatabase().url, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def installed() -> Path:
    """A machine with PostgreSQL."""
    return postgres_folder()


def servers_in(folder: str) -> list[psutil.Process]:
    """The processes that were started with that folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(folder in argument for argument in process.info["cmdline"] or ())
    ]


def test_a_postgresql_holds_a_history() -> None:
    team = TeamDatabase()
    try:
        assert team.is_postgresql, team.why_not
        with Store(find_location(team.url)).begin() as connection:
            assert connection.dialect.name == "postgresql"
    finally:
        team.stop()
    folder = team.url.partition("host=")[2]
    assert not Path(folder).parent.exists()
    assert servers_in(folder) == []


def test_it_ends_with_a_killed_process() -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True, check=False)
    folder = killed.stdout.strip().partition("host=")[2]
    assert folder
    wait_until(lambda: not servers_in(folder), limit=30)
    assert not (Path(folder) / "data").exists()
    shutil.rmtree(Path(folder).parent)


def test_without_one_it_is_a_single_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(database, "FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    team = TeamDatabase()
    try:
        assert "One SQLite file" in repr(team)
        assert "this machine has no PostgreSQL" in repr(team)
        with Store(find_location(team.url)).begin() as connection:
            assert connection.dialect.name == "sqlite"
    finally:
        team.stop()
    assert not Path(team.url).exists()


def test_a_server_that_fails_is_said_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("initdb", "postgres", "pg_isready"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\nexit 1\n")
        program.chmod(0o755)
    tmp_path.chmod(0o755)
    monkeypatch.setattr(database, "find_programs", lambda: tmp_path)
    team = TeamDatabase()
    try:
        assert not team.is_postgresql
        assert "PostgreSQL doesn't start here" in repr(team)
        assert find_location(team.url).path is not None
    finally:
        team.stop()
