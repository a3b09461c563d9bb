"""The line under a cell, in front ends that amend outputs and in those that don't."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from tests.support.environment import account_of
from tests.support.kernel_manager import NBCONVERT, notebook_client
from tests.support.metered import GENERATE, LINE, cost_lines

if TYPE_CHECKING:
    from pathlib import Path

    from evolink_nb.demo import DemoServer
    from tests.support.kernel import Kernel

LOAD = "%load_ext evolink_nb\n%config EvoLinkMagics.quiet = 0.3\n"
LOOP = """from IPython.display import clear_output
threading.Event().wait(0.5)
for i in range(3):
    generate()
    print("image", i)
    clear_output(wait=True)
"""
STOPS_LATER = "threading.Event().wait(1)"


def notebook_of(*sources: str) -> Any:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in sources])


def run(server: DemoServer, *sources: str) -> list[Any]:
    """Run a notebook as nbclient does, and return its cells."""
    notebook = notebook_of(LOAD, GENERATE, *sources)
    client = notebook_client(notebook)
    client.execute(env={**os.environ, **account_of(server)})
    return list(notebook.cells[2:])


def text_of(cell: Any) -> str:
    return "".join(each.get("text", "") for each in cell.outputs)


@pytest.mark.parametrize("ahead", ["", "%evolink_track on"])
def test_last_print_before_a_clear_stays(demo_server: DemoServer, ahead: str) -> None:
    first = f"{LINE}\n{LOOP}" if not ahead else LOOP
    _, loop, *_ = run(demo_server, ahead or "pass", first, STOPS_LATER, "pass")
    assert text_of(loop) == "image 2\n"
    assert any("3 credits" in line for line in cost_lines(loop.outputs))


def test_output_after_a_clear_replaces(demo_server: DemoServer) -> None:
    [cell] = run(demo_server, f"{LINE}\n{LOOP}print('done')")
    assert text_of(cell) == "done\n"
    assert len(cost_lines(cell.outputs)) == 1


def test_last_cell_of_a_batch_has_its_cost(demo_server: DemoServer) -> None:
    first, _, last = run(demo_server, f"{LINE}\ngenerate()", "pass", f"{LINE}\ngenerate(); generate()")
    for cell, cost in ((first, "1 credit · "), (last, "2 credits · ")):
        [line] = cost_lines(cell.outputs)
        assert line.startswith(cost)
        assert "settling" not in line


def test_unsettled_batch_line_can_stay(demo_server: DemoServer) -> None:
    """It promises nothing that can't come any more."""
    demo_server.account.settle_after = (60, 60)
    [cell] = run(demo_server, f"{LINE}\ngenerate()")
    [line] = cost_lines(cell.outputs)
    assert "not settled when the cell ended" in line


def test_exported_notebook_has_its_costs(demo_server: DemoServer, tmp_path: Path) -> None:
    path = tmp_path / "report.ipynb"
    nbformat.write(notebook_of(LOAD, GENERATE, f"{LINE}\ngenerate()"), path)
    command = [*NBCONVERT, "--to", "notebook", "--execute", "--inplace", str(path)]
    environment = {**os.environ, **account_of(demo_server)}
    subprocess.run(command, env=environment, capture_output=True, timeout=180, check=True)
    [line] = cost_lines(nbformat.read(path, 4).cells[2].outputs)
    assert line.startswith("1 credit · ")


def test_console_shows_the_cost_at_once(kernel: Kernel) -> None:
    """It shows no output that is amended later: what settled is printed again, with the cell's name."""
    kernel.is_notebook = False
    kernel.run(LOAD)
    kernel.run(GENERATE)
    shown = kernel.run(f"{LINE} -o cost\ngenerate()").text
    assert shown.startswith("1 credit · settling … · ")
    assert kernel.run("cost.wait(30)").text.splitlines()[-1].startswith("In [3]: 1 credit · ")


def _has_figure(message: dict[str, Any]) -> bool:
    """Whether a message shows a line that says what the cell has cost so far."""
    return any(line.startswith("1 credit") for line in cost_lines([message["content"]]))


@pytest.mark.parametrize("end", ["shutdown", "unload"])
def test_line_ends_with_what_may_stay(kernel: Kernel, demo_server: DemoServer, end: str) -> None:
    """Nothing will say any more what it has settled to: it must not promise that."""
    demo_server.account.settle_after = (60, 60)
    kernel.run(LOAD)
    kernel.run(GENERATE)
    run_of_cell = kernel.run(f"{LINE}\ngenerate()")
    assert not any("when the cell ended" in line for line in cost_lines(run_of_cell.outputs))
    if not any(map(_has_figure, run_of_cell.messages)):
        # No cell may wait for it: one that does may have spent something too.
        kernel.messages_until(_has_figure)
    messages = kernel.shut_down() if end == "shutdown" else kernel.run("%unload_ext evolink_nb").messages
    updates = [each["content"] for each in messages if each["msg_type"] == "update_display_data"]
    line = cost_lines(updates)[-1]
    assert line.startswith("1 credit · ")
    assert "settling" not in line
    assert "settled" in line
