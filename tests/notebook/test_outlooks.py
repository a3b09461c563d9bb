"""What a running cell cost the last times, on the cards: from this kernel, and from earlier ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from evolink_nb.history.current import current
from evolink_nb.history.of_work import last_costs
from evolink_nb.history.storage.location import find_location
from evolink_nb.history.tables.records import work_id
from tests.support.histories import cost, writing_to
from tests.support.metered import LINE
from tests.support.shell import the_fetcher
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.shell import Shell

NAMED = f"{LINE} --name work"
WORK = work_id("cell", "--name work")
LISTEN = f"""{NAMED}
import time
from evolink_nb import CreditsFetcher, EvoLinkClient
fetcher, heard = CreditsFetcher.shared(EvoLinkClient()), ""
for _ in range(400):
    fetcher.read()
    heard = fetcher.outlook
    if "work cost " in heard:
        break
    time.sleep(0.05)
heard"""


def test_a_running_cell_says_its_last_cost(shell: Shell) -> None:
    for _ in range(2):
        shell.run(f"{NAMED} --settle 9\naccount.spend('12.5')")
    heard = shell.run(LISTEN).value
    assert heard == ("work cost about 12.5 credits the last 2 times: enough for about 85 more runs like this")


def test_a_short_cell_says_nothing(shell: Shell) -> None:
    shell.run(f"{NAMED} --settle 9\naccount.spend('12.5')")
    wait_until(lambda: the_fetcher().outlook)
    before = the_fetcher().outlook
    shell.run(f"{NAMED}\n6 * 7")
    assert "last time" not in the_fetcher().outlook
    assert before == "enough for about 86 more runs of work"


@pytest.fixture
def earlier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Earlier kernels have run the cell on this account, and another."""
    place = tmp_path / "history.db"
    with writing_to(find_location(str(place))) as writer:
        for number, amount in enumerate(("100", "20", "30")):
            writer.record_cost(
                cost(amount, minutes=number, simulated=True, work=work_id("cell", "--name work"))
            )
        writer.record_cost(cost("7", minutes=9, simulated=True, work=work_id("cell", "other")))
        writer.record_cost(cost(None, minutes=10, simulated=True, work=WORK))
        assert writer.flush(20)
    monkeypatch.setenv("EVOLINK_NB_HISTORY", str(place))
    yield
    current.stop(timeout=10.0)


@pytest.mark.usefixtures("earlier")
def test_earlier_kernels_costs_are_known(shell: Shell) -> None:
    heard = shell.run(LISTEN).value
    assert heard.startswith("work cost about 50 credits the last 3 times: enough for about ")


@pytest.mark.usefixtures("earlier")
def test_the_newest_runs_are_asked_for() -> None:
    found = last_costs("cell", "--name work", simulated=True, most=2)
    assert found == [30, 20]
    assert last_costs("cell", "--name work", simulated=False, most=2) == []
    assert last_costs("cell", "never run", simulated=True, most=2) == []


def test_without_history_nothing_is_known() -> None:
    assert last_costs("cell", "--name work", simulated=True, most=2) == []
