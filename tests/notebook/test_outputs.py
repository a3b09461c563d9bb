"""What is shown and rewritten later: live outputs, lines under cells, the cards' outlook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolink_nb.notebook.shown_line import PrintedLine
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


def test_change_is_printed_after_later_cell(shell: Shell, demo_server: DemoServer) -> None:
    demo_server.account.settle_after = (0.3, 0.3)
    shell.run(f"{LINE} -o cost\naccount.reserve(2, cost=1)")
    assert shell.ip.user_ns["cost"].wait(30)
    assert settled_cost(cost_line(shell.run("pass"))) == "account.reserve(2, cost=1): 1 credit"
    assert shell.run("pass").out == ""


def test_change_at_cell_end_is_printed_later(
    shell: Shell, demo_server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What settles while a later cell ends is printed after the next."""
    demo_server.account.settle_after = (0.3, 0.3)
    shell.run(f"{LINE}\naccount.reserve(2, cost=1)")
    send_again = PrintedLine.send_again

    def send_and_settle(line: PrintedLine) -> None:
        send_again(line)
        wait_until(lambda: line.over)

    with monkeypatch.context() as slow:
        slow.setattr(PrintedLine, "send_again", send_and_settle)
        shell.run("pass")
    assert settled_cost(cost_line(shell.run("pass"))) == "account.reserve(2, cost=1): 1 credit"
    assert shell.run("pass").out == ""


def test_cards_say_how_many_runs_are_left(shell: Shell, demo_server: DemoServer) -> None:
    settled(shell, "account.spend('95.3996')")
    fetcher = the_fetcher()
    wait_until(lambda: fetcher.outlook)
    assert fetcher.outlook == "enough for about 10 more runs of account.spend('95.3996')"
    demo_server.account.spend("800")
    fetcher.read()
    assert fetcher.outlook == "enough for about 2 more runs of account.spend('95.3996')"
    settled(shell, "account.spend('100')")
    outlook = "enough for about 1 more run of account.spend('100')"
    wait_until(lambda: fetcher.outlook == outlook)
    assert outlook in shell.run("%evolink_credits").out
    # A cell that spends nothing says nothing about the next one.
    settled(shell, "6 * 7")
    assert fetcher.outlook == outlook
    demo_server.account.spend("50")
    fetcher.read()
    assert fetcher.outlook == "not enough for another run of account.spend('100')"


def test_unloaded_cell_says_nothing_on_cards(shell: Shell, demo_server: DemoServer) -> None:
    demo_server.account.settle_after = (60, 60)
    shell.run(f"{LINE}\naccount.reserve(2)")
    fetcher = the_fetcher()
    shell.ip.run_line_magic("unload_ext", "evolink_nb")
    assert nothing_settles()
    assert fetcher.outlook == ""
    shell.ip.run_line_magic("load_ext", "evolink_nb")
