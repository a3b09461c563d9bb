"""The live card while its kernel is killed or restarted, its page reloaded, and seen twice or paused."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.cards import Card, open_card
from tests.support.visibility import let_pass

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.jupyter import FrontEnd, NotebookPage

STILL = "%evolink_credits --live --every 3600"
WHO = "import os; print(os.getpid())"
THREADS = "import threading; print([t.name for t in threading.enumerate()].count('evolink-nb-fetcher'))"
RESTART = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
SHUT_DOWN = "() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()"
CUT_OFF = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel._ws.close()"
KERNEL_IS_CONNECTED = """() => {
    const kernel = window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel;
    return kernel?.connectionStatus === "connected" && kernel.status === "idle";
}"""


def _run_again(notebook: NotebookPage, threads_in: int) -> None:
    """Run the cells again, and see that there is one card with one thread behind it."""
    notebook.page.wait_for_function(KERNEL_IS_CONNECTED, timeout=60_000)
    notebook.run(0)
    notebook.run(1)
    card = Card(notebook.output(1))
    card.is_("live")
    expect(card.root).to_have_count(1)
    notebook.run(threads_in)
    assert notebook.text(threads_in) == "1"


def test_a_lost_kernel_is_shown(front_end: FrontEnd, demo_server: DemoServer) -> None:
    interval = 4
    show = f"%evolink_credits --live --every {interval}"
    notebook, card = open_card(front_end, demo_server, show, WHO, THREADS)
    notebook.run(2)
    os.kill(int(notebook.text(2)), signal.SIGKILL)
    card.is_("gone", seconds=3 * interval)
    expect(card.field("message")).to_contain_text("Run its cell again")
    card.shows("1,095.3996")
    notebook.screenshot(f"live-card-{front_end.name}-killed", of=card.root)
    _run_again(notebook, threads_in=3)

    notebook.page.evaluate(RESTART)
    card.is_("gone", seconds=3 * interval)
    demo_server.account.spend(1)
    _run_again(notebook, threads_in=3)
    card.shows("1,094.3996")


def test_a_kernel_shut_down_is_shown(front_end: FrontEnd, demo_server: DemoServer) -> None:
    """At once, whatever its interval: the kernel says so, and what would need it can't be pressed."""
    notebook, card = open_card(front_end, demo_server, STILL)
    notebook.page.evaluate(SHUT_DOWN)
    card.is_("gone")
    expect(card.field("status")).to_have_text("kernel gone")
    for action in ("refresh", "pause", "notify"):
        expect(card.root.locator(f"[data-action={action}]")).to_be_disabled()
    card.shows("1,095.3996")
    notebook.screenshot(f"live-card-{front_end.name}-shut-down", of=card.root)
    assert notebook.console_errors == []


def test_a_lost_connection_is_shown(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(lab, demo_server, "%evolink_credits --live --every 1")
    context = notebook.page.context
    context.set_offline(True)
    notebook.page.evaluate(CUT_OFF)
    card.is_("stale", seconds=20)
    notebook.screenshot("live-card-disconnected", of=card.root)
    context.set_offline(False)
    demo_server.account.spend(1)
    card.shows("1,094.3996", seconds=60)
    card.is_("live", seconds=60)


def test_a_cell_run_again_has_one_card(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(lab, demo_server, "%evolink_credits --live --every 0.5", THREADS)
    for _ in range(2):
        _run_again(notebook, threads_in=2)
    demo_server.account.spend(1)
    card.shows("1,094.3996")


def test_a_reloaded_page_is_live_again(front_end: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(front_end, demo_server, STILL)
    notebook.save()
    demo_server.account.spend(1)
    card.refresh()
    card.shows("1,094.3996")
    notebook.page.reload()
    notebook.page.wait_for_function(KERNEL_IS_CONNECTED, timeout=60_000)
    # Where five pages load at once, JupyterLab takes half a minute, and asks its kernel last.
    card.is_("live", seconds=120)
    card.shows("1,094.3996")
    demo_server.account.spend(1)
    card.refresh()
    card.shows("1,093.3996")
    card.is_("live")


def test_two_views_cost_as_much_as_one(lab: FrontEnd, demo_server: DemoServer) -> None:
    make = "from evolink_nb import CreditsWidget; card = CreditsWidget(interval=0.5); card"
    notebook, first = open_card(
        lab, demo_server, make, "card", "card.fetcher.stop(); print(len(card.fetcher.readings))"
    )
    notebook.run(2)
    second = Card(notebook.output(2))
    second.is_("live")
    for left in ("1,094.3996", "1,093.3996"):
        demo_server.account.spend(1)
        first.shows(left)
        second.shows(left)
    notebook.run(3)
    # Stopping may have cancelled a request on its way.
    assert demo_server.requests_seen["/v1/credits"] - int(notebook.text(3)) in {0, 1}


def test_two_pages_are_both_live(notebook7: FrontEnd, demo_server: DemoServer) -> None:
    notebook, first = open_card(notebook7, demo_server, STILL)
    notebook.save()
    browser = notebook.page.context.browser
    assert browser is not None
    with browser.new_context() as context:
        page = context.new_page()
        server = notebook7.server
        page.goto(f"{server.url}notebooks/{notebook.path.name}?token={server.token}")
        page.wait_for_function(KERNEL_IS_CONNECTED, timeout=60_000)
        second = Card(page.locator(".jp-Cell").nth(1))
        second.is_("live", seconds=30)
        seen = demo_server.requests_seen["/v1/credits"]
        for asked, left in ((first, "1,094.3996"), (second, "1,093.3996")):
            demo_server.account.spend(1)
            asked.refresh()
            first.shows(left)
            second.shows(left)
        assert demo_server.requests_seen["/v1/credits"] == seen + 2


def test_a_paused_card_reads_nothing(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(lab, demo_server, "%evolink_credits --live --every 0.2")
    button = card.root.locator('[data-action="pause"]')
    button.click()
    card.is_("paused")
    expect(button).to_have_accessible_name("Resume")
    assert let_pass(demo_server, readings=15) == 0
    demo_server.account.spend(1)
    card.refresh()
    card.shows("1,094.3996")
    card.is_("paused")
    notebook.screenshot("live-card-paused", of=card.root)
    demo_server.account.spend(1)
    button.click()
    card.shows("1,093.3996")
    card.is_("live")
    expect(button).to_have_accessible_name("Pause")
    expect(card.field("updated")).to_have_text(re.compile(r"updated [0-2] s ago"))
    assert notebook.console_errors == []
