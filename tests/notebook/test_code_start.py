"""The line `%%evolink_credits` where IPython announces no cell: it measures and watches, or refuses."""

from __future__ import annotations

import ast
import decimal
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.error import UsageError

from evolink_nb import BudgetExceeded
from evolink_nb.api.credentials import API_KEY_VARIABLE
from evolink_nb.metering.budgets.registry import budgets
from evolink_nb.metering.session_budget import SessionBudget
from evolink_nb.notebook.code_start import call_of_line, is_line
from evolink_nb.notebook.refusal import CellRefused
from tests.support.metered import LINE

if TYPE_CHECKING:
    from evolink_nb.metering.ledger import MemoryLedger
    from tests.support.shell import Shell, Shown

LIMITED = f"{LINE} --max 2\n"
ENDLESS = "import time\nwhile True:\n    account.spend(1); time.sleep(0.02)"
AWAITING = "import asyncio\nwhile True:\n    account.spend(1); await asyncio.sleep(0.02)"
SPEND = f"{LINE} --settle 30\naccount.spend(2)"


def is_stopped(shown: Shown) -> bool:
    """Whether `--max 2` stopped a cell, and said so; nothing of it is left."""
    assert not budgets.any_armed()
    return "--max 2 stopped the work" in shown.out


def keep(shell: Shell, cell: str) -> int:
    """Run a cell that IPython keeps, and return its number."""
    shell.run(cell, store_history=True)
    return int(shell.ip.execution_count) - 1


@pytest.mark.parametrize(
    "cell",
    [
        LIMITED + ENDLESS,
        f"{LIMITED}%%time\n{ENDLESS}",
        f"%%time\n{LIMITED}{ENDLESS}",
        f"%%timeit -n1 -r1\n{LIMITED}{ENDLESS}",
        f"{LIMITED}from __future__ import annotations\n{ENDLESS}",
        f"{LIMITED}import math\nfrom math import *\n{ENDLESS}",
        f"import IPython\nget_ipython().run_cell({LIMITED + ENDLESS!r}, silent=True).raise_error()",
    ],
)
def test_silent_cell_keeps_to_its_limit(shell: Shell, cell: str) -> None:
    shown = shell.run(cell, silent=True)
    assert is_stopped(shown)
    assert isinstance(shown.error, BudgetExceeded)
    assert shell.run("6 * 7").value == 42


def test_silent_cell_is_stopped_as_it_awaits(shell: Shell) -> None:
    """A terminal's event loop is what the interrupt ends: the cell itself stays suspended in it."""
    for _ in range(3):
        shown = shell.run(LIMITED + AWAITING, silent=True)
        assert is_stopped(shown)
        assert shown.error is not None
        shell.run("after = 6 * 7")
        assert shell.ip.user_ns.pop("after") == 42


def test_silent_cell_is_measured(shell: Shell, book: MemoryLedger) -> None:
    shown = shell.run(f"{SPEND}\nx = 6 * 7", silent=True)
    assert shown.error is None
    assert shown.out.startswith("2 credits · ")
    assert [(entry.name, entry.cost.token) for entry in book.entries()] == [("account.spend(2)", Decimal(2))]
    assert shell.ip.user_ns["x"] == 42


def test_error_of_silent_cell_is_its_own(shell: Shell) -> None:
    shown = shell.run(f"{LIMITED}x = 1\nx / 0", silent=True)
    assert isinstance(shown.error, ZeroDivisionError)
    assert "x / 0" in shown.out.replace("\x1b[43m", "") or "3" in shown.out
    assert "evolink_nb" not in shown.out


def test_bad_line_refuses_silent_cell(shell: Shell) -> None:
    shown = shell.run(f"{LINE} --max none\nran = True", silent=True)
    assert type(shown.error) is UsageError
    assert "ran" not in shell.ip.user_ns


def test_silent_cell_keeps_to_session_budget(shell: Shell) -> None:
    shell.run("import evolink_nb; session = evolink_nb.budget(3)")
    assert shell.run("x = 6 * 7", silent=True).error is None
    shown = shell.run(ENDLESS, silent=True)
    assert isinstance(shown.error, BudgetExceeded)
    assert "KeyboardInterrupt" not in shown.out
    assert not budgets.any_armed()
    shell.run("session.cancel()")


def test_file_of_cells_is_tracked(shell: Shell, book: MemoryLedger, tmp_path: Path) -> None:
    """A terminal runs a file's cells silently; a front end so runs code of its own, which isn't tracked."""
    shell.run("%evolink_track on")
    (tmp_path / "file.ipy").write_text("account.spend(2)\nimport time; time.sleep(0.1)")
    shell.ip.safe_execfile_ipy(tmp_path / "file.ipy")
    shell.cells.track(None)
    while not book.entries():
        shell.run("pass")
    assert [entry.name for entry in book.entries()] == ["account.spend(2)"]


def test_macro_keeps_to_its_limit(shell: Shell, book: MemoryLedger) -> None:
    number = keep(shell, f"{LINE} --max 2 --settle 30\n{ENDLESS}")
    shell.run(f"%macro -q again {number}")
    assert is_stopped(shell.run("again"))
    assert is_stopped(shell.run("again", silent=True))
    assert len(book.entries()) == 3


def test_line_amid_a_cell_is_a_part(shell: Shell, book: MemoryLedger) -> None:
    """What comes before it in the cell isn't measured, and the cell's value stays."""
    number = keep(shell, SPEND)
    shown = shell.run(f"account.spend(5)\nexec(In[{number}])\nexec(In[{number}])\n6 * 7")
    assert (shown.value, shown.error) == (42, None)
    assert [entry.cost.token for entry in book.entries()][1:] == [Decimal(2)] * 2


def test_saved_cells_keep_to_their_limit(shell: Shell, tmp_path: Path) -> None:
    number = keep(shell, LIMITED + ENDLESS)
    saved = tmp_path / "saved.py"
    shell.run(f"%save -f {saved} {number}")
    shell.run(f"%run -i {saved}")
    assert not budgets.any_armed()
    shell.ip.user_ns["saved"] = saved.read_text()
    assert isinstance(shell.run("exec(saved)").error, BudgetExceeded)


@pytest.mark.parametrize("options", ["", " --max 2"])
def test_code_without_an_end_is_refused(shell: Shell, options: str) -> None:
    """Without a limit it runs, and says that its cost is unknown."""
    number = keep(shell, f"{LINE}{options}\npass")
    elsewhere = "import threading; thread = threading.Thread(target=run); thread.start(); thread.join()"
    caught: list[BaseException] = []

    def run() -> None:
        code = shell.ip.user_ns["In"][number]
        try:
            exec(code + "\nran = True", shell.ip.user_ns)  # noqa: S102 - as users run what IPython keeps
        except CellRefused as error:
            caught.append(error)

    shell.ip.user_ns["run"] = run
    shown = shell.run(elsewhere)
    assert ("ran" in shell.ip.user_ns) == (not options)
    reasons = [str(error) for error in caught] if options else [shown.err]
    assert "doesn't tell when it ends" in reasons[0]


def test_typed_text_is_what_history_keeps(shell: Shell) -> None:
    number = keep(shell, f"{LINE}\n6 * 7")
    assert f"{LINE}\n6 * 7" in shell.run(f"%history {number}").out
    assert f"{LINE}\n6 * 7" in shell.run(f"%save -r -f /dev/null {number}").out


@pytest.mark.parametrize("options", ["", "--max 2", "'quoted' \\ \"twice\""])
def test_call_is_known_from_its_code(options: str) -> None:
    assert is_line(ast.parse(f"{call_of_line(options)}; x = 1").body[0])


@pytest.mark.parametrize(
    "code",
    [
        "pass",
        "f()",
        "get_ipython().run_cell_magic('evolink_credits', '', 'x = 1')",
        "get_ipython().run_cell_magic('time', '', None)",
        "x = get_ipython().run_cell_magic('evolink_credits', '', None)",
    ],
)
def test_other_calls_are_none_of_ours(code: str) -> None:
    assert not is_line(ast.parse(code).body[0])


# -- whatever goes wrong -------------------------------------------------------------------------------


class Strange(BaseException):
    """An error of no known kind, which can't even say what it is."""

    def __str__(self) -> str:
        raise ValueError


FAILURES: list[Any] = [
    ArithmeticError("odd"),
    RuntimeError("can't start new thread"),
    MemoryError(),
    Strange(),
]


def raising(error: BaseException) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("error", FAILURES, ids=repr)
@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("place", ["fetcher_for", "Measurement.start", "Budget.arm", "CellStops.begin"])
def test_any_failure_refuses_limited_cell(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, error: BaseException, silent: bool, place: str
) -> None:
    shell.run("%evolink_credits")
    owner = (
        f"evolink_nb.notebook.cells.{place}" if "." in place else "evolink_nb.notebook.accounts.fetcher_of"
    )
    with monkeypatch.context() as broken:
        broken.setattr(owner, raising(error))
        shown = shell.run(f"{LIMITED}ran = True", silent=silent)
    assert isinstance(shown.error, CellRefused)
    assert "can't be watched: " in shown.out
    assert "Traceback" not in shown.out
    assert "ran" not in shell.ip.user_ns
    assert not budgets.any_armed()
    assert shell.run(f"{LIMITED}6 * 7").value == 42


@pytest.mark.parametrize("error", FAILURES, ids=repr)
@pytest.mark.parametrize("silent", [False, True])
def test_any_failure_refuses_budgeted_cell(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, error: BaseException, silent: bool
) -> None:
    shell.run("import evolink_nb; session = evolink_nb.budget(5)")
    with monkeypatch.context() as broken:
        broken.setattr(SessionBudget, "begin_work", raising(error))
        shown = shell.run("ran = True", silent=silent)
    assert isinstance(shown.error, CellRefused)
    assert "The session's budget can't be watched: " in shown.out
    assert "ran" not in shell.ip.user_ns
    assert shell.run("6 * 7").value == 42
    shell.run("session.cancel()")


@pytest.mark.parametrize("options", ["", " --max 2"])
def test_cell_under_any_decimal_context(shell: Shell, options: str) -> None:
    """Set to find lost digits: nothing that a cell with a limit computes may fail for it."""
    with decimal.localcontext(prec=3) as ambient:
        ambient.traps[decimal.Inexact] = ambient.traps[decimal.FloatOperation] = True
        shown = shell.run(f"{LINE}{options}\n{ENDLESS if options else '6 * 7'}")
    assert is_stopped(shown) if options else shown.value == 42


def test_no_thread_refuses_limited_cell(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", raising(RuntimeError("can't start new thread")))
        shown = shell.run(f"{LIMITED}ran = True")
    assert isinstance(shown.error, CellRefused)
    assert "ran" not in shell.ip.user_ns
    assert shell.run(f"{LIMITED}6 * 7").value == 42


def test_broken_keyring_refuses_limited_cell(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "keyring.py").write_text("raise SystemError('the keyring is broken')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "keyring", raising=False)
    monkeypatch.delenv(API_KEY_VARIABLE)
    shown = shell.run(f"{LIMITED}ran = True")
    assert isinstance(shown.error, CellRefused)
    assert "ran" not in shell.ip.user_ns
    assert shell.run(f"{LINE}\n6 * 7").value == 42


@pytest.mark.parametrize("module", ["commands", "spending"])
def test_failed_import_refuses_limited_cell(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, f"evolink_nb.notebook.{module}", None)
    shown = shell.run(f"{LIMITED}ran = True")
    assert isinstance(shown.error, CellRefused)
    assert "ran" not in shell.ip.user_ns
    unlimited = shell.run(f"{LINE}\n6 * 7")
    assert unlimited.value == 42
    assert "cost unknown: " in unlimited.err


def test_unmeasurable_cell_still_runs(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("evolink_nb.notebook.cells.Measurement.start", raising(ArithmeticError("odd")))
        shown = shell.run(f"{LINE} -o cost\n6 * 7")
    assert (shown.value, shown.error) == (42, None)
    assert [each["text/plain"] for each in shown.displays] == ["cost unknown: ArithmeticError: odd"]
    assert shell.ip.user_ns["cost"].credits is None


def test_removed_transformer_comes_back(shell: Shell) -> None:
    """IPython removes one that fails; users may clear the list."""
    shell.run("import evolink_nb; session = evolink_nb.budget(3)")
    shell.run("get_ipython().ast_transformers.clear()")
    assert isinstance(shell.run(ENDLESS).error, BudgetExceeded)
    shell.run("session.cancel()")
