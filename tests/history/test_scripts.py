"""What a program that measures work, without a notebook, keeps in the history: what it was told to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evolink_nb.history import looking_back
from evolink_nb.history.current import current
from evolink_nb.history.storage.location import HISTORY_VARIABLE, Location, find_location
from evolink_nb.notebook.kept.recording import write_all
from tests.support.environment import account_of, isolated_environment
from tests.support.histories import cost
from tests.support.scripts import run_script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evolink_nb.demo import DemoServer

ROOT = Path(__file__).parents[2]
MEASURE = """
from evolink_nb import ledger
with meter(name="a job", settle=1): pass
print(type(ledger.current()).__name__)
"""


@pytest.fixture
def environment(demo_server: DemoServer, tmp_path: Path) -> dict[str, str]:
    """The environment of a script whose account is the simulated one, which says nothing of the history."""
    found = {**isolated_environment(tmp_path), **account_of(demo_server), "PYTHONPATH": str(ROOT)}
    del found[HISTORY_VARIABLE]
    return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Location]:
    """Where this process looks for the history, and the script may keep it."""
    location = find_location(str(tmp_path / "history.db"))
    current.use(location)
    yield location
    current.stop(timeout=10.0)
    current.use(None)


def test_a_script_keeps_what_it_is_told_to(environment: dict[str, str], place: Location) -> None:
    assert "KeptLedger" in run_script(MEASURE, {**environment, HISTORY_VARIABLE: str(place.path)})
    kept = looking_back.costs("1h", timeout=30)
    assert [(record.name, record.kind, record.settled) for record in kept] == [("a job", "meter", True)]


def test_a_script_leaves_no_file_unasked(environment: dict[str, str], tmp_path: Path) -> None:
    assert "MemoryLedger" in run_script(MEASURE, environment)
    assert not list(tmp_path.rglob("*.db"))


def test_a_script_says_what_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A setting that makes no sense, and a place that can't be written."""
    monkeypatch.setenv(HISTORY_VARIABLE, "gopher://nowhere")
    write_all()
    assert f"not all in the history: The history can't be kept there. Set {HISTORY_VARIABLE}" in read(capsys)
    monkeypatch.setattr("evolink_nb.notebook.kept.recording.EXIT_SECONDS", 0.1)
    (tmp_path / "file").touch()
    current.use(find_location(str(tmp_path / "file" / "history.db")))
    current.required_writer().record_cost(cost(1))
    write_all()
    assert "file/history.db" in read(capsys)
    current.stop(timeout=0.1)
    current.use(None)


def read(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())
