"""What cells and the time between them cost, in the ledger."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from evolink_nb.metering import ledger
from evolink_nb.metering.active import active_measurements
from evolink_nb.metering.attribution.work import MIN_CALL_SECONDS
from evolink_nb.metering.cost import Cost
from evolink_nb.metering.ledger import MemoryLedger
from evolink_nb.metering.settlement import SettleTiming
from evolink_nb.notebook.metered_cell import MeteredCell
from tests.support.metered import LINE
from tests.support.shell import (
    Shell,
    settled,
    the_fetcher,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from evolink_nb.credits import Credits
    from evolink_nb.demo import DemoServer

SPEND = "account.spend(2)"

# A call takes its time, as real ones do.
CALL = "account.spend(2)\nimport time; time.sleep(0.1)"


def test_idle_spending_is_a_row_of_its_own(shell: Shell, demo_server: DemoServer) -> None:
    shell.cells.timing = SettleTiming(late_horizon=0)
    settled(shell, SPEND)
    demo_server.account.spend("3.5")
    settled(shell, SPEND)
    costs = shell.run("%evolink_costs").value
    assert {row.name: row.total for row in costs.rows} == {SPEND: 4, ledger.IDLE_NAME: Decimal("3.5")}
    # Nothing went while nothing ran after that.
    settled(shell, SPEND)
    assert [row.runs for row in shell.run("%evolink_costs").value.rows if row.kind == "idle"] == [1]


def test_named_cell_has_one_row_of_that_name(shell: Shell) -> None:
    """Also when it has been edited meanwhile."""
    for amount in (2, 3):
        shell.run(f"{LINE} --name 'the judge' -o cost\n# a title\naccount.spend({amount})")
        assert shell.ip.user_ns["cost"].wait(30)
    costs = shell.run("%evolink_costs").value
    assert [(row.name, row.runs, row.total) for row in costs.rows] == [("the judge", 2, 5)]


def test_unmetered_cell_is_no_idle_spending(shell: Shell) -> None:
    settled(shell, SPEND)
    shell.run("account.spend(5)")
    settled(shell, SPEND)
    assert [row.kind for row in shell.run("%evolink_costs").value.rows] == ["cell"]


def test_settling_cell_is_no_idle_spending(shell: Shell, demo_server: DemoServer) -> None:
    shell.cells.timing = SettleTiming(late_horizon=0)
    demo_server.account.settle_after = (60, 60)
    shell.run(f"{LINE} --settle 2 -o first\naccount.spend(2)")
    shell.run(f"{LINE}\naccount.reserve(3)")
    # What is reserved keeps it waiting until its time to settle is up.
    assert shell.ip.user_ns["first"].wait(30)
    settled(shell, "pass")
    costs = shell.run("%evolink_costs").value
    assert {row.name: row.total for row in costs.rows} == {
        "account.spend(2)": 2,
        "account.reserve(3)": 3,
        "pass": 0,
    }


def test_idle_spending_between_tracked_cells(
    shell: Shell, demo_server: DemoServer, book: MemoryLedger
) -> None:
    shell.cells.timing = SettleTiming(late_horizon=0)
    shell.run("%evolink_track on")
    shell.run(CALL)
    wait_until(lambda: book.entries() and book.entries()[0].cost.settled)
    shell.ip.user_ns["fetcher"] = fetcher = the_fetcher()
    wait_until(lambda: not active_measurements.all())
    demo_server.account.spend("3.5")
    fetcher.read()
    shell.run("before = fetcher.updated_at\nwhile fetcher.updated_at == before: fetcher.read()")
    wait_until(lambda: len(book.entries()) == 2)
    assert [(entry.kind, entry.cost.token) for entry in book.entries()] == [
        ("cell", Decimal(2)),
        ("idle", Decimal("3.5")),
    ]


def test_simulated_costs_are_said_to_be(shell: Shell, demo_server: DemoServer) -> None:
    settled(shell, "account.spend(2)")
    demo_server.fault(status=503)
    shell.run(f"{LINE} -o cost\npass")
    assert (shell.ip.user_ns["cost"].credits, shell.ip.user_ns["cost"].simulated) == (None, True)
    assert "in EvoLink credits (demo data)" in shell.run("%evolink_costs").out


def test_failing_ledger_ends_no_settling(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shell.run(f"{LINE} -o first\npass")
    with monkeypatch.context() as broken:
        broken.setattr(MemoryLedger, "entries", None)
        assert shell.ip.user_ns["first"].wait(30)
        wait_until(lambda: caplog.records)
    assert "a settled cost failed" in caplog.text
    shell.run(f"{LINE} -o second\n{SPEND}")
    assert shell.ip.user_ns["second"].wait(30)
    assert shell.ip.user_ns["second"].token == 2


# -- without an account --------------------------------------------------------------------------------


@dataclass
class StubMeasurement:
    """What a measured cell is told by, at one moment."""

    cost: Cost = field(default_factory=Cost)
    seconds: float = 1.0
    recorded: list[tuple[str, str, str]] = field(default_factory=list)
    before: Credits | None = None
    fetcher: object = None
    is_abandoned: bool = False

    @property
    def is_recorded(self) -> bool:
        return bool(self.recorded)

    def record(self, kind: str, *, key: str, name: str) -> None:
        self.recorded.append((kind, key, name))

    def abandon(self) -> None:
        self.is_abandoned = True


def metered(options: Namespace | None = None) -> tuple[MeteredCell, list[MeteredCell]]:
    """A cell, asked to be measured where it has options, and a list that it is in once its cost is final."""
    ended: list[MeteredCell] = []
    return MeteredCell("key", "name", options, on_final=lambda cell, _: ended.append(cell)), ended


def measured(**values: Any) -> Any:
    return StubMeasurement(**values)


SPENT, NOTHING = Cost(token=Decimal(2)), Cost(token=Decimal(0))


@pytest.mark.parametrize(("cost", "is_kept"), [(SPENT, True), (NOTHING, False), (Cost(), False)])
def test_tracked_cell_is_kept_once_it_spent(cost: Cost, is_kept: bool) -> None:
    (cell, _), measurement = metered(), measured(cost=cost)
    for _ in range(2):
        cell.changed(measurement)
    assert measurement.recorded == ([("cell", "key", "name")] if is_kept else [])


@pytest.mark.parametrize(("seconds", "is_kept"), [(1.0, True), (MIN_CALL_SECONDS / 2, False)])
def test_unknown_cost_is_kept_if_possible(seconds: float, is_kept: bool) -> None:
    (cell, ended), measurement = metered(), measured(seconds=seconds)
    cell.final(measurement)
    assert measurement.is_recorded == is_kept
    assert ended == [cell]


def test_refused_cell_is_not_measured() -> None:
    cell, ended = metered(Namespace(quiet=False))
    cell.measurement = measurement = measured()
    cell.refuse()
    assert (cell.is_refused, cell.measurement, measurement.is_abandoned, ended) == (True, None, True, [])
