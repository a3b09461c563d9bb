"""Which live cards a real kernel keeps: one for each cell, and none whose place is gone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.kernel import Message, trait_updates
from tests.support.visibility import let_pass
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from evolink_nb.demo import DemoServer
    from tests.support.kernel import Kernel

LOAD = "%load_ext evolink_nb"
LIVE = "%evolink_credits --live --every 3600"
COUNTS = """
import gc, json, threading
from evolink_nb.polling.fetcher import shared_fetchers
gc.collect()
ours = [type(each) for each in gc.get_objects() if str(type(each).__module__).startswith("evolink_nb.")]
kinds = [kind.__name__ for kind in ours]
print(json.dumps({
    "comms": len(get_ipython().kernel.comm_manager.comms),
    "cards": kinds.count("CreditsWidget"),
    "saved": kinds.count("LiveOutput"),
    "interval": [fetcher.interval for fetcher in shared_fetchers()],
    "threads": sum(t.name == "evolink-nb-fetcher" for t in threading.enumerate()),
}))
"""


@dataclass(frozen=True)
class Counts:
    """What the kernel has of live cards; each is a widget and its layout, so two comms."""

    comms: int
    cards: int
    saved: int
    interval: list[float]
    threads: int


def counts(kernel: Kernel) -> Counts:
    return Counts(**json.loads(kernel.run(COUNTS, cell="counts").text))


ONE = Counts(comms=2, cards=1, saved=1, interval=[3600.0], threads=1)


@pytest.fixture
def loaded(kernel: Kernel) -> Kernel:
    """A kernel with the extension."""
    kernel.run(LOAD)
    return kernel


@pytest.mark.parametrize("cell", ["c1", None])
def test_200_runs_leave_one_card(loaded: Kernel, cell: str | None) -> None:
    """Of a cell with the front end's id, and of cells without, in views that nobody has reported."""
    loaded.is_notebook = cell is not None
    for _ in range(200):
        assert loaded.run(LIVE, cell=cell).error is None
    assert counts(loaded) == ONE


def test_a_slower_interval_is_in_force(loaded: Kernel, demo_server: DemoServer) -> None:
    loaded.run("%evolink_credits --live --every 0.2", cell="c1")
    loaded.run(LIVE, cell="c1")
    # Before the cell ends, too: it may run on for hours.
    during = loaded.run(f"%evolink_credits --live --every 1800\n{COUNTS}", cell="c1")
    assert json.loads(during.text.splitlines()[-1])["interval"] == [1800.0]
    let_pass(demo_server, readings=3)
    assert let_pass(demo_server, readings=10) == 0


def test_each_cell_keeps_its_card(loaded: Kernel) -> None:
    for cell in ("c1", "c2", "c1"):
        loaded.run(LIVE, cell=cell)
    # Two in one run are both meant.
    loaded.run(f"{LIVE}\n{LIVE}", cell="c3")
    assert counts(loaded) == Counts(comms=8, cards=4, saved=4, interval=[3600.0], threads=1)


def test_a_cell_without_its_card_ends_it(loaded: Kernel) -> None:
    loaded.run(LIVE, cell="c1")
    loaded.run("6 * 7", cell="c1")
    assert counts(loaded) == Counts(comms=0, cards=0, saved=0, interval=[3600.0], threads=0)


def test_a_deleted_cell_ends_its_card(loaded: Kernel) -> None:
    loaded.run(LIVE, cell="c1")
    loaded.run(LIVE, cell="c2")
    loaded.run("6 * 7", cell="c3", deleted=["c1"])
    assert counts(loaded) == ONE


def test_a_users_own_card_stays_open(loaded: Kernel) -> None:
    """A variable may hold it; only what would be rewritten for the saved notebook ends."""
    show = "from evolink_nb import CreditsWidget\ncard = CreditsWidget(interval=3600); card"
    loaded.run(show, cell="c1")
    loaded.run("mine = card", cell="c2")
    for _ in range(3):
        loaded.run(show, cell="c1")
    assert loaded.run("print(mine.comm is not None)", cell="c2").text == "True"
    # What is saved of a card that was replaced goes once the thread that rewrites it has come to that.
    wait_until(lambda: (counts(loaded).cards, counts(loaded).saved) == (4, 1))


def test_a_card_on_screen_is_not_replaced(loaded: Kernel) -> None:
    """Where cells have no ids, whatever a page shows may be another cell's."""
    loaded.is_notebook = False
    view = loaded.run(LIVE).outputs[0]["data"]["application/vnd.jupyter.widget-view+json"]
    report = {"action": "show", "view": "one", "visible": False}
    loaded.send(view["model_id"], {"method": "custom", "content": report})
    loaded.run(LIVE)
    assert counts(loaded).cards == 2
    loaded.send(view["model_id"], {"method": "custom", "content": {"action": "leave", "view": "one"}})
    loaded.run("6 * 7")
    assert counts(loaded).cards == 1


def test_a_closed_comm_ends_its_card(loaded: Kernel) -> None:
    view = loaded.run(LIVE).outputs[0]["data"]["application/vnd.jupyter.widget-view+json"]
    loaded.close(view["model_id"])
    loaded.run("6 * 7", cell="c2")
    assert counts(loaded) == Counts(comms=0, cards=0, saved=0, interval=[3600.0], threads=0)


def test_a_refused_interval_leaves_no_card(kernel: Kernel) -> None:
    run = kernel.run("from evolink_nb import CreditsWidget; CreditsWidget(interval=float('inf'))")
    assert run.error is not None
    left = counts(kernel)
    assert (left.comms, left.threads) == (0, 0)


# -- silence -------------------------------------------------------------------------------------------


def test_an_unseen_card_is_silent(loaded: Kernel, demo_server: DemoServer) -> None:
    """Once the kernel is idle; what it holds back is sent as soon as a view is seen."""
    run = loaded.run("%evolink_credits --live --every 0.2", cell="c1")
    comm = run.outputs[0]["data"]["application/vnd.jupyter.widget-view+json"]["model_id"]
    let_pass(demo_server, readings=25)
    loaded.pending()
    demo_server.account.spend(5)
    assert let_pass(demo_server, readings=10) == 0
    assert loaded.pending() == []
    loaded.send(comm, {"method": "custom", "content": {"action": "show", "view": "one", "visible": True}})
    updates = trait_updates(loaded.messages_until(_shows("user_remaining")))
    assert updates[-1]["user_remaining"] == 1090.3996
    loaded.run("get_ipython().run_line_magic('unload_ext', 'evolink_nb')")


def test_a_running_cell_hears_no_views(loaded: Kernel, demo_server: DemoServer) -> None:
    """A kernel without subshells hears of them when the cell ends: until then the card is up to date."""

    def watch() -> None:
        loaded.messages_until(_shows("updated_at"))
        let_pass(demo_server, readings=25)
        loaded.pending()
        demo_server.account.spend(5)
        updates = trait_updates(loaded.messages_until(_shows("user_remaining")))
        assert updates[-1]["user_remaining"] == 1090.3996
        loaded.interrupt()

    loaded.run("%evolink_credits --live --every 0.2\nimport time; time.sleep(600)", during=watch, cell="c1")


def test_an_alarm_is_sent_unseen(loaded: Kernel, demo_server: DemoServer) -> None:
    """A page that is hidden may notify the user; nothing else is worth a message."""
    live = "%evolink_credits --live --every 3600 --warn-below 50"
    run = loaded.run(live, cell="c1")
    comm = run.outputs[0]["data"]["application/vnd.jupyter.widget-view+json"]["model_id"]
    loaded.send(comm, {"method": "custom", "content": {"action": "show", "view": "one", "visible": False}})
    demo_server.account.spend(1050)
    run = loaded.run("credits = %evolink_credits", cell="c2")
    assert trait_updates(run.messages) == [{"alarm": "Low: less than 50 credits left."}]


def test_plain_html_rests_when_idle(loaded: Kernel, demo_server: DemoServer) -> None:
    """It can't be told whether it is seen."""
    cards = "get_ipython().magics_manager.registry['EvoLinkMagics'].commands.cards"
    loaded.run(f"{cards}.html_rests_after = 3.0")
    loaded.run("%evolink_credits --html --every 0.2")
    loaded.messages_until(lambda message: message["msg_type"] == "update_display_data")
    let_pass(demo_server, readings=25)
    loaded.pending()
    demo_server.account.spend(5)
    let_pass(demo_server, readings=10)
    assert loaded.pending() == []
    shown: list[Message] = []

    def watch() -> None:
        shown.extend(loaded.messages_until(_rewrites))
        loaded.interrupt()

    loaded.run("import time; time.sleep(600)", during=watch)
    assert "1,090.3996" in json.dumps(shown[-1]["content"])


def _rewrites(message: Message) -> bool:
    return bool(message["msg_type"] == "update_display_data")


def _shows(trait: str) -> Callable[[Message], bool]:
    return lambda message: any(trait in state for state in trait_updates([message]))


CONFIGURED = """
import json
cards = get_ipython().magics_manager.registry["EvoLinkMagics"].commands.cards
[card] = [each.widget for each in cards._live]
print(json.dumps([card.interval, card.warn_below, card.critical_below, card.credits_per_dollar]))
"""


def test_cards_follow_the_configuration(loaded: Kernel) -> None:
    """What is shown changes at once; an option that was typed stays."""
    loaded.run("%config EvoLinkMagics.warn_below = 50\n%config EvoLinkMagics.interval = 1800")
    loaded.run("%evolink_credits --live --credits-per-dollar 7", cell="c1")
    assert json.loads(loaded.run(CONFIGURED, cell="asked").text) == [1800.0, "50", None, 7.0]
    loaded.run(
        "%config EvoLinkMagics.warn_below = '2h'\n"
        "%config EvoLinkMagics.critical_below = 20\n"
        "%config EvoLinkMagics.interval = 900\n"
        "%config EvoLinkMagics.credits_per_dollar = 10",
        cell="c2",
    )
    assert json.loads(loaded.run(CONFIGURED, cell="asked").text) == [900.0, "2h", "20", 7.0]


@pytest.mark.parametrize("how", ["--live", "--html", ""])
def test_fresh_reads_evolink_itself(loaded: Kernel, demo_server: DemoServer, how: str) -> None:
    loaded.run("%evolink_credits --live --every 3600", cell="c1")
    seen = demo_server.requests_seen["/v1/credits"]
    shown = loaded.run(f"%evolink_credits {how} --fresh", cell="c2")
    assert shown.error is None
    wait_until(lambda: demo_server.requests_seen["/v1/credits"] > seen)
