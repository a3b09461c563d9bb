"""``--html``, a card of plain HTML that keeps itself fresh where there are no widgets, in real front ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.cards import Card, open_card
from tests.support.jupyter import ENDLESS

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.jupyter import FrontEnd

HTML = "%evolink_credits --html --every 0.5"
UNLOAD = "%unload_ext evolink_nb"
OUR_THREADS = """
import threading
print([thread.name for thread in threading.enumerate() if "evolink" in thread.name])
"""

LEFT_EDGES = """card => [...card.querySelectorAll(".evo-title, .evo-name")].map(part => {
    const range = document.createRange();
    range.selectNodeContents(part);
    return range.getBoundingClientRect().left;
})"""


def test_html_moves_while_a_cell_runs(front_end: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(front_end, demo_server, HTML, ENDLESS)
    expect(card.root).to_have_count(1)
    expect(card.root.locator("button")).to_have_count(0)
    # Whatever the host's own styles for tables say.
    assert len(set(card.root.evaluate(LEFT_EDGES))) == 1
    notebook.begin(2)
    for left in ("1,094.3996", "1,093.3996"):
        demo_server.account.spend(1)
        card.shows(left)
    assert notebook.execution_running(2)
    notebook.interrupt()
    notebook.wait_done(2)
    assert notebook.console_errors == []


def test_a_second_one_takes_its_place(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook, first = open_card(lab, demo_server, HTML, HTML, UNLOAD, OUR_THREADS)
    notebook.run(2)
    second = Card(notebook.output(2))
    for left in ("1,094.3996", "1,093.3996"):
        demo_server.account.spend(1)
        second.shows(left)
    # Two readings later the first still stands as it was left.
    first.shows("1,095.3996")
    notebook.run(3)
    seen = demo_server.requests_seen["/v1/credits"]
    demo_server.account.spend(1)
    notebook.run(4)
    assert notebook.text(4) == "[]"
    second.shows("1,093.3996")
    assert demo_server.requests_seen["/v1/credits"] == seen
    expect(notebook.page.locator(".evolink-card")).to_have_count(2)
    assert notebook.console_errors == []
