"""The live card on older kernels: what still works while a cell runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.cards import open_card
from tests.support.overlay import ipykernel

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.jupyter import FrontEnd

LONG = "import ipykernel, time; print(ipykernel.__version__, flush=True); time.sleep(600)"
MAX_INTERVAL = "%evolink_credits --live --every 3600"


@pytest.mark.parametrize("version", ["7.0.1", "7.3.0", "7.4.0"])
def test_numbers_move_while_a_cell_runs(lab: FrontEnd, demo_server: DemoServer, version: str) -> None:
    notebook, card = open_card(
        lab, demo_server, "%evolink_credits --live --every 0.5", LONG, environment=ipykernel(version)
    )
    notebook.run(2, wait=False)
    expect(notebook.output(2)).to_contain_text(version)
    for left in ("1,094.3996", "1,093.3996"):
        demo_server.account.spend(1)
        card.shows(left)
    card.is_("live")
    assert notebook.execution_running(2)
    notebook.interrupt()
    notebook.wait_done(2)
    assert notebook.console_errors == []


def test_older_kernels_answer_a_click(front_end: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(front_end, demo_server, MAX_INTERVAL, LONG, environment=ipykernel("7.3.0"))
    notebook.run(2, wait=False)
    expect(notebook.output(2)).to_contain_text("7.3.0")
    for left in ("1,094.3996", "1,093.3996", "1,092.3996"):
        demo_server.account.spend(1)
        card.refresh()
        card.shows(left)
        card.is_("live")
    assert notebook.execution_running(2)
    notebook.interrupt()
    notebook.wait_done(2)
    assert notebook.console_errors == []


def test_a_click_that_must_wait_says_so(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(
        lab,
        demo_server,
        "%evolink_credits --live --every 0.5",
        LONG,
        environment=ipykernel("6.29.5"),
    )
    notebook.run(2, wait=False)
    expect(notebook.output(2)).to_contain_text("6.29.5")
    card.refresh()
    card.is_("busy")
    expect(card.field("status")).to_have_text("kernel busy · click queued")
    for left in ("1,094.3996", "1,093.3996"):
        demo_server.account.spend(1)
        card.shows(left)
    card.is_("busy")
    assert notebook.execution_running(2)
    notebook.interrupt()
    notebook.wait_done(2)
    # The cell is over, and the click comes to its turn.
    card.is_("live")
    assert notebook.console_errors == []
