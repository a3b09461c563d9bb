"""Tasks that a cell has started and that go on after it, in a real kernel, whose loop goes on too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.metered import GENERATE, LINE

if TYPE_CHECKING:
    from tests.support.kernel import Kernel

LOAD = "%load_ext evolink_nb\n%config EvoLinkMagics.quiet = 0.3\n"
TASK = """
ended = asyncio.Event()
async def work():
    await asyncio.to_thread(generate)
    await ended.wait()
"""
START = "task = asyncio.create_task(work())"
AFTER_IT = "shared: something it started was still running after it ended: 1 task"
BESIDE_IT = "shared: a task that earlier work had started was still running"


@pytest.fixture
def loaded(kernel: Kernel) -> Kernel:
    """A kernel that knows `work`, which spends once and then waits for `ended`."""
    kernel.run(LOAD)
    kernel.run(GENERATE + TASK)
    return kernel


@pytest.mark.parametrize("how", [START, f"{START}\nawait asyncio.sleep(0)", f"generate(); {START}"])
def test_a_task_that_goes_on_is_said(loaded: Kernel, how: str) -> None:
    """Whether it has begun by then or not; and by the cells beside it, until it ends."""
    loaded.run(f"{LINE} -o cost --settle 30\n{how}")
    said = "print(f'{cost.confidence}: {cost.reason}')"
    assert loaded.run(said).text == AFTER_IT
    loaded.run(f"{LINE} -o cost --settle 30\ngenerate()")
    assert loaded.run(said).text == BESIDE_IT
    loaded.run("ended.set(); await task")
    loaded.run(f"{LINE} -o cost --settle 30\nawait asyncio.create_task(work())")
    assert "task" not in loaded.run(said).text


def test_a_tracked_cell_says_so_too(loaded: Kernel) -> None:
    loaded.run("%evolink_track on --settle 30")
    loaded.run(f"generate(); {START}")
    loaded.run("%evolink_track off\ntask.cancel()")
    # What the task spends is charged once the cell has ended: in a row of its own, or the next cell's.
    shown = loaded.run(
        "from evolink_nb.metering import ledger\n"
        "def first():\n    return next(each for each in ledger.current().entries() if each.kind == 'cell')\n"
        "while not first().cost.settled:\n    time.sleep(0.01)\n"
        "print(f'{first().cost.confidence}: {first().cost.reason}')"
    )
    assert shown.text == AFTER_IT


def test_a_stop_names_the_tasks_it_left(loaded: Kernel) -> None:
    work = f"{START}; other = asyncio.create_task(work())\nawait asyncio.sleep(0)\ntime.sleep(60)"
    spend = "[generate() for _ in range(3)]; "
    run = loaded.run(f"{LINE} --max 3 -o cost --settle 30\n{spend}{work}")
    assert run.error is not None
    assert "--max 3 was reached at " in run.text
    assert "Still running: 2 tasks" in run.text
    assert loaded.run("print(cost.confidence)").text == "shared"
    loaded.run("ended.set(); await asyncio.wait([task, other])")
