"""The tour: committed as it was written, and running from top to bottom."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient

from evolink_nb import settings
from tests.environment import account_of

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer

QUICKSTART = Path(__file__).parent.parent / "notebooks" / "quickstart.ipynb"


@pytest.fixture
def quickstart() -> Any:
    return nbformat.read(QUICKSTART, as_version=4)


def text_of(cell: Any) -> str:
    outputs = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "\n".join(outputs)


def cell_with(notebook: Any, source: str) -> Any:
    [cell] = [cell for cell in notebook.cells if cell.cell_type == "code" and source in cell.source]
    return cell


def test_it_is_committed_without_outputs(quickstart: Any) -> None:
    nbformat.validate(quickstart)
    code = [cell for cell in quickstart.cells if cell.cell_type == "code"]
    assert len(code) > 4
    assert [cell.outputs for cell in code] == [[]] * len(code)
    assert [cell.execution_count for cell in code] == [None] * len(code)
    assert "widgets" not in quickstart.metadata


def test_it_runs_on_a_simulated_account(quickstart: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.DEMO_VARIABLE, "1")
    NotebookClient(quickstart, timeout=120, kernel_name="python3").execute()
    errors = [
        output
        for cell in quickstart.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]
    assert errors == []
    view, saved = cell_with(quickstart, "--live").outputs
    assert "application/vnd.jupyter.widget-view+json" in view.data
    assert "demo data" in saved.data["text/plain"]
    assert text_of(cell_with(quickstart, "def make_image")).count("credits reserved") == 3
    gone = text_of(cell_with(quickstart, "after = %evolink_credits")).split()[0]
    assert 0 < Decimal(gone) < 10
    assert "AuthenticationError: EvoLink answered 401" in text_of(
        cell_with(quickstart, "except EvoLinkError")
    )


def test_it_runs_unchanged_with_a_key(
    quickstart: Any, demo_server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in account_of(demo_server).items():
        monkeypatch.setenv(name, value)
    NotebookClient(quickstart, timeout=120, kernel_name="python3").execute()
    assert demo_server.requests_seen["/v1/images/generations"] == 3
    assert "1,095.3996" in text_of(quickstart.cells[3])
    assert demo_server.key not in nbformat.writes(quickstart)
