"""``evolink-nb history``: what it prints, where that is kept, and how it is forgotten."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evolink_nb.cli import OK, UNAVAILABLE, USAGE, main
from evolink_nb.history.current import current
from tests.support.histories import cost

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A history with one cell's cost, as the environment names it."""
    path = tmp_path / "history.db"
    monkeypatch.setenv("EVOLINK_NB_HISTORY", str(path))
    writer = current.required_writer()
    writer.record_cost(cost("1.5", began_at=datetime.now(UTC)))
    assert writer.flush(20)
    yield path
    current.stop()


@pytest.mark.usefixtures("path")
def test_history_prints_what_was_spent(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--since", "1h", "--by", "cell"]) == OK
    printed = capsys.readouterr().out
    assert printed.startswith("1.5 credits spent from ")
    assert "run(a)" in printed
    assert main(["history", "--by", "cell", "--json"]) == OK
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["spent"], row["runs"]) == ("run(a)", "1.5", 1)
    assert main(["history", "--by", "cell", "--csv"]) == OK
    header, line = capsys.readouterr().out.splitlines()
    assert header.startswith("name,kind,runs,")
    assert line.startswith("run(a),cell,1,0,1.5,")


def test_where_prints_the_path(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--where"]) == OK
    assert capsys.readouterr().out == f"{path}\n"


def test_where_hides_a_password(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv(
        "EVOLINK_NB_HISTORY", "postgresql://lab:s3cret@db.example:5432/credits?sslmode=require"
    )
    assert main(["history", "--where"]) == OK
    assert capsys.readouterr().out == "postgresql://db.example:5432/credits\n"


def test_forgetting_needs_a_yes(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--forget"]) == UNAVAILABLE
    assert path.exists()
    assert main(["history", "--forget", "--yes"]) == OK
    assert f"Deleted: the history in {path}" in capsys.readouterr().out
    assert list(path.parent.glob("history*")) == []


@pytest.mark.usefixtures("path")
def test_wrong_span_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--since", "yesterday"]) == USAGE
    assert "Write 24h, 7d or 2w." in capsys.readouterr().err


def test_no_history_is_unavailable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history"]) == UNAVAILABLE
    assert "No history is kept." in capsys.readouterr().err
    assert main(["history", "--where"]) == OK
    assert capsys.readouterr().out == "off\n"
