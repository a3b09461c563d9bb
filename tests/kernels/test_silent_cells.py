"""Measured cells that IPython runs silently: in an execute request, and from a file."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import nbformat
import pytest

from tests.support import colab
from tests.support.environment import account_of
from tests.support.kernel import Kernel
from tests.support.metered import GENERATE, LINE, endless

if TYPE_CHECKING:
    from pathlib import Path

    from evolink_nb.demo import DemoServer

LOAD = "%load_ext evolink_nb\n%config EvoLinkMagics.quiet = 0.3\n"
STOPPED = "BudgetExceeded: --max 2 stopped the work at "


@pytest.mark.parametrize("where", endless("generate()"))
def test_limit_holds_in_silent_request(kernel: Kernel, where: str) -> None:
    kernel.run(LOAD)
    kernel.run(GENERATE)
    stopped = kernel.run_silently(f"{LINE} --max 2\n{endless('generate()')[where]}")
    assert STOPPED in stopped.text
    assert "KeyboardInterrupt" not in stopped.text
    # The next cell isn't taken for one inside it.
    within = kernel.run(f"{LINE} --max 100\n6 * 7")
    assert "42" in within.text
    assert within.error is None


def test_limit_holds_on_the_oldest_too(demo_server: DemoServer, tmp_path: Path) -> None:
    environment = {**os.environ, **account_of(demo_server), "PYTHONPATH": str(colab.ROOT)}
    with Kernel(environment, tmp_path / "kernel.log", interpreter=colab.python()) as kernel:
        kernel.run(LOAD)
        kernel.run(GENERATE)
        for work in endless("generate()").values():
            assert STOPPED in kernel.run_silently(f"{LINE} --max 2\n{work}").text
        kernel.run(f"{LINE} --max 2\n{endless('generate()')['a retry loop']}")
        kernel.run("again = In[-2]")
        assert STOPPED in kernel.run("exec(again)").text
        loop = "from IPython.display import clear_output\nprint('kept'); clear_output(wait=True)"
        kinds = [each["msg_type"] for each in kernel.run(f"{LINE}\n{loop}").messages]
        # What clears comes after the line.
        assert kinds.index("clear_output") > kinds.index("display_data")


def test_session_holds_in_silent_request(kernel: Kernel) -> None:
    kernel.run(LOAD)
    kernel.run(GENERATE)
    kernel.run("import evolink_nb; session = evolink_nb.budget(2)")
    stopped = kernel.run_silently(endless("generate()")["a retry loop"])
    assert "BudgetExceeded: The session's budget of 2 credits stopped the work" in stopped.text
    assert kernel.run("session.left <= 0").text == "True"


@pytest.mark.parametrize("kind", ["ipynb", "ipy"])
def test_limit_holds_in_file_of_cells(demo_server: DemoServer, tmp_path: Path, kind: str) -> None:
    limited = f"{LINE} --max 2\n{endless('generate()')['a retry loop']}"
    cells = [f"{LOAD}\n{GENERATE}", limited, "print('the next cell')"]
    path = tmp_path / f"file.{kind}"
    if kind == "ipynb":
        nbformat.write(
            nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells]), path
        )
    else:
        path.write_text(f"{LINE} --max 2\n{GENERATE}{endless('generate()')['a retry loop']}")
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "--ext=evolink_nb", str(path)],
        env={**os.environ, **account_of(demo_server), "IPYTHONDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert STOPPED in done.stdout
    assert "the next cell" not in done.stdout
