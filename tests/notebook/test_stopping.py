"""How a cell is stopped in IPython's own ways, and that nothing of it is left behind."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from evolink_nb import BudgetExceeded
from evolink_nb.metering.budget_registry import budgets
from tests.support.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evolink_nb.demo import DemoServer


@pytest.fixture
def shell(simulated_account: DemoServer) -> Iterator[Shell]:
    """A shell with the extension, the account and `time` in its namespace."""
    shell = Shell()
    shell.run("import time")
    shell.ip.user_ns["account"] = simulated_account.account
    yield shell
    shell.close()


def test_an_interrupt_never_comes_once_the_cells_code_is_done(shell: Shell) -> None:
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
