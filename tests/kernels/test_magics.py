"""The magics in notebooks that are run from top to bottom, and what live cards share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from evolink_nb.api import credentials, settings
from tests.support.kernel_manager import notebook_client

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.kernel import Kernel

LOAD = "%load_ext evolink_nb"


def run_notebook(*cells: str, allow_errors: bool = False) -> Any:
    """Run a notebook of these cells from top to bottom, as nbclient, papermill and nbconvert do."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook_client(notebook, allow_errors=allow_errors).execute()
    return notebook


def test_cards_of_a_key_share_one_thread(kernel: Kernel, demo_server: DemoServer) -> None:
    """And so do single readings."""
    kernel.run(LOAD)
    live = kernel.run("%evolink_credits --live --every 3600 --warn-below 2000")
    view, saved = live.outputs
    assert "application/vnd.jupyter.widget-view+json" in view["data"]
    for kind in ("text/plain", "text/html"):
        assert "1,095.3996 credits left" in view["data"][kind]
    assert "1,095.3996" in saved["data"]["text/plain"]
    assert 'data-level="low"' in saved["data"]["text/html"]
    kernel.run("%evolink_credits --live --every 1800")
    demo_server.wait_for_requests(1)
    assert "1,095.3996" in kernel.run("%evolink_credits").text
    assert demo_server.requests_seen["/v1/credits"] == 2
    names = "import threading; print([t.name for t in threading.enumerate()].count('evolink-nb-fetcher'))"
    assert kernel.run(names).text == "1"


@pytest.mark.usefixtures("simulated_account")
def test_a_notebook_shows_the_reading() -> None:
    notebook = run_notebook(LOAD, "%evolink_credits", "c = %evolink_credits\nprint(repr(c.spendable))")
    [card] = notebook.cells[1].outputs
    assert card.output_type == "execute_result"
    assert "1,095.3996" in card.data["text/plain"]
    assert "99,416.4429" in card.data["text/plain"]
    [account, api_key] = card.data["text/plain"].splitlines()[1:]
    assert ("spendable" in account, "spendable" in api_key) == (True, False)
    assert notebook.cells[2].outputs[0].text == "Decimal('1095.3996')\n"


@pytest.mark.parametrize("cell", ["%evolink_credits", "%evolink_credits --live --every 0"])
def test_an_error_stops_run_all(
    simulated_account: DemoServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cell: str
) -> None:
    simulated_account.fault(status=402)
    marker = "import pathlib; pathlib.Path('reached').touch()"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CellExecutionError) as stopped:
        run_notebook(LOAD, cell, marker)
    assert not (tmp_path / "reached").exists()
    assert "site-packages" not in str(stopped.value)


def test_an_error_is_two_lines(simulated_account: DemoServer) -> None:
    simulated_account.fault(status=402)
    notebook = run_notebook(LOAD, "%evolink_credits", allow_errors=True)
    [error] = notebook.cells[1].outputs
    assert (error.output_type, error.ename) == ("error", "PaymentRequiredError")
    assert len(error.traceback) == 2
    assert "402" in error.traceback[0]
    assert "Top up" in error.traceback[1]


def test_the_environment_asks_for_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.DEMO_VARIABLE, "1")
    notebook = run_notebook(
        LOAD,
        "%evolink_credits",
        "from evolink_nb import EvoLinkClient\nEvoLinkClient().get_credits().simulated",
    )
    assert "demo data" in notebook.cells[1].outputs[0].data["text/plain"]
    assert notebook.cells[2].outputs[0].data["text/plain"] == "True"


def test_login_says_why_it_can_not_ask() -> None:
    notebook = run_notebook(LOAD, "%evolink_login", allow_errors=True)
    [error] = notebook.cells[1].outputs
    assert error.ename == "ConfigurationError"
    assert credentials.API_KEY_VARIABLE in "\n".join(error.traceback)
