"""Stops in plain Python, in processes of their own: where they are caught, and what they leave whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.environment import account_of, isolated_environment
from tests.support.scripts import ignore_sigint, run_script

if TYPE_CHECKING:
    from collections.abc import Callable

    from evolink_nb.demo import DemoServer


@pytest.fixture
def environment(demo_server: DemoServer, tmp_path: Path) -> dict[str, str]:
    """The environment of a script whose account is the simulated one."""
    root = str(Path(__file__).parents[2])
    return {**isolated_environment(tmp_path), **account_of(demo_server), "PYTHONPATH": root}


CAUGHT = {
    "a session": """
session = budget(3)
try:
    spend(3); time.sleep(60)
except BudgetExceeded as stop:
    print("caught", stop.max_credits)
""",
    "inside a meter's block": """
with meter(max_credits=3):
    try:
        spend(3); time.sleep(60)
    except BudgetExceeded as stop:
        print("caught", stop.max_credits)
""",
    "around a meter's block": """
try:
    with meter(max_credits=3):
        spend(3); time.sleep(60)
except BudgetExceeded as stop:
    print("caught", stop.max_credits)
""",
    "a coroutine that awaits": """
async def main():
    try:
        spend(3); await asyncio.sleep(60)
    except BudgetExceeded as stop:
        print("caught", stop.max_credits)
session = budget(3)
asyncio.run(main())
""",
    "a coroutine around others": """
async def work():
    spend(3); await asyncio.sleep(60)
async def main():
    try:
        await asyncio.gather(work(), asyncio.sleep(60))
    except BudgetExceeded as stop:
        print("caught", stop.max_credits)
session = budget(3)
asyncio.run(main())
""",
    "a coroutine that blocks": """
async def main():
    try:
        spend(3); time.sleep(60)
    except BudgetExceeded as stop:
        print("caught", stop.max_credits)
session = budget(3)
asyncio.run(main())
""",
    "around an event loop": """
async def main():
    spend(3); await asyncio.sleep(60)
session = budget(3)
try:
    asyncio.run(main())
except BudgetExceeded as stop:
    print("caught", stop.max_credits)
""",
    "inside a task's own meter": """
async def main():
    async with meter(max_credits=3):
        try:
            spend(3); await asyncio.sleep(60)
        except BudgetExceeded as stop:
            print("caught", stop.max_credits)
asyncio.run(main())
""",
    "a thread's own meter": """
def work():
    with meter(max_credits=3):
        try:
            spend(3)
            while True: time.sleep(0.01)
        except BudgetExceeded as stop:
            print("caught", stop.max_credits)
thread = threading.Thread(target=work); thread.start(); thread.join()
""",
    "a child process waited for": """
import subprocess
try:
    with meter(max_credits=3):
        spend(3); subprocess.run(["sleep", "60"])
except BudgetExceeded as stop:
    print("caught", stop.max_credits)
""",
    "a call into C that waits for one": """
try:
    with meter(max_credits=3):
        spend(3); os.system("sleep 60; sleep 60")
except BudgetExceeded as stop:
    print("caught", stop.max_credits)
""",
}
END = "\nif 'session' in globals(): session.cancel()\nprint(handlers() == before)"


def printed(said: str) -> list[str]:
    """What a script itself printed; a session's budget says what it does."""
    return [line for line in said.splitlines() if line in {"caught 3", "True", "False", "[True]", "[]"}]


@pytest.mark.parametrize("where", CAUGHT)
def test_a_stop_is_caught_by_its_name(environment: dict[str, str], where: str) -> None:
    assert printed(run_script(CAUGHT[where] + END, environment)) == ["caught 3", "True"]


@pytest.mark.parametrize("where", ["a session", "around a meter's block", "a coroutine that awaits"])
def test_it_arrives_though_sigint_is_ignored(environment: dict[str, str], where: str) -> None:
    """As under nohup, in cron, or in the background of a shell's script."""
    said = run_script(CAUGHT[where] + END, environment, prepare=ignore_sigint)
    assert printed(said) == ["caught 3", "True"]


@pytest.mark.parametrize("prepare", [None, ignore_sigint])
def test_retry_loops_do_not_swallow_it(
    environment: dict[str, str], prepare: Callable[[], object] | None
) -> None:
    loop = """
try:
    with meter(max_credits=3):
        while True:
            try:
                spend(); time.sleep(0.05); raise ConnectionError
            except Exception:
                pass
except BudgetExceeded:
    print("stopped")
"""
    assert run_script(loop, environment, prepare=prepare).splitlines() == ["stopped"]


CLEAN_UPS = {
    "a session": """
session = budget(3)
try:
    try:
        spend(3); time.sleep(60)
    finally:
        clean_up()
except BudgetExceeded:
    pass
session.cancel()
""",
    "a meter's block": """
try:
    with meter(max_credits=3):
        try:
            spend(3); time.sleep(60)
        finally:
            clean_up()
except BudgetExceeded:
    pass
""",
    "a task": """
async def main():
    async with meter(max_credits=3):
        try:
            spend(3); await asyncio.sleep(60)
        finally:
            for _ in range(30): await asyncio.sleep(0.1)
            done.append(True)
try:
    asyncio.run(main())
except BudgetExceeded:
    pass
""",
    "an event loop of its own": """
async def work():
    try:
        spend(3); await asyncio.sleep(60)
    finally:
        for _ in range(30): await asyncio.sleep(0.1)
        done.append(True)
session = budget(3)
try:
    asyncio.run(work())
except BudgetExceeded:
    pass
""",
}
CLEAN_UP = """
done = []
def clean_up():
    end = time.monotonic() + 3
    while time.monotonic() < end: time.sleep(0.01)
    done.append(True)
"""


@pytest.mark.parametrize("where", CLEAN_UPS)
def test_a_clean_up_runs_to_its_end(environment: dict[str, str], where: str) -> None:
    said = run_script(CLEAN_UP + CLEAN_UPS[where] + "\nprint(done)" + END, environment)
    assert printed(said) == ["[True]", "True"]


def test_a_worker_process_answers(environment: dict[str, str], tmp_path: Path) -> None:
    """A pool waits for ever for a call that raised what is no `Exception`."""
    (tmp_path / "worker.py").write_text(
        "import os, json, time, urllib.request\nfrom evolink_nb import budget, meter\n"
        "def limited(spend):\n    with meter(max_credits=2, settle=1): spend(2); time.sleep(60)\n"
        "def under_a_session(spend):\n    budget(2); spend(2); time.sleep(60)\n"
    )
    pool = f"""
sys.path.insert(0, {str(tmp_path)!r})
import multiprocessing, worker
with multiprocessing.get_context("fork").Pool(2) as pool:
    for work in (worker.limited, worker.under_a_session):
        try:
            pool.apply_async(work, [spend]).get(timeout=140)
        except BudgetExceeded as stop:
            print(type(stop).__name__, stop.max_credits)
"""
    said = run_script(pool, environment)
    assert [line for line in said.splitlines() if line.startswith("BudgetExceeded")] == [
        "BudgetExceeded 2"
    ] * 2, said
