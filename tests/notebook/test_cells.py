"""Measured cells in a shell: what the line under one says, and what tracking adds."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from evolink_nb.api import credentials
from evolink_nb.demo import OTHER_KEY
from evolink_nb.metering.attribution.work import MIN_CALL_SECONDS
from evolink_nb.metering.settlement import SettleTiming
from evolink_nb.notebook.refusal import CellRefused
from tests.support.metered import LINE, settled_cost
from tests.support.shell import (
    Shell,
    cost_line,
    nothing_settles,
    settled,
    the_fetcher,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import pytest

    from evolink_nb.demo import DemoServer
    from evolink_nb.metering.ledger import MemoryLedger

SPEND = "account.spend(2)"

TRACKING_ON = "Tracking on: cells that spend will show their cost.\n"

TRACKING_OFF = "Tracking off: only cells with %%evolink_credits show their cost.\n"

# A call takes its time, as real ones do.
CALL = "account.spend(2)\nimport time; time.sleep(0.1)"


def test_line_says_the_cost(shell: Shell) -> None:
    line = cost_line(settled(shell, "account.spend('1.36')"))
    assert settled_cost(line) == "1.36 credits"
    assert line.endswith(" · 1,094.0396 left · about 804 more runs like this")


def test_line_says_what_others_spent(shell: Shell) -> None:
    shell.cells.timing = SettleTiming(late_horizon=0)
    shell.ip.user_ns["other"] = OTHER_KEY
    line = cost_line(settled(shell, "account.spend(1); account.spend(4, key=other)"))
    assert line.startswith("1 credit · ")
    assert "4 by others on the account" in line
    assert "shared" in line


def test_cell_waits_for_first_figure_only(shell: Shell, demo_server: DemoServer) -> None:
    demo_server.account.settle_after = (60, 60)
    shown = shell.run(f"{LINE}\naccount.reserve(2)")
    assert cost_line(shown).startswith("2 credits · settling … · ")


def test_interrupted_cell_says_its_cost(shell: Shell) -> None:
    shown = shell.run(f"{LINE}\naccount.spend(2)\nimport signal; signal.raise_signal(signal.SIGINT)")
    assert isinstance(shown.error, KeyboardInterrupt)
    assert cost_line(shown).startswith("2 credits · ")


def test_cost_is_kept_in_a_variable(shell: Shell) -> None:
    shown = shell.run(f"{LINE} -o cost\nseen = cost.confidence\naccount.spend(2)")
    assert shown.error is None
    cost = shell.ip.user_ns["cost"]
    assert shell.ip.user_ns["seen"] == "unknown"
    assert cost.wait(30)
    assert (cost.token, cost.user, cost.others, cost.confidence) == (2, 2, 0, "clean")


def test_quiet_cell_keeps_its_cost(shell: Shell, book: MemoryLedger) -> None:
    shown = shell.run(f"{LINE} -q -o cost\naccount.spend(2)")
    assert (shown.displays, shown.err) == ([], "")
    assert "credits" not in shown.out
    assert shell.ip.user_ns["cost"].wait(30)
    assert "credits" not in shell.run("pass").out
    [entry] = book.entries()
    assert entry.cost.token == 2


def test_unreadable_cost_is_unknown(shell: Shell, demo_server: DemoServer, book: MemoryLedger) -> None:
    demo_server.fault(status=401)
    shown = settled(shell, "6 * 7")
    assert shown.value == 42
    assert cost_line(shown).startswith("cost unknown: the balance could not be read")
    [entry] = book.entries()
    assert entry.cost.credits is None


def test_cell_runs_without_a_key(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(credentials.API_KEY_VARIABLE)
    shown = shell.run(f"{LINE} -o cost\n6 * 7")
    assert shown.value == 42
    [line] = shown.displays
    assert line["text/plain"].startswith("cost unknown: ")
    cost = shell.ip.user_ns["cost"]
    assert cost.wait(1)
    assert (cost.credits, cost.confidence) == (None, "unknown")
    assert "No EvoLink API key was found." in cost.reason
    assert isinstance(shell.run(f"{LINE} --max 5\nran = True").error, CellRefused)
    assert "ran" not in shell.ip.user_ns


def test_tracked_cells_that_spend_get_a_line(shell: Shell, book: MemoryLedger) -> None:
    assert shell.run("%evolink_track").out == TRACKING_OFF
    assert shell.run("%evolink_track on").out == TRACKING_ON
    wait_until(lambda: the_fetcher().credits)
    assert shell.run("6 * 7").out.endswith(" 42\n")
    wait_until(nothing_settles)
    # A reading that comes while the cell still runs may tell its cost at once.
    said = [shell.run(CALL).out, shell.run("pass").out]
    wait_until(lambda: book.entries() and book.entries()[-1].cost.settled)

    def is_said() -> bool:
        said.append(shell.run("pass").out)
        return "2 credits · " in said[-1] and "settling" not in said[-1]

    wait_until(is_said)
    assert "nothing spent" not in "".join(said)
    # A cell that waited for another thread may have made a call, as far as can be told: it has a line too.
    spent = [(entry.kind, entry.name, entry.cost.token) for entry in book.entries() if entry.cost.token]
    assert spent == [("cell", CALL.splitlines()[0], Decimal(2))]
    assert shell.run("%evolink_track off").out == TRACKING_OFF
    shell.run(CALL)
    wait_until(lambda: not the_fetcher().running)
    assert sum(bool(entry.cost.token) for entry in book.entries()) == 1


def test_cell_on_another_key_supersedes(
    shell: Shell, demo_server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANOTHER_KEY", demo_server.key_of(OTHER_KEY))
    demo_server.account.settle_after = (60, 60)
    shell.run(f"{LINE} -o first\naccount.reserve(2, cost=2)")
    shell.run(f"{LINE} --key-env ANOTHER_KEY\naccount.reserve(3, cost=3)\nimport time; time.sleep(0.2)")
    demo_server.account.settle_all()
    assert shell.ip.user_ns["first"].wait(30)
    assert shell.ip.user_ns["first"].confidence != "clean"


def test_metered_cell_is_tracked_once(shell: Shell, book: MemoryLedger) -> None:
    shell.run("%evolink_track on")
    settled(shell, SPEND)
    assert [entry.cost.token for entry in book.entries()] == [2]


def test_unreadable_tracked_cost_is_no_zero(
    shell: Shell, demo_server: DemoServer, book: MemoryLedger
) -> None:
    demo_server.fault(status=401)
    shown = shell.run("%evolink_track on")
    assert (shown.out, shown.error) == (TRACKING_ON, None)
    assert "Their costs can't be read at the moment: EvoLink answered 401" in shown.err
    shell.run(CALL)
    wait_until(nothing_settles)
    assert [entry.cost.credits for entry in book.entries()] == [None]
    assert cost_line(shell.run("pass")).startswith(
        "account.spend(2): cost unknown: the balance could not be read: "
    )
    wait_until(nothing_settles)
    # What was too short to have made a call has no entry; on a busy machine a `pass` may take longer.
    assert all(entry.cost.seconds >= MIN_CALL_SECONDS for entry in book.entries())
