"""A budget that the configuration sets: before the first cell, once, and for the account in use."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from traitlets import TraitError

from evolink_nb import BudgetExceeded
from evolink_nb.metering.session_budget import session_budgets
from tests.support.metered import endless

if TYPE_CHECKING:
    from tests.support.shell import Shell

ENDLESS = endless("account.spend(1)")["a sleep"]
CONFIG = "%config EvoLinkMagics.budget ="


def test_it_watches_the_next_cell(shell: Shell) -> None:
    shell.run(f"{CONFIG} 3")
    stopped = shell.run(ENDLESS)
    assert isinstance(stopped.error, BudgetExceeded)
    assert "The session's budget of 3 credits stopped the work" in stopped.out


def test_it_is_set_once_and_may_be_changed(shell: Shell) -> None:
    shell.run(f"{CONFIG} '20'")
    shell.run("account.spend(1)")
    shell.run("%evolink_budget 50")
    assert [each.max_credits for each in session_budgets()] == [50]
    shell.run("%evolink_budget off")
    shell.run("account.spend(1)")
    assert session_budgets() == []


def test_it_says_once_why_it_waits(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.run(f"{CONFIG} 5")
    key = os.environ["EVOLINK_API_KEY"]
    monkeypatch.delenv("EVOLINK_API_KEY")
    shown = shell.run("6 * 7")
    assert shown.value == 42
    assert "The configured budget of 5 is not watching yet: " in shown.err
    assert shell.run("6 * 7").err == ""
    monkeypatch.setenv("EVOLINK_API_KEY", key)
    assert shell.run("6 * 7").err == ""
    assert [each.max_credits for each in session_budgets()] == [5]


def test_a_day_without_history_says_so(shell: Shell) -> None:
    shell.run(f"{CONFIG} '5/day'")
    assert "The configured budget of 5/day is not watching yet: No history is kept." in shell.run("1").err
    assert session_budgets() == []


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("much", "'much' is not a number of credits above 0"),
        ("5/year", "'5/year' is not a budget: write 50, 50/day, 50/week or 50/month"),
        (-1, "is not a number of credits above 0"),
    ],
)
def test_a_senseless_setting_is_refused(shell: Shell, value: object, problem: str) -> None:
    magics = shell.ip.magics_manager.registry["EvoLinkMagics"]
    with pytest.raises(TraitError, match=problem):
        magics.budget = value
    assert magics.budget == ""


@pytest.mark.parametrize("value", ["0", "''", "0.0"])
def test_none_is_set_for_nothing(shell: Shell, value: str) -> None:
    shell.run(f"{CONFIG} {value}")
    shell.run("6 * 7")
    assert session_budgets() == []


def test_a_line_sets_a_day_s_budget(shell: Shell) -> None:
    for line, problem in (
        ("5 --timezone UTC", "--timezone goes with --per"),
        ("5 --per day --timezone Berlin", "'Berlin' is not a time zone known here"),
        ("5 --per year", "invalid choice: 'year'"),
        ("off --per day", "There is no budget named day. No budget is set."),
    ):
        shown = shell.run(f"%evolink_budget {line}")
        assert problem in shown.out + shown.err + str(shown.error)
