"""What cells and the time between them cost, in the ledger."""

from __future__ import annotations

import functools
from decimal import Decimal
from typing import TYPE_CHECKING

from evolink_nb.metering import ledger
from evolink_nb.metering.active import active_measurements
from evolink_nb.metering.ledger import MemoryLedger
from evolink_nb.metering.settlement import SettleTiming
from evolink_nb.notebook import cells
from tests.support.metered import LINE
from tests.support.shell import (
    Shell,
    settled,
    the_fetcher,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import pytest

    from evolink_nb.demo import DemoServer

SPEND = "account.spend(2)"

# A call takes its time, as real ones do.
CALL = "account.spend(2)\nimport time; time.sleep(0.1)"


def test_idle_spending_is_a_row_of_its_own(shell: Shell, demo_server: DemoServer) -> None:
    settled(shell, SPEND)
    demo_server.account.spend("3.5")
    settled(shell, SPEND)
    costs = shell.run("%evolink_costs").value
    assert {row.name: row.total for row in costs.rows} == {SPEND: 4, ledger.IDLE_NAME: Decimal("3.5")}
    # Nothing went while nothing ran after that.
    settled(shell, SPEND)
    assert [row.runs for row in shell.run("%evolink_costs").value.rows if row.kind == "idle"] == [1]


def test_unmetered_cell_is_no_idle_spending(shell: Shell) -> None:
    settled(shell, SPEND)
    shell.run("account.spend(5)")
    settled(shell, SPEND)
    assert [row.kind for row in shell.run("%evolink_costs").value.rows] == ["cell"]


def test_settling_cell_is_no_idle_spending(
    shell: Shell, demo_server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "SettleTiming", functools.partial(SettleTiming, shared_after=0.3))
    demo_server.account.settle_after = (60, 60)
    shell.run(f"{LINE} -o first\naccount.spend(2)")
    shell.run(f"{LINE}\naccount.reserve(3)")
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
    assert "could not be shown" in caplog.text
    shell.run(f"{LINE} -o second\n{SPEND}")
    assert shell.ip.user_ns["second"].wait(30)
    assert shell.ip.user_ns["second"].token == 2
