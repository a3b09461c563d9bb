"""Metered cells in real kernels: run by hand, and from top to bottom as nbclient runs a notebook."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

from tests.support import colab, threads
from tests.support.environment import account_of, isolated_environment
from tests.support.kernel import CellRun, Kernel, trait_updates
from tests.support.kernel_manager import notebook_client
from tests.support.metered import (
    GENERATE,
    LINE,
    NOTE_READINGS,
    cost_lines,
    endless,
    settled_cost,
    stopped_at_first,
)

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer

LOAD = "%load_ext evolink_nb\n%config EvoLinkMagics.quiet = 0.3\n"
STATE = """
shell = get_ipython()
print(signal.getsignal(signal.SIGINT), shell.custom_exceptions, shell.CustomTB, shell.ast_transformers)
"""
THREADS = """
deadline = time.monotonic() + 20
ours = lambda: [thread.name for thread in threading.enumerate() if "evolink" in thread.name]
while ours() and time.monotonic() < deadline: time.sleep(0.01)
print(ours())
"""


@pytest.fixture(scope="module", autouse=True)
def no_thread_left() -> Iterator[None]:
    """After all tests here: the kernel that they share keeps its connections to their account."""
    before = threads.running()
    yield
    threads.join_all_but(before)


@pytest.fixture(scope="module", params=["newest", "oldest"])
def versions(request: pytest.FixtureRequest) -> str:
    """The set of packages that kernels run on: the one beside the tests, or Colab's."""
    return str(request.param)


@pytest.fixture(scope="module")
def kernel(account: DemoServer, versions: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel that all tests here share, each of which leaves it as it was."""
    home = tmp_path_factory.mktemp("kernel")
    environment = {**isolated_environment(home), **account_of(account), "PYTHONPATH": str(colab.ROOT)}
    interpreter = colab.python() if versions == "oldest" else None
    plain = "--InteractiveShell.colors=NoColor"
    with Kernel(environment, home / "kernel.log", plain, interpreter=interpreter) as kernel:
        kernel.run(f"{LOAD}\nimport evolink_nb")
        kernel.run(f"{GENERATE}\n{NOTE_READINGS}\ndef step(): noted(generate)")
        yield kernel


@pytest.fixture
def untouched(kernel: Kernel) -> Iterator[Kernel]:
    """The kernel; afterwards all is as it was before: handlers, IPython's hooks, threads."""
    before = kernel.run(STATE).text
    yield kernel
    assert kernel.run("6 * 7").text == "42"
    assert kernel.run(STATE).text == before
    assert kernel.run(THREADS).text == "[]"


def without_cost_lines(outputs: list[Any]) -> list[Any]:
    """What else a cell shows, as far as two runs of it show the same."""
    rest = [dict(output) for output in outputs if "evolink-cost" not in str(output.get("data"))]
    for output in rest:
        for name in ("execution_count", "transient"):
            output.pop(name, None)
        if "text" in output:  # no two runs take the same time
            output["text"] = re.sub(r"\d.*", "", output["text"])
        if "traceback" in output:
            output["traceback"] = output["traceback"][-1:]
    return rest


def amended(kernel: Kernel, run: CellRun) -> str:
    """What the line under a cell says once its cost, in `cost`, has settled."""
    [place] = [output["transient"]["display_id"] for output in run.outputs if output.get("transient")]
    waited = kernel.run("cost.wait(30)")
    assert waited.text == "True"
    updates = [
        message["content"]
        for message in [*run.messages, *waited.messages]
        if message["msg_type"] == "update_display_data"
    ]
    mine = [update["data"] for update in updates if update["transient"]["display_id"] == place]
    assert mine
    return str(mine[-1]["text/plain"])


def interrupted(kernel: Kernel, source: str) -> CellRun:
    """Run a cell and interrupt it once its work has begun; the work has to print something then."""

    def interrupt() -> None:
        kernel.messages_until(lambda message: message["msg_type"] == "stream")
        kernel.interrupt()

    return kernel.run(source, during=interrupt)


# -- the cell itself -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell",
    [
        "generate()\n6 * 7",
        "await asyncio.sleep(0.01)\ngenerate()\n6 * 7",
        "generate()\ndisplay('shown')\nprint('printed')",
        "%%bash\necho from bash",
        "%%time\ngenerate()\n6 * 7",
        "generate()\n1 / 0",
        "await asyncio.sleep(0.01)\ngenerate()\n1 / 0",
    ],
)
def test_a_cell_shows_its_own_then_its_cost(kernel: Kernel, account: DemoServer, cell: str) -> None:
    """A cell shows what it shows without the line, and then its cost."""
    bare = kernel.run(cell)
    account.account.settle_all()
    metered = kernel.run(f"{LINE} -o cost\n{cell}")
    assert without_cost_lines(metered.outputs) == without_cost_lines(bare.outputs)
    assert len(cost_lines(metered.outputs)) == 1
    assert cost_lines(metered.outputs[-1:])
    account.account.settle_all()
    cost = "1 credit" if "generate" in cell else "nothing spent"
    assert settled_cost(amended(kernel, metered)) == cost


@pytest.mark.parametrize("work", ["time.sleep(60)", "while True: await asyncio.sleep(0.05)"])
def test_an_interrupt_ends_a_cell_as_ever(untouched: Kernel, account: DemoServer, work: str) -> None:
    """As without the line."""
    bare = interrupted(untouched, f"generate(); print('begun', flush=True)\n{work}")
    account.account.settle_all()
    metered = interrupted(untouched, f"{LINE} -o cost\ngenerate(); print('begun', flush=True)\n{work}")
    assert bare.error is not None
    assert metered.error is not None
    assert metered.error["ename"] == bare.error["ename"]
    assert "1 credit" in amended(untouched, metered)


def test_each_event_fires_once(kernel: Kernel) -> None:
    kernel.run(
        "fired = []\nnote = lambda result: fired.append(result.info.raw_cell[-8:])\n"
        "get_ipython().events.register('post_run_cell', note)"
    )
    for cell in ("cell = 1", "await asyncio.sleep(0); cell = 2", "raise SystemError"):
        kernel.run(f"{LINE} -q\n{cell}")
    assert kernel.run("fired[-3:]").text == "['cell = 1', 'cell = 2', 'temError']"
    kernel.run("get_ipython().events.unregister('post_run_cell', note)")


def test_help_shows_the_options(kernel: Kernel) -> None:
    run = kernel.run(f"{LINE}?")
    assert run.error is None
    assert cost_lines(run.outputs) == []


# -- limits --------------------------------------------------------------------------------------------

RETRY_LOOP = endless("generate()")["a retry loop"]
WORK = {
    **endless("step()"),
    "a blocking loop in a cell that awaits": (
        "await asyncio.sleep(0)\nwhile True:\n    step(); time.sleep(0.05)"
    ),
    "a blocking read": "for _ in range(5): step()\nrequests.get(silent, timeout=60)",
}


@pytest.mark.parametrize("where", WORK)
def test_a_cell_is_stopped_at_its_limit(untouched: Kernel, where: str) -> None:
    """Wherever it then is."""
    untouched.run("begun.clear()")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        untouched.run(f"silent = 'http://127.0.0.1:{silent.getsockname()[1]}/'")
        run = untouched.run(f"{LINE} --max 5 --warn-at 0 -o cost\n{WORK[where]}")
        over = [Decimal(each) for each in untouched.run("print(*over)").text.split()]
    assert run.error is not None
    assert run.error["ename"] == "BudgetExceeded"
    assert run.error["traceback"][0].startswith("BudgetExceeded: --max 5 stopped the work at ")
    assert len(run.error["traceback"]) <= 2
    said = [output["text"] for output in run.outputs if output["output_type"] == "stream"]
    # Python itself says what it swallows: an interrupt that comes in a finalizer. The next one arrives.
    other = [text for text in said if not text.startswith("Exception ignored in")]
    # Where a reading shows 4 spent, the budget warns first; others go from below that to the limit.
    assert other in ([], ["--max 5: 4 credits spent, 1 left.\n"])
    shown = [output["output_type"] for output in run.outputs if output["output_type"] != "stream"]
    assert shown == ["error", "display_data"]
    assert stopped_at_first(run.error["traceback"][0], over)
    assert re.match(r"(about )?\d+ credits · ", amended(untouched, run))


def test_a_budget_stops_the_cell_that_spends(untouched: Kernel) -> None:
    """A session's budget stops the cell in which it is spent."""
    untouched.run("session = evolink_nb.budget(5)")
    assert untouched.run("for _ in range(3): generate()").error is None
    run = untouched.run(RETRY_LOOP)
    assert run.error is not None
    assert run.error["ename"] == "BudgetExceeded"
    assert "The session's budget of 5 credits stopped the work" in run.text
    assert untouched.run("time.sleep(0.5); 6 * 7").text == "42"
    untouched.run("session.cancel()")


def test_a_first_budget_stops_its_own_cell(account: DemoServer, tmp_path: Path) -> None:
    """The first budget of a kernel stops the cell that sets it, and no later one."""
    environment = {**isolated_environment(tmp_path), **account_of(account), "PYTHONPATH": str(colab.ROOT)}
    with Kernel(environment, tmp_path / "kernel.log") as kernel:
        kernel.run(LOAD)
        kernel.run(GENERATE)
        spent = kernel.run(f"import evolink_nb\nsession = evolink_nb.budget(2)\n{RETRY_LOOP}")
        assert "The session's budget of 2 credits stopped the work" in spent.text
        assert kernel.run("session.exceeded is None").text == "True"
        # Read often enough for the interrupt to be sent again.
        kernel.run("fetcher = session.fetcher")
        watched = kernel.run(
            "seen = fetcher.revision\nwhile fetcher.revision < seen + 4: time.sleep(0.01)\n6 * 7"
        )
        assert (watched.text, watched.error) == ("42", None)


def test_a_loop_ends_before_it_goes_over(untouched: Kernel, account: DemoServer) -> None:
    """It ends before the item that would."""
    account.account.settle_all()
    loop = "for item in evolink_nb.track(range(20), max_credits=8):"
    run = untouched.run(f"done = []\n{loop}\n    generate(); done.append(item)")
    assert run.error is None
    assert "Stopped before item 9 of 20" in run.text
    assert untouched.run("print(*done)").text == "0 1 2 3 4 5 6 7"


def test_unstoppable_work_is_said_at_once(
    untouched: Kernel,
) -> None:
    """In the cell, and on the live card."""
    untouched.run("widget = evolink_nb.CreditsWidget(interval=3600); widget")
    run = untouched.run(
        f"{LINE} --max 5 --warn-at 0 -q\n"
        "while not widget.fetcher.notice:\n    try:\n"
        "        while not widget.fetcher.notice: generate(); time.sleep(0.01)\n"
        "    except BaseException: pass"
    )
    untouched.run("widget.close()")
    assert "--max 5 is spent, but the work is still running" in run.outputs[0]["text"]
    notices = [update["notice"] for update in trait_updates(run.messages) if "notice" in update]
    assert "still running" in notices[0]
    assert notices[-1] == ""
    assert run.error is not None
    assert run.error["ename"] == "BudgetExceeded"


# -- notebooks run from top to bottom ------------------------------------------------------------------


@pytest.fixture
def run_notebook(account: DemoServer, versions: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs a notebook of these cells, after one that loads all, as papermill and nbconvert do."""
    for name, value in account_of(account).items():
        monkeypatch.setenv(name, value)
    folder = Path(os.environ["JUPYTER_DATA_DIR"]) / "kernels"
    kernel_name = colab.install_kernel(folder) if versions == "oldest" else "python3"

    def run(*cells: str) -> Any:
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in (LOAD + GENERATE, *cells)]
        )
        client = notebook_client(notebook, kernel_name=kernel_name)
        try:
            client.execute()
        finally:
            run.notebook = notebook  # type: ignore[attr-defined]
        return notebook

    return run


def test_a_saved_notebook_has_final_figures(run_notebook: Callable[..., Any]) -> None:
    notebook = run_notebook(
        f"{LINE} -o first\ngenerate()\n6 * 7",
        "first.wait(30)",
        f"{LINE} --settle 30\nawait asyncio.sleep(0.01)\ngenerate(); generate()",
    )
    value, first = notebook.cells[1].outputs
    assert value.data["text/plain"] == "42"
    assert settled_cost(first.data["text/plain"]) == "1 credit"
    assert 'data-settled="true"' in first.data["text/html"]
    [last] = notebook.cells[3].outputs
    assert settled_cost(last.data["text/plain"]) == "2 credits"
    assert "more runs like this" in last.data["text/plain"]
    assert ">1 credit</span>" in HTMLExporter().from_notebook_node(notebook)[0]


@pytest.mark.parametrize(
    ("cell", "ename"),
    [
        (f"{LINE}\n1 / 0", "ZeroDivisionError"),
        (f"{LINE} --max 2\n{RETRY_LOOP}", "BudgetExceeded"),
        (f"{LINE} --max none\n6 * 7", "UsageError"),
    ],
)
def test_what_ends_a_cell_stops_run_all(run_notebook: Any, tmp_path: Path, cell: str, ename: str) -> None:
    reached = tmp_path / "reached"
    with pytest.raises(CellExecutionError) as stopped:
        run_notebook(cell, f"open({str(reached)!r}, 'w').close()")
    assert stopped.value.ename == ename
    assert not reached.exists()
    assert "site-packages" not in str(stopped.value)


def test_tracked_cells_keep_their_lines(
    run_notebook: Callable[..., Any],
) -> None:
    """Those that spent have their settled line in the saved notebook."""
    notebook = run_notebook(
        "%evolink_track on --settle 20", "generate()", "8 * 8", "6 * 7", "%evolink_track off", "7 * 6"
    )
    [line] = cost_lines(notebook.cells[2].outputs)
    assert settled_cost(line) == "1 credit"
    for place in (3, 4, 5, 6):
        assert cost_lines(notebook.cells[place].outputs) == []
    exported = HTMLExporter().from_notebook_node(notebook)[0]
    assert ">1 credit</span>" in exported
    [value] = notebook.cells[6].outputs
    assert value.data["text/plain"] == "42"
