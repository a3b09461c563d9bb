"""How budgets stop cells, or keep them from running, in IPython's own ways."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from evolink_nb import BudgetExceeded
from evolink_nb.metering.budgets.registry import budgets
from evolink_nb.notebook.refusal import CellRefused
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.metered import LINE, NOTE_READINGS, endless, settled_cost, stopped_at_first
from tests.support.shell import (
    Shell,
    cost_line,
    interrupted_at_its_reading,
    the_fetcher,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from evolink_nb.metering.ledger import MemoryLedger

# Each spends 1 credit at a step; the last line is where it then is.
STEPS = f"{NOTE_READINGS}\ndef step(): noted(lambda: account.spend(1))\n"

WHERE = {
    **endless("step()"),
    "a blocking read": (
        "import socket\nwith socket.create_connection(silent, timeout=60) as connection:\n"
        "    for _ in range(5): step()\n    connection.recv(1)"
    ),
    "a timed loop": "%%time\nwhile True:\n    step(); time.sleep(0.02)",
    "a loop below %%time": "%%time\n%%evolink_credits --max 5\nwhile True:\n    step(); time.sleep(0.02)",
}


def test_limit_needs_a_balance(shell: Shell, demo_server: DemoServer, book: MemoryLedger) -> None:
    demo_server.fault(status=401)
    shown = shell.run(f"{LINE} --max 5\nran = True")
    assert isinstance(shown.error, CellRefused)
    assert "ran" not in shell.ip.user_ns
    assert shown.out.startswith("CellRefused: The cell was not run: --max can't be watched")
    assert "cost" not in shown.out
    assert "Traceback" not in shown.out
    assert book.entries() == ()
    demo_server.clear_faults()
    assert shell.run(f"{LINE} --max 5\n6 * 7").value == 42


@pytest.mark.parametrize("options", ["", " --max 5"])
def test_interrupted_reading_refuses_cell(
    shell: Shell, demo_server: DemoServer, book: MemoryLedger, options: str
) -> None:
    demo_server.fault(latency=600)
    with interrupted_at_its_reading(demo_server):
        shown = shell.run(f"{LINE}{options}\nran = True")
    assert isinstance(shown.error, CellRefused)
    assert shown.out.strip().splitlines() == [
        "CellRefused: The cell was not run: it was interrupted while the balance was read."
    ]
    assert "ran" not in shell.ip.user_ns
    assert book.entries() == ()
    demo_server.clear_faults()
    assert shell.run("6 * 7").value == 42


@pytest.mark.parametrize("where", WHERE)
def test_limit_stops_the_cell(shell: Shell, where: str) -> None:
    work = WHERE[where]
    shell.run(STEPS)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        shell.ip.user_ns["silent"] = silent.getsockname()
        shown = shell.run(work if LINE in work else f"{LINE} --max 5\n{work}")
    assert isinstance(shown.error, BudgetExceeded)
    assert 5 <= shown.error.spent <= len(shell.ip.user_ns["begun"])
    assert "BudgetExceeded: --max 5 stopped the work at " in shown.out
    assert "Traceback" not in shown.out
    assert stopped_at_first(shown.out, shell.ip.user_ns["over"])
    # Nothing is left that could stop or change what comes next.
    assert not budgets.any_armed()
    shell.run("after = 6 * 7")
    assert shell.ip.user_ns["after"] == 42
    assert not the_fetcher().running


def test_cell_within_its_limit_goes_on(shell: Shell) -> None:
    shown = shell.run(f"{LINE} --max 5 --settle 30\naccount.spend(4)\n6 * 7")
    assert (shown.value, shown.error) == (42, None)
    assert settled_cost(cost_line(shown)) == "4 credits"


def test_interrupt_of_limited_cell_stays_one(shell: Shell) -> None:
    shown = shell.run(f"{LINE} --max 5\nimport signal; signal.raise_signal(signal.SIGINT)")
    assert isinstance(shown.error, KeyboardInterrupt)
    assert "BudgetExceeded" not in shown.out
    assert "signal.raise_signal(signal.SIGINT)" in shown.out  # where it was


def test_error_of_limited_cell_is_its_own(shell: Shell) -> None:
    shown = shell.run(f"{LINE} --max 5\n1 / 0")
    assert isinstance(shown.error, ZeroDivisionError)


def test_other_exception_handlers_go_on(shell: Shell) -> None:
    seen: list[BaseException] = []

    def show(_shell: Any, _kind: Any, error: BaseException, _trace: Any, tb_offset: Any = None) -> None:  # noqa: ARG001 - IPython's own
        seen.append(error)

    shell.ip.set_custom_exc((ZeroDivisionError,), show)
    before = shell.ip.custom_exceptions, shell.ip.CustomTB
    shell.run(f"{LINE} --max 5\n1 / 0")
    shell.run(f"{LINE} --max 5\naccount.spend(5)\nimport time; time.sleep(60)")
    assert (shell.ip.custom_exceptions, shell.ip.CustomTB) == before
    assert [type(error) for error in seen] == [ZeroDivisionError]
    shell.ip.set_custom_exc((), None)


def test_handler_that_a_cell_sets_stays(shell: Shell) -> None:
    def show(_shell: Any, _kind: Any, _error: Any, _trace: Any, tb_offset: Any = None) -> None:
        pass

    shell.ip.user_ns["show"] = show
    shell.run(f"{LINE} --max 5\nget_ipython().set_custom_exc((ZeroDivisionError,), show)")
    assert shell.ip.custom_exceptions == (ZeroDivisionError,)
    shell.ip.set_custom_exc((), None)


def test_session_stops_the_cell_that_sets_it(shell: Shell) -> None:
    shell.run(STEPS)
    shown = shell.run(f"import evolink_nb\nsession = evolink_nb.budget(5)\n{WHERE['a retry loop']}")
    assert isinstance(shown.error, BudgetExceeded)
    assert "The session's budget of 5 credits stopped the work" in shown.out
    assert "KeyboardInterrupt" not in shown.out
    shell.run("session.cancel()")


def test_session_set_after_a_magic_is_shown(shell: Shell) -> None:
    """What measures cells is imported by the magic, within the cell that the budget then stops."""
    shell.run(STEPS)
    budget = "import evolink_nb\nsession = evolink_nb.budget(5)"
    shown = shell.run(f"c = %evolink_credits\n{budget}\n{WHERE['a retry loop']}")
    assert isinstance(shown.error, BudgetExceeded)
    assert "KeyboardInterrupt" not in shown.out
    assert shell.run("session.exceeded is None").value
    shell.run("session.cancel()")


def test_session_counts_across_cells(shell: Shell) -> None:
    """Once it is spent, cells that spend nothing still run."""
    shell.run(STEPS)
    assert shell.run("import evolink_nb; session = evolink_nb.budget(5)").error is None
    assert shell.run("for _ in range(3): step()").error is None
    shown = shell.run(WHERE["a retry loop"])
    assert isinstance(shown.error, BudgetExceeded)
    assert "The session's budget of 5 credits stopped the work" in shown.out
    assert "KeyboardInterrupt" not in shown.out
    fetcher = the_fetcher()
    wait_until(lambda: not fetcher.running)

    # What the stopped cell began shows only now: it is nothing that the next one spends.
    shell.ip.user_ns["account"].spend(4)
    shell.ip.user_ns["fetcher"] = fetcher
    watched = shell.run(
        "revision = fetcher.revision\nwhile fetcher.revision < revision + 4: time.sleep(0.01)\n6 * 7"
    )
    assert (watched.value, watched.error) == (42, None)
    assert isinstance(shell.run(WHERE["a retry loop"]).error, BudgetExceeded)
    shell.run("session.cancel()")
    assert shell.run("step(); 6 * 7").value == 42


def test_session_knows_what_settled(shell: Shell) -> None:
    shell.run("import evolink_nb; session = evolink_nb.budget(5)")
    shell.run(f"{LINE} --settle 30\naccount.spend(7); account.settle_all()")
    assert shell.run("session.left").value == -2
    shell.ip.user_ns["fetcher"] = the_fetcher()
    # It is over; yet no later cell has spent it.
    watched = shell.run("revision = fetcher.revision\nwhile fetcher.revision < revision + 4: pass\n6 * 7")
    assert (watched.value, watched.error) == (42, None)
    shell.run("session.cancel()")


def test_session_rests_after_another_stop(shell: Shell) -> None:
    shell.run("import evolink_nb, time; session = evolink_nb.budget(100)")
    shown = shell.run(f"{LINE} --max 2\naccount.spend(3)\ntime.sleep(60)")
    assert isinstance(shown.error, BudgetExceeded)
    assert "--max 2" in shown.error.name
    assert not budgets.any_armed()
    shell.run("session.cancel()")


def test_interrupt_at_cell_end_arms_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.run("import evolink_nb; session = evolink_nb.budget(100)")
    real = CreditsFetcher.detach

    def interrupted(*_args: Any) -> None:
        monkeypatch.setattr(CreditsFetcher, "detach", real)
        raise KeyboardInterrupt

    monkeypatch.setattr(CreditsFetcher, "detach", interrupted)
    shown = shell.run(f"{LINE} --max 50 --settle 5\npass")
    assert not budgets.any_armed()
    assert shell.ip.custom_exceptions == ()
    assert "nothing spent" in shown.out
    shell.run("session.cancel()")


def test_interrupted_session_reading_refuses(shell: Shell, demo_server: DemoServer) -> None:
    """A spent session reads before each cell: interrupted there, the cell is not run."""
    shell.run("import evolink_nb; session = evolink_nb.budget(5)")
    assert isinstance(shell.run("account.spend(5)\nimport time; time.sleep(60)").error, BudgetExceeded)
    demo_server.fault(latency=600)
    with interrupted_at_its_reading(demo_server):
        shown = shell.run("ran = True")
    assert isinstance(shown.error, CellRefused)
    assert "ran" not in shell.ip.user_ns
    demo_server.clear_faults()
    assert shell.run("6 * 7").value == 42
    shell.run("session.cancel()")


def test_first_budget_to_trip_is_named(shell: Shell) -> None:
    shell.run(STEPS)
    shell.run("import evolink_nb; session = evolink_nb.budget(3)")
    shown = shell.run(f"{LINE} --max 50\n{WHERE['a retry loop']}")
    assert isinstance(shown.error, BudgetExceeded)
    assert "session" in shown.error.name
    shell.run("session.cancel()")


def test_swallowed_stop_is_said_at_once(shell: Shell) -> None:
    shell.run("%evolink_credits")
    fetcher = the_fetcher()
    shell.ip.user_ns["fetcher"] = fetcher
    stubborn = (
        "import time\nheld = 0\nwhile not fetcher.notice:\n    try:\n"
        "        while not fetcher.notice: account.spend(1); time.sleep(0.01)\n"
        "    except BaseException:\n        held += 1\nnotice = fetcher.notice"
    )
    shown = shell.run(f"{LINE} --max 5\n{stubborn}")
    assert isinstance(shown.error, BudgetExceeded)
    assert shell.ip.user_ns["held"] >= 2
    assert "still running" in shown.err
    assert "still running" in shell.ip.user_ns["notice"]
    assert fetcher.notice == ""


def test_no_interrupt_once_the_code_is_done(shell: Shell) -> None:
    seen: list[bool] = []

    def spend_and_wait_for_the_stop() -> None:
        shell.ip.user_ns["account"].spend(5)
        while budgets.stopped(threading.get_ident()) is None:
            pass
        seen.append(True)

    shell.ip.events.register("post_execute", spend_and_wait_for_the_stop)
    shown = shell.run("%%evolink_credits --max 2 -q\n1")
    shell.ip.events.unregister("post_execute", spend_and_wait_for_the_stop)
    assert seen == [True]
    assert "KeyboardInterrupt" not in shown.out + shown.err
    assert isinstance(shown.error, BudgetExceeded)


def test_a_stop_opens_no_debugger(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """``%pdb on`` is for errors of the work, and stays on for those."""
    opened: list[bool] = []
    monkeypatch.setattr(shell.ip, "debugger", lambda force=False: opened.append(force))
    shell.run("%pdb on")
    shown = shell.run(f"{LINE} --max 5 --settle 30\naccount.spend(7)\nimport time; time.sleep(30)")
    assert isinstance(shown.error, BudgetExceeded)
    assert "Traceback" not in shown.out + shown.err
    assert (opened, shell.ip.call_pdb) == ([], True)
    shell.run(f"{LINE} --max 5\n1 / 0")
    assert opened == [True]
    shell.run("%pdb off")
