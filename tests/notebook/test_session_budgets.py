"""``%evolink_budget``: shows, sets, changes and cancels what watches the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from IPython.core.error import UsageError

from evolink_nb import BudgetExceeded
from evolink_nb.errors import AuthenticationError
from evolink_nb.metering.session_budget import session_budgets
from tests.support.metered import endless

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.shell import Shell

BUDGET = "%evolink_budget"
ENDLESS = endless("account.spend(1)")["a sleep"]


def test_a_budget_is_set_shown_and_cancelled(shell: Shell) -> None:
    assert shell.run(BUDGET).out == "No budget is set.\n"
    assert shell.run(f"{BUDGET} 20").out == "The session's budget of 20 credits is set.\n"
    shell.run("account.spend(3)")
    assert shell.run(BUDGET).out.splitlines() == [
        "budget   spent  left  limit",
        "session      3    17     20",
    ]
    assert shell.run(f"{BUDGET} off").out == "The session's budget of 20 credits is off.\n"
    assert shell.run(BUDGET).out == "No budget is set.\n"
    assert shell.run(f"{BUDGET} off").out == "No budget is set.\n"


def test_a_budget_that_is_set_stops_cells(shell: Shell) -> None:
    shell.run(f"{BUDGET} 3")
    shown = shell.run(ENDLESS)
    assert isinstance(shown.error, BudgetExceeded)
    assert "The session's budget of 3 credits stopped the work" in shown.out


def test_a_changed_budget_goes_on_counting(shell: Shell) -> None:
    shell.run(f"{BUDGET} 3 --name big --warn-at 0 --max-blind 7")
    assert isinstance(shell.run(ENDLESS).error, BudgetExceeded)
    [changed] = session_budgets()
    spent = changed.spent
    said = shell.run(f"{BUDGET} 50 --name big --grace 5").out
    left = 50 - spent
    assert f"of 50 credits is set: {spent} credits spent already, {left} left." in said
    assert session_budgets() == [changed]
    assert changed.max_credits == 50
    assert changed.left == left
    assert changed.options.warn_at is None
    assert (changed.options.timing.grace, changed.options.timing.max_blind) == (5, 7)
    assert shell.run("account.spend(2); 1").value == 1
    stopped = shell.run(f"{BUDGET} {int(spent) + 3} --name big\n{ENDLESS}").error
    assert isinstance(stopped, BudgetExceeded)
    assert stopped.spent >= spent + 3


def test_a_namesake_takes_the_place(shell: Shell) -> None:
    """Whether from Python or by the magic; a budget of another name stays."""
    shell.run("from evolink_nb import budget\nfirst = budget(2)\nother = budget(30, name='other')")
    shell.run("account.spend(2)")
    for _ in range(2):  # as when the same cell is run again
        shell.run("first = budget(20)")
    assert [each.label for each in session_budgets()] == ["other", "session"]
    shell.run("account.spend(4)")
    assert shell.run("first.left").value == 16
    shell.run(f"{BUDGET} off --name session")
    assert [each.label for each in session_budgets()] == ["other"]


def test_a_nested_namesake_ends(shell: Shell) -> None:
    shell.run("from evolink_nb import budget\nouter = budget(20)\nwith budget(5):\n    account.spend(1)")
    assert [each.max_credits for each in session_budgets()] == [20]
    assert shell.run("outer.spent").value == 1


def test_what_is_left_is_read_after_work(shell: Shell) -> None:
    """A cell may end before a reading shows what it spent."""
    shell.run("from evolink_nb import budget\nsession = budget(20)")
    for number in range(1, 4):
        shell.run("account.spend(1)")
        assert shell.run("session.spent, session.left").value == (number, 20 - number)


def test_all_budgets_in_force_are_shown(shell: Shell) -> None:
    """A running cell's, a meter's and a loop's too, while they are in force."""
    shell.run(f"{BUDGET} 20")
    work = (
        "from evolink_nb import meter, track\naccount.spend(1)\n"
        "with meter(max_credits=7, name='draft', settle=0):\n"
        "    for _ in track(range(1), max_credits=9, description='pages'):\n        %evolink_budget"
    )
    shown = shell.run(f"%%evolink_credits --max 5 -q\n{work}")
    assert shown.error is None
    rows = [line.rsplit(maxsplit=3) for line in shown.out.splitlines() if not line.startswith("Tracked")]
    table = rows[[row[0] for row in rows].index("budget") :][:5]
    assert [(row[0].strip(), row[-1]) for row in table] == [
        ("budget", "limit"),
        ("session", "20"),
        ("--max 5", "5"),
        ("The budget 'draft' (max_credits=7)", "7"),
        ("The loop 'pages' (max_credits=9)", "9"),
    ]
    assert table[1][1:3] == ["1", "19"]
    assert len(shell.run(BUDGET).out.splitlines()) == 2


def test_an_unreadable_budget_is_refused(shell: Shell, demo_server: DemoServer) -> None:
    shell.run(f"{BUDGET} 20")
    demo_server.fault(status=401)
    for source in (f"{BUDGET} 5 --name small", "from evolink_nb import budget; budget(5, name='small')"):
        shown = shell.run(source)
        assert isinstance(shown.error, AuthenticationError)
        assert "The budget 'small' of 5 credits is not set: it could not watch." in shown.out
    demo_server.clear_faults()
    assert [each.label for each in session_budgets()] == ["session"]


def test_stale_figures_are_said_to_be_so(shell: Shell, demo_server: DemoServer) -> None:
    shell.run(f"{BUDGET} 20")
    demo_server.fault(status=500)
    shown = shell.run(BUDGET)
    assert shown.error is None
    assert "The balance can't be read now, only as of 0 s ago: EvoLink answered 500" in shown.err
    assert "session      0    20     20" in shown.out


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("much", "'much' is not a number of credits above 0"),
        ("0", "'0' is not a number of credits above 0"),
        ("off --name other", "There is no budget named other. In force: session."),
        ("--name other", "There is no budget named other. In force: session."),
        ("--warn-at 0.5", "--warn-at goes with a number of credits"),
        ("off --grace 3", "--grace goes with a number of credits"),
        ("5 --warn-at 2", "'2' is not a number from 0 to 1"),
    ],
)
def test_bad_lines_say_what_to_type(shell: Shell, line: str, problem: str) -> None:
    shell.run(f"{BUDGET} 20")
    shown = shell.run(f"{BUDGET} {line}")
    assert isinstance(shown.error, UsageError)
    assert problem in shown.out + shown.err
