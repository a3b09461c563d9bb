"""The key is in nothing that a kernel or a terminal shows, sends, logs or saves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from tests.support.environment import account_of
from tests.support.kernel import Kernel
from tests.support.kernel_manager import notebook_client
from tests.support.secrecy import CELLS
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evolink_nb.demo import DemoServer


@pytest.fixture
def debugged(demo_server: DemoServer, tmp_path: Path) -> Iterator[Kernel]:
    """A kernel that logs all it can, and shows variables in its tracebacks."""
    environment = {**os.environ, **account_of(demo_server)}
    plain = "--InteractiveShell.colors=NoColor"
    with Kernel(environment, tmp_path / "kernel.log", "--debug", plain) as kernel:
        kernel.run("import logging; logging.basicConfig(level=logging.DEBUG, force=True)")
        kernel.run("%xmode Verbose")
        kernel.run("%load_ext evolink_nb")
        yield kernel


def test_executed_notebook_holds_no_key(simulated_account: DemoServer) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    notebook_client(notebook).execute()
    saved = nbformat.writes(notebook)
    assert "token_remaining" in saved  # the widget's state is in it
    assert "99,416.4429" in saved
    assert simulated_account.key not in saved


def test_messages_and_log_hold_no_key(debugged: Kernel, demo_server: DemoServer) -> None:
    said: list[Any] = [debugged.run(source).messages for source in CELLS]
    for fault in ({"status": 401}, {"status": 500}, {"connection": "reset"}, {"body": "html"}):
        demo_server.fault(**fault)
        said.append(debugged.run("fetcher.refresh()\n%evolink_credits").messages)
    echo = f'{{"error": {{"message": "no such key: {demo_server.key}", "code": 401}}}}'
    demo_server.fault(status=401, text=echo)
    run = debugged.run("EvoLinkClient().get_credits()")
    assert "no such key: [key]" in run.text
    said += [run.messages, debugged.run("%unload_ext evolink_nb").messages]
    log = debugged.log.read_text()
    assert "DEBUG" in log
    assert "/v1/credits" in repr(said) + log  # urllib3 logs its requests at DEBUG
    assert demo_server.key not in repr(said) + log


@pytest.mark.parametrize("live", [False, True], ids=["on its own", "beside a live card"])
def test_interrupted_reading_shows_no_key(debugged: Kernel, demo_server: DemoServer, live: bool) -> None:
    if live:
        debugged.run("%evolink_credits --live --every 3600")
    before = demo_server.requests_seen["/v1/credits"]
    demo_server.fault(latency=600)

    def interrupt() -> None:
        demo_server.wait_for_requests(before + 1)
        debugged.interrupt()

    run = debugged.run("%evolink_credits", during=interrupt)
    assert "KeyboardInterrupt" in run.text
    assert "fetcher = CreditsFetcher(EvoLinkClient(" in run.text  # variables are shown
    assert demo_server.key not in repr(run.messages) + debugged.log.read_text()


def test_stopped_cell_shows_no_key(debugged: Kernel, demo_server: DemoServer) -> None:
    debugged.run("from evolink_nb import EvoLinkClient, meter\nimport time")

    seen = demo_server.requests_seen["/v1/credits"]

    def spend() -> None:
        # The reading before the cell, and the first look of what watches it.
        demo_server.wait_for_requests(seen + 2)
        demo_server.account.spend(5)

    run = debugged.run("%%evolink_credits --max 5\ntime.sleep(60)", during=spend)
    assert run.error is not None
    assert run.error["ename"] == "BudgetExceeded"
    messages = [run.messages]
    demo_server.fault(status=401)
    refused = debugged.run("%%evolink_credits --max 5\n6 * 7")
    assert "CellRefused" in refused.text
    messages += [refused.messages, debugged.run("with meter(max_credits=5): pass").messages]
    assert demo_server.key not in repr(messages) + debugged.log.read_text()


def test_client_traceback_shows_no_key(debugged: Kernel, demo_server: DemoServer) -> None:
    debugged.run(
        "import os\nfrom evolink_nb import EvoLinkClient\n"
        "def key():\n    return os.environ['EVOLINK_API_KEY']"
    )
    for argument, variable in (("timeout='soon'", "timeout = 'soon'"), ("base_url=7", "base_url = 7")):
        run = debugged.run(f"EvoLinkClient(key(), {argument})")
        assert run.error is not None
        assert run.error["ename"] != "ConfigurationError"  # one that shows a whole traceback
        assert variable in run.text  # variables are shown
        assert demo_server.key not in repr(run.messages)


def test_key_from_a_card_is_shown_nowhere(tmp_path: Path, demo_server: DemoServer) -> None:
    """Sent as a card's page sends it, beside its message: what is in a message, a kernel may log."""
    environment = {**os.environ, "EVOLINK_BASE_URL": demo_server.url}
    with Kernel(environment, tmp_path / "kernel.log", "--debug") as kernel:
        kernel.run("%load_ext evolink_nb\n%xmode Verbose")
        said = [kernel.run("%evolink_credits --live").messages]
        assert "No EvoLink API key was found." in repr(said)  # no front end with widgets: no card
        made = kernel.run(
            "from evolink_nb import CreditsWidget\nfrom evolink_nb.card.login import keyless_fetcher\n"
            "card = CreditsWidget(keyless_fetcher())\nprint(card.comm.comm_id)"
        )
        comm = made.text
        for key in ("sk-wrong-0123456789abcdef", "sk-\N{SNOWMAN}", demo_server.key):
            content = {"method": "custom", "content": {"action": "login", "view": "page"}}
            kernel.send(comm, content, buffers=[key.encode()])
        said.append(kernel.messages_until(lambda message: "1095.3996" in repr(message)))
        said.append(kernel.run("card.fetcher, vars(card), card.get_state()").messages)
        said.append(kernel.run("%evolink_credits --json").messages)
        assert '"remaining_credits": 1095.3996' in repr(said[-1])
        said.append(kernel.run("card.switch(7)").messages)  # a traceback with its variables
        log = kernel.log.read_text()
        assert "'action': 'login'" in log
    for key in ("sk-wrong-0123456789abcdef", demo_server.key):
        assert key not in repr(said) + log


def test_interrupted_login_shows_no_key(demo_server: DemoServer) -> None:
    terminal = Terminal({"EVOLINK_BASE_URL": demo_server.url})
    terminal.type("%load_ext evolink_nb")
    terminal.type("%xmode Verbose")
    demo_server.fault(latency=600)
    terminal.give_key("", demo_server.key)
    demo_server.wait_for_requests(1)
    shown = terminal.interrupt()
    terminal.close()
    assert "KeyboardInterrupt" in shown
    assert "fetcher = CreditsFetcher(EvoLinkClient(" in shown  # variables are shown
    assert demo_server.key not in terminal.all_shown
