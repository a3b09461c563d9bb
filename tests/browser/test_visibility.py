"""A hidden card costs next to nothing, and is fresh as soon as it is seen again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from evolink_nb import CreditsFetcher, EvoLinkClient
from tests.support.cards import open_card
from tests.support.environment import account_of
from tests.support.visibility import CREDITS, hide, let_pass, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from evolink_nb.demo import DemoServer
    from tests.support.jupyter import FrontEnd, NotebookPage

LIVE = "%evolink_credits --live --every 0.2"
FORGETFUL = """
from evolink_nb import CreditsWidget
CreditsWidget(interval=0.2, heartbeat_timeout=3.0)
"""
COMMAND = "command => window.jupyterapp.commands.execute(command)"


def _hide_tab(notebook: NotebookPage) -> None:
    hide(notebook.page)


def _show_tab(notebook: NotebookPage) -> None:
    show(notebook.page)


def _collapse_output(notebook: NotebookPage) -> None:
    notebook.page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1; }")
    notebook.page.evaluate(COMMAND, "notebook:hide-cell-outputs")


def _expand_output(notebook: NotebookPage) -> None:
    notebook.page.evaluate(COMMAND, "notebook:show-cell-outputs")


def _open_another_tab(notebook: NotebookPage) -> None:
    notebook.page.evaluate(COMMAND, "launcher:create")


def _come_back(notebook: NotebookPage) -> None:
    notebook.page.locator(".lm-TabBar-tab", has_text=notebook.path.name).click()


@pytest.mark.parametrize(
    ("go", "return_"),
    [
        pytest.param(_hide_tab, _show_tab, id="the browser's tab"),
        pytest.param(_collapse_output, _expand_output, id="the output"),
        pytest.param(_open_another_tab, _come_back, id="JupyterLab's tab"),
    ],
)
def test_hidden_cards_read_once_a_minute(
    lab: FrontEnd,
    demo_server: DemoServer,
    go: Callable[[NotebookPage], None],
    return_: Callable[[NotebookPage], None],
) -> None:
    notebook, card = open_card(lab, demo_server, LIVE)
    demo_server.wait_for_requests(demo_server.requests_seen[CREDITS] + 3)
    go(notebook)
    # The page's message takes its way; whatever was under way comes to its end.
    let_pass(demo_server, readings=3)
    # For as long as twenty of the card's own intervals.
    assert let_pass(demo_server, readings=20) <= 1
    demo_server.account.spend(1)
    return_(notebook)
    card.shows("1,094.3996", seconds=1)
    card.is_("live", seconds=1)
    assert let_pass(demo_server, readings=10) > 5


def test_a_new_card_waits_for_no_hidden_one(demo_server: DemoServer) -> None:
    fetcher = CreditsFetcher(EvoLinkClient(demo_server.key, base_url=demo_server.url))
    fetcher.attach("hidden", 0.2)
    fetcher.set_visible("hidden", visible=False)
    let_pass(demo_server, readings=3)
    assert let_pass(demo_server, readings=10) <= 1
    fetcher.attach("new", 0.2)
    try:
        assert let_pass(demo_server, readings=10) > 5
    finally:
        fetcher.stop()


def test_one_visible_view_is_enough(lab: FrontEnd, demo_server: DemoServer) -> None:
    show_twice = (
        "from evolink_nb import CreditsWidget; card = CreditsWidget(interval=0.2); display(card); card"
    )
    notebook = lab.open(["%load_ext evolink_nb", show_twice, "card"], environment=account_of(demo_server))
    for index in range(3):
        notebook.run(index)
    demo_server.wait_for_requests(demo_server.requests_seen[CREDITS] + 3)
    _collapse_output(notebook)
    assert let_pass(demo_server, readings=10) > 5


@pytest.mark.parametrize("leave", ["close", "go elsewhere"])
def test_a_page_left_is_noticed_at_once(lab: FrontEnd, demo_server: DemoServer, leave: str) -> None:
    notebook, _ = open_card(lab, demo_server, LIVE)
    notebook.save()
    demo_server.wait_for_requests(demo_server.requests_seen[CREDITS] + 3)
    if leave == "close":
        notebook.page.close()
    else:
        notebook.page.goto("about:blank")
    let_pass(demo_server, readings=3)
    assert let_pass(demo_server, readings=20) <= 1


def test_a_silent_view_is_forgotten(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(lab, demo_server, FORGETFUL)
    # The page sends its heartbeat at the beginning of each minute, which this one now always is.
    notebook.page.clock.set_fixed_time("2026-01-01T12:00:00.500Z")
    let_pass(demo_server, readings=20)
    assert let_pass(demo_server, readings=10) > 5
    notebook.page.clock.set_fixed_time("2026-01-01T12:00:30Z")
    let_pass(demo_server, readings=20)
    assert let_pass(demo_server, readings=10) <= 1
    demo_server.account.spend(1)
    notebook.page.clock.set_fixed_time("2026-01-01T12:01:00.500Z")
    card.shows("1,094.3996")


def test_a_closed_notebook_is_noticed(lab: FrontEnd, demo_server: DemoServer) -> None:
    # JupyterLab ends the page's channel to the kernel before its views can say anything.
    notebook, card = open_card(lab, demo_server, FORGETFUL)
    # Its first message reaches the kernel's main thread, where silence means nothing, the second a subshell.
    let_pass(demo_server, readings=25)
    notebook.save()
    notebook.page.evaluate(COMMAND, "application:close")
    expect(card.root).to_have_count(0)
    let_pass(demo_server, readings=20)
    assert let_pass(demo_server, readings=20) <= 1
