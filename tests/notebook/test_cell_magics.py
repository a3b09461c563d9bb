"""The line `%%evolink_credits` above a cell: the cell runs as if it were not there."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from IPython.core.error import UsageError

from evolink_nb import BudgetExceeded
from tests.support.metered import LINE

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from evolink_nb.metering.ledger import MemoryLedger
    from tests.support.shell import (
        Shell,
    )


@pytest.mark.parametrize(
    "cell",
    [
        "account.spend(2)\n6 * 7",
        "import asyncio\nawait asyncio.sleep(0)\nasync with asyncio.Lock():\n    pass\n6 * 7",
        "x = 6 * 7",
        "# nothing but a comment",
        "\n\n6 * 7",
        "print('printed')\n'{not} $expanded'",
        "%%bash\necho from bash",
        "\n%%bash\necho from bash",
        "%%time\naccount.spend(2)\n6 * 7",
        "%pwd",
        "1 / 0",
        "what is this",
        "raise SystemExit",
        "from __future__ import annotations\n6 * 7",
        "\n%%bash?",
    ],
)
def test_cell_runs_as_without_the_line(shell: Shell, cell: str) -> None:
    bare, metered = shell.run(cell), shell.run(f"{LINE}\n{cell}")
    assert metered.value == bare.value
    assert type(metered.error) is type(bare.error)
    *shown, line = metered.out.splitlines()
    if "%%time" in cell:  # no two runs take the same time
        shown = [text.split(":")[0] for text in shown]
        assert shown == [text.split(":")[0] for text in bare.out.splitlines()]
    elif bare.error is None:
        assert shown == bare.out.splitlines()
    assert "nothing spent" in line or line.startswith("2 credits · ")


@pytest.mark.parametrize("cell", ["if True:\n6", "x = ", "'unclosed"])
def test_unreadable_code_has_no_cost(shell: Shell, book: MemoryLedger, cell: str) -> None:
    """It doesn't run at all."""
    bare, metered = shell.run(cell), shell.run(f"{LINE} --max 5\n{cell}")
    assert type(metered.error) is type(bare.error)
    assert "spent" not in metered.out
    assert book.entries() == ()


def test_tracebacks_name_visible_lines(shell: Shell) -> None:
    shown = shell.run(f"{LINE}\nx = 1\nx / 0")
    assert isinstance(shown.error, ZeroDivisionError)
    assert "line 3" in shown.out
    assert "evolink_nb" not in shown.out


def test_each_event_fires_once(shell: Shell) -> None:
    fired: list[str] = []
    events = {name: lambda *_, name=name: fired.append(name) for name in ("pre_run_cell", "post_run_cell")}
    for name, note in events.items():
        shell.ip.events.register(name, note)
    shell.run(f"{LINE}\n6 * 7")
    shell.run(f"{LINE}\n1 / 0")
    for name, note in events.items():
        shell.ip.events.unregister(name, note)
    # Of the cell in which they were registered, and the one in which they go, there is none.
    assert fired == ["pre_run_cell", "post_run_cell"] * 2


def test_typed_cell_ends_with_empty_line(shell: Shell) -> None:
    for typed in (LINE, f"{LINE}\nx = 1", f"{LINE} --max 5\nfor x in y:"):
        assert shell.ip.check_complete(typed)[0] == "incomplete"
    assert shell.ip.check_complete(f"{LINE}\nx = 1\n\n")[0] == "complete"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("--frobnicate", "unrecognized arguments: --frobnicate"),
        ("--max", "argument --max: expected one argument"),
        ("--max 0", "argument --max: '0' is not a number of credits above 0: write 5 or 0.5"),
        ("--max nan", "argument --max: 'nan' is not a number of credits above 0: write 5 or 0.5"),
        ("--max 5e3", "argument --max: '5e3' is not a number of credits above 0: write 5 or 0.5"),
        ("--settle -1", "argument --settle: '-1' is not a number of seconds: write 30 or 0.5"),
        ("--settle inf", "argument --settle: 'inf' is not a number of seconds: write 30 or 0.5"),
        ("-o 7up", "argument -o: '7up' is not the name of a variable: write cost or cost_2"),
        ("--max 'five", "No closing quotation"),
        ("--demo --key-env NAME", "--demo needs no key: leave out --key-env."),
    ],
)
def test_bad_options_keep_cell_from_running(
    shell: Shell, demo_server: DemoServer, options: str, complaint: str
) -> None:
    shown = shell.run(f"{LINE} {options}\nran = True")
    assert shown.error is not None
    assert complaint in shown.err + shown.out
    assert len((shown.err + shown.out).strip().splitlines()) == 1
    assert type(shown.error) is UsageError
    assert "ran" not in shell.ip.user_ns
    assert demo_server.requests_seen == {}


@pytest.mark.parametrize("magic", ["%%time", "%%capture shown"])
def test_magic_around_it_is_not_measured(shell: Shell, book: MemoryLedger, magic: str) -> None:
    shown = shell.run(f"{magic}\n{LINE} --settle 30\naccount.spend(2)\n6 * 7")
    assert shown.error is None
    [entry] = book.entries()
    assert (entry.name, entry.cost.token, entry.cost.confidence) == ("account.spend(2)", Decimal(2), "clean")
    if "capture" not in magic:
        assert "\n2 credits · " in shown.out
    failed = shell.run(f"{magic}\n{LINE}\n1 / 0")
    assert "evolink_nb" not in failed.out
    if "capture" not in magic:
        assert isinstance(failed.error, ZeroDivisionError)
    bad = shell.run(f"{magic}\n{LINE} --max none\nran = True")
    if "capture" not in magic:  # which keeps errors to itself
        assert "'none' is not a number of credits above 0: write 5 or 0.5" in str(bad.error)
    assert "ran" not in shell.ip.user_ns


@pytest.mark.parametrize(
    "cell",
    [
        f"  {LINE} --max 5\n  account.spend(5)\n  import time; time.sleep(60)",
        f"   \n{LINE} --max 5\naccount.spend(5)\nimport time; time.sleep(60)",
        f">>> {LINE} --max 5\n>>> account.spend(5)\n>>> import time; time.sleep(60)",
        f"In [1]: {LINE} --max 5\n   ...: account.spend(5)\n   ...: import time; time.sleep(60)",
    ],
    ids=["indented", "below a blank line", "with Python's prompts", "with IPython's prompts"],
)
def test_line_is_found_in_pasted_cells(shell: Shell, cell: str) -> None:
    assert isinstance(shell.run(cell).error, BudgetExceeded)
