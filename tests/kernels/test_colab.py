"""A notebook on the oldest supported set of packages, Google Colab's, in a real kernel of its Python."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.support import colab
from tests.support.kernel_manager import notebook_client
from tests.support.metered import GENERATE, settled_cost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbclient import NotebookClient

    from evolink_nb.demo import DemoServer

VERSIONS = """
import importlib.metadata, json
names = [{names}]
print(json.dumps({{name: importlib.metadata.version(name) for name in names}}))
"""
# What is read between two cells is in neither's messages.
UNTIL_PAUSED = """
import time
from evolink_nb.polling.fetcher import shared_fetchers
[fetcher] = shared_fetchers()
fetcher.pause()
deadline = time.monotonic() + 20
while fetcher.status != "paused" and time.monotonic() < deadline:
    time.sleep(0.02)
print(fetcher.status)
"""
# It ends a reading after the one it waits for: by then that one's message is on its way.
UNTIL_A_SPEND_SHOWS = """
fetcher.resume()
deadline = time.monotonic() + 20
while fetcher.spent == 0 and time.monotonic() < deadline:
    time.sleep(0.02)
revision = fetcher.revision
while fetcher.revision < revision + 3 and time.monotonic() < deadline:
    time.sleep(0.02)
print(fetcher.spent)
"""
OUR_THREADS = """
import threading
ours = lambda: [thread.name for thread in threading.enumerate() if "evolink" in thread.name]
print(ours())
"""
# A request that was given up ends by itself.
UNTIL_NO_THREAD_IS_OURS = """
import time
deadline = time.monotonic() + 20
while ours() and time.monotonic() < deadline:
    time.sleep(0.02)
print(ours())
"""


class Notebook:
    """Cells run one by one in one kernel, each shown as a saved notebook holds it."""

    def __init__(self, client: NotebookClient) -> None:
        self._client = client

    def run(self, source: str) -> list[dict[str, Any]]:
        """The outputs of a cell, in nbformat's shape; an error is one of them."""
        cells = self._client.nb.cells
        cells.append(new_code_cell(source))
        self._client.execute_cell(cells[-1], len(cells) - 1)
        return [dict(output) for output in cells[-1].outputs]

    def text(self, source: str) -> str:
        """What a cell prints."""
        return "".join(str(output["text"]) for output in self.run(source)).strip()

    @property
    def widgets(self) -> list[dict[str, Any]]:
        """The traits of the live cards, as the front end knows them."""
        states = self._client.widget_state.values()
        return [state for state in states if "user_remaining" in state]


@pytest.fixture
def notebook(simulated_account: DemoServer) -> Iterator[Notebook]:  # noqa: ARG001 - for the kernel
    """A notebook in Colab's environment, on the simulated account."""
    kernel = colab.install_kernel(Path(os.environ["JUPYTER_DATA_DIR"]) / "kernels")
    client = notebook_client(new_notebook(), kernel_name=kernel, allow_errors=True)
    with client.setup_kernel():
        yield Notebook(client)


def test_it_works_as_on_the_newest(notebook: Notebook, demo_server: DemoServer) -> None:
    pinned = dict(
        line.split("==") for line in colab.CONSTRAINTS.read_text().splitlines() if line and line[0] != "#"
    )
    names = ", ".join(map(repr, pinned))
    assert json.loads(notebook.text(VERSIONS.format(names=names))) == pinned

    assert notebook.run("%load_ext evolink_nb") == []
    [reading] = notebook.run("%evolink_credits")
    assert reading["output_type"] == "execute_result"
    assert "1,095.3996" in reading["data"]["text/plain"]
    assert 'data-value="1095.3996"' in reading["data"]["text/html"]
    assert notebook.text("c = %evolink_credits\nprint(c.spendable)") == "1095.3996"

    shown = notebook.run("%evolink_credits --live --every 0.2")
    assert any("application/vnd.jupyter.widget-view+json" in output["data"] for output in shown)
    assert any("1,095.3996" in output["data"].get("text/plain", "") for output in shown)
    assert notebook.text(UNTIL_PAUSED) == "paused"
    demo_server.account.spend(1)
    assert notebook.text(UNTIL_A_SPEND_SHOWS) == "1"
    [card] = notebook.widgets
    assert (card["user_remaining"], card["spent"], card["status"]) == (1094.3996, 1.0, "live")

    assert "evolink-nb-fetcher" in notebook.text(OUR_THREADS)
    assert notebook.run("%unload_ext evolink_nb") == []
    assert notebook.text(UNTIL_NO_THREAD_IS_OURS) == "[]"


def test_errors_are_short_as_on_the_newest(notebook: Notebook, demo_server: DemoServer) -> None:
    notebook.run("%load_ext evolink_nb")
    demo_server.fault(status=401)
    [error] = notebook.run("%evolink_credits")
    assert error["output_type"] == "error"
    assert error["ename"] == "AuthenticationError"
    assert len("\n".join(error["traceback"]).splitlines()) <= 2
    assert "EVOLINK_API_KEY" in "\n".join(error["traceback"])
    [error] = notebook.run("%evolink_credits --every 5")
    assert "UsageError" in json.dumps(error)
    assert "Traceback" not in json.dumps(error)


def test_cells_are_metered_and_stopped(notebook: Notebook, demo_server: DemoServer) -> None:
    notebook.run(f"%load_ext evolink_nb\n{GENERATE}")
    value, line = notebook.run("%%evolink_credits --settle 30 -o cost\nawait asyncio.sleep(0)\n6 * 7")
    assert value["data"]["text/plain"] == "42"
    assert settled_cost(line["data"]["text/plain"]) == "nothing spent"
    demo_server.account.spend("0.5")
    for work in ("time.sleep(0.02)", "await asyncio.sleep(0.02)"):
        error, line = notebook.run(f"%%evolink_credits --max 3\nwhile True:\n    generate(); {work}")
        assert error["output_type"] == "error"
        assert error["ename"] == "BudgetExceeded"
        assert "--max 3 stopped the work at " in error["traceback"][0]
        assert "Traceback" not in "".join(error["traceback"])
        assert "evolink-cost" in line["data"]["text/html"]
        assert notebook.text("print('the next cell runs')") == "the next cell runs"
    assert "while True:" in notebook.run("%evolink_costs")[0]["data"]["text/plain"]
    notebook.run("%unload_ext evolink_nb")
    assert notebook.text(OUR_THREADS + UNTIL_NO_THREAD_IS_OURS).splitlines()[-1] == "[]"
