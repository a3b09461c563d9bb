"""The key is in nothing that people save, share, log or read on a screen."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from ipywidgets import Widget
from nbclient import NotebookClient
from playwright.sync_api import expect

from evolink_nb import errors
from evolink_nb.api.client import EvoLinkClient
from evolink_nb.card.widget import CreditsWidget
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.environment import account_of
from tests.support.kernel import Kernel
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.jupyter import FrontEnd

# Every way to look at a reading, and a failure of each kind of screen output.
CELLS = [
    "%load_ext evolink_nb",
    "%evolink_credits",
    "%evolink_credits --json",
    "%evolink_credits --live --every 0.2",
    "c = %evolink_credits\nc",
    (
        "from evolink_nb import *\nclient = EvoLinkClient()\nfetcher = CreditsFetcher.shared(client)\n"
        "widget = CreditsWidget()\nclient, fetcher, widget, client.auth"
    ),
    "print(client, fetcher, widget, client.auth, vars(client), vars(fetcher))",
    "%whos",
    "%%evolink_credits --settle 30 -o cost\n6 * 7",
    "cost, cost._measurement, vars(cost._measurement)",
    "%evolink_costs --csv",
    "from evolink_nb import ledger; ledger.current().entries()",
    "widget",
]


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


@pytest.fixture
def widget(demo_server: DemoServer) -> Iterator[CreditsWidget]:
    """A live card whose client, connection and last failure have all been used."""
    fetcher = CreditsFetcher(EvoLinkClient(demo_server.key, base_url=demo_server.url), 3600)
    fetcher.read()
    demo_server.fault(text=f'{{"error": {{"message": "no such key: {demo_server.key}", "code": 401}}}}')
    with pytest.raises(errors.AuthenticationError):
        fetcher.read()
    widget = CreditsWidget(fetcher)
    fetcher.wait(10)
    yield widget
    widget.close()


def everything_in(root: object, seen: set[int] | None = None) -> Iterator[object]:
    """All that is reached from an object through its attributes and items."""
    seen = set() if seen is None else seen
    if id(root) in seen or isinstance(root, type | ModuleType | logging.Logger | logging.Manager):
        return
    seen.add(id(root))
    yield root
    inner: list[object] = []
    if isinstance(root, dict):
        inner += [*root.keys(), *root.values()]
    elif isinstance(root, list | tuple | set | frozenset):
        inner += root
    inner += getattr(root, "__dict__", {}).values()
    for name in getattr(type(root), "__slots__", ()):
        inner.append(getattr(root, name, None))
    if isinstance(root, BaseException):
        inner += [root.args, root.__cause__, root.__context__]
    for each in inner:
        yield from everything_in(each, seen)


def holders_of(key: str, roots: Iterable[object]) -> list[str]:
    """The types of what holds the key as text, or shows it."""
    found = []
    for root in roots:
        for each in everything_in(root):
            text = (
                each if isinstance(each, str) else each.decode("latin-1") if isinstance(each, bytes) else ""
            )
            if key in text or key in repr(each):
                found.append(type(each).__name__)
    return found


def test_a_key_that_is_there_would_be_found() -> None:
    class Slotted:
        __slots__ = ("inner",)

    slotted = Slotted()
    slotted.inner = [SimpleNamespace(headers={"Authorization": b"Bearer hidden-key"})]  # type: ignore[attr-defined]
    assert "bytes" in holders_of("hidden-key", [{"session": slotted}])


def test_no_object_shows_it_or_holds_it_as_text(demo_server: DemoServer, widget: CreditsWidget) -> None:
    fetcher = widget.fetcher
    assert "[key]" in str(fetcher.error)
    roots = [fetcher.client, fetcher, widget, fetcher.error, fetcher.credits]
    assert holders_of(demo_server.key, roots) == []
    for root in roots:
        assert demo_server.key not in f"{root} {root!r}"


def test_the_widget_s_state_does_not_hold_it(demo_server: DemoServer, widget: CreditsWidget) -> None:
    shown, _metadata = widget._repr_mimebundle_()
    states = [widget.get_state(), Widget.get_manager_state(widgets=[widget]), shown]
    assert widget.message
    assert demo_server.key not in repr(states)


def test_what_can_be_pickled_does_not_hold_it(demo_server: DemoServer, widget: CreditsWidget) -> None:
    for kept in (widget.fetcher.error, widget.fetcher.credits):
        assert demo_server.key.encode() not in pickle.dumps(kept)
    for unkept in (widget.fetcher.client, widget.fetcher):
        with pytest.raises(TypeError):
            pickle.dumps(unkept)


def test_a_notebook_that_was_run_does_not_hold_it(simulated_account: DemoServer) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    saved = nbformat.writes(notebook)
    assert "token_remaining" in saved  # the widget's state is in it
    assert "99,416.4429" in saved
    assert simulated_account.key not in saved


def test_a_notebook_saved_in_the_browser_does_not_hold_it(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook = lab.open(CELLS, environment=account_of(demo_server))
    notebook.run_all()
    expect(notebook.output(3).locator(".evolink-card")).to_have_attribute("data-status", "live")
    notebook.save()
    saved = notebook.path.read_text()
    assert "99,416.4429" in saved
    assert demo_server.key not in saved
    assert demo_server.key not in notebook.page.content()


def test_no_message_or_log_of_a_kernel_holds_it(debugged: Kernel, demo_server: DemoServer) -> None:
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
def test_an_interrupted_reading_shows_no_key(debugged: Kernel, demo_server: DemoServer, live: bool) -> None:
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


def test_a_cell_that_a_limit_stops_shows_no_key(debugged: Kernel, demo_server: DemoServer) -> None:
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


def test_a_traceback_through_the_client_shows_no_key(debugged: Kernel, demo_server: DemoServer) -> None:
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


def test_an_interrupted_login_shows_no_key(demo_server: DemoServer) -> None:
    terminal = Terminal({"EVOLINK_BASE_URL": demo_server.url})
    terminal.type("%load_ext evolink_nb")
    terminal.type("%xmode Verbose")
    demo_server.fault(latency=600)
    terminal.give_key("", demo_server.key)
    demo_server.wait_for_requests(1)
    shown = terminal.interrupt()
    terminal.close()
    assert "KeyboardInterrupt" in shown
    assert "Secret(…)" in shown  # variables are shown
    assert demo_server.key not in terminal.all_shown
