"""Cells that make guarded calls, in a real kernel: a stop loses no answer, and is shown once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import colab, threads
from tests.support.environment import isolated_environment
from tests.support.failing_server import KEY
from tests.support.kernel import CellRun, Kernel
from tests.support.metered import LINE
from tests.support.paid_server import PaidServer
from tests.support.waiting import wait_until

LIMIT = 5
SETUP = """
%load_ext evolink_nb
import asyncio, threading, time, requests
from concurrent.futures import ThreadPoolExecutor
from evolink_nb import BudgetExceeded, EvoLinkClient, budget
client = EvoLinkClient()
url = client.base_url + "/v1/images/generations"
answers = []
def call(_=None):
    answers.append(requests.post(url, auth=client.auth, timeout=60).json())
async def call_async(http):
    while True:
        answers.append((await http.post(url)).json())
"""
HTTPX = "import httpx, openai"
CELLS = {
    "a loop": "while True: call()",
    "a loop that catches all": "for _ in range(40):\n    try: call()\n    except: pass",
    "a pool": "with ThreadPoolExecutor(4) as pool: list(pool.map(call, range(40)))",
    "a pool nobody hears": "with ThreadPoolExecutor(4) as pool:\n    for _ in range(40): pool.submit(call)",
    "tasks": (
        "async with httpx.AsyncClient(auth=client.auth) as http:\n"
        "    await asyncio.gather(*(call_async(http) for _ in range(4)))"
    ),
    "OpenAI's": (
        "ai = openai.OpenAI(api_key='-', base_url=client.base_url + '/v1', "
        "http_client=httpx.Client(auth=client.auth))\n"
        "while True: answers.append(ai.chat.completions.create("
        "model='m', messages=[{'role': 'user', 'content': 'hello'}]))"
    ),
}


@pytest.fixture(scope="module", autouse=True)
def no_thread_left() -> Iterator[None]:
    """After all tests here: the kernel that they share keeps its connections."""
    before = threads.running()
    yield
    threads.join_all_but(before)


@pytest.fixture(scope="module")
def server() -> Iterator[PaidServer]:
    """A server that charges at once and answers later."""
    with PaidServer(delay=0.5) as server:
        yield server


@pytest.fixture(scope="module")
def kernel(server: PaidServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel that all tests here share."""
    home = tmp_path_factory.mktemp("kernel")
    account = {"EVOLINK_API_KEY": KEY, "EVOLINK_BASE_URL": server.url}
    plain = "--InteractiveShell.colors=NoColor"
    with Kernel({**isolated_environment(home), **account}, home / "kernel.log", plain) as kernel:
        assert kernel.run(f"{SETUP}\n{HTTPX}").error is None
        yield kernel


@pytest.fixture
def oldest_kernel(server: PaidServer, tmp_path: Path) -> Iterator[Kernel]:
    """A kernel with Colab's versions."""
    account = {"EVOLINK_API_KEY": KEY, "EVOLINK_BASE_URL": server.url, "PYTHONPATH": str(colab.ROOT)}
    environment = {**isolated_environment(tmp_path), **account}
    plain = "--InteractiveShell.colors=NoColor"
    with Kernel(environment, tmp_path / "kernel.log", plain, interpreter=colab.python()) as kernel:
        assert kernel.run(SETUP).error is None
        yield kernel


def stops_in(run: CellRun) -> list[str]:
    """The stops that a cell shows."""
    return [line for line in run.text.splitlines() if "it refused" in line or "it interrupted" in line]


def assert_all_is_kept(kernel: Kernel, server: PaidServer, charged: int) -> None:
    """Each call since so many had been charged for has its answer, and the next cells may go on."""
    wait_until(lambda: kernel.run("len(answers)").text == str(server.charged - charged))
    assert LIMIT <= server.charged - charged <= LIMIT + 8
    answered = server.charged
    assert kernel.run("call()").error is None
    assert server.charged == answered + 1
    armed = "from evolink_nb.metering.budgets.registry import budgets\nbudgets.any_armed()"
    assert kernel.run(armed).text == "False"


@pytest.mark.parametrize("cell", CELLS)
def test_a_stop_loses_no_answer(kernel: Kernel, server: PaidServer, cell: str) -> None:
    kernel.run("answers.clear()")
    charged = server.charged
    run = kernel.run(f"{LINE} --max {LIMIT} -q\n{CELLS[cell]}")
    assert run.error is not None
    assert run.error["ename"] == "BudgetExceeded"
    [stop] = stops_in(run)
    assert stop.startswith(f"BudgetExceeded: --max {LIMIT} stopped the work at ")
    assert stop.endswith("it refused the next call.")
    assert "Traceback" not in run.text
    assert len([output for output in run.outputs if output["output_type"] == "error"]) == 1
    assert_all_is_kept(kernel, server, charged)


def test_old_versions_lose_no_answer(oldest_kernel: Kernel, server: PaidServer) -> None:
    for cell in ("a loop", "a loop that catches all", "a pool", "a pool nobody hears"):
        oldest_kernel.run("answers.clear()")
        charged = server.charged
        run = oldest_kernel.run(f"{LINE} --max {LIMIT} -q\n{CELLS[cell]}")
        [stop] = stops_in(run)
        assert stop.endswith("it refused the next call.")
        assert_all_is_kept(oldest_kernel, server, charged)


def test_a_session_stops_without_a_loss(kernel: Kernel, server: PaidServer) -> None:
    kernel.run(f"answers.clear()\nsession = budget({LIMIT})")
    charged = server.charged
    run = kernel.run(CELLS["a loop"])
    assert len(stops_in(run)) == 1
    run = kernel.run(CELLS["a loop"])
    assert len(stops_in(run)) == 1
    assert server.charged - charged == LIMIT
    kernel.run("session.cancel()")
    assert_all_is_kept(kernel, server, charged)


def test_grace_is_an_option_of_a_cell(kernel: Kernel) -> None:
    kernel.run("answers.clear()")
    run = kernel.run(f"{LINE} --max 1 --grace 0 -q\ncall(); time.sleep(60)")
    assert stops_in(run)[0].endswith("it interrupted the work.")


def test_a_stop_that_a_cell_handles_is_over(kernel: Kernel) -> None:
    kernel.run("answers.clear()")
    handled = f"try:\n    {CELLS['a loop']}\nexcept BudgetExceeded as stop:\n    print('saved', len(answers))"
    run = kernel.run(f"{LINE} --max {LIMIT} -q\n{handled}")
    assert run.error is None
    assert run.text.splitlines()[-1] == f"saved {LIMIT}"


def test_left_threads_stay_refused(kernel: Kernel, server: PaidServer) -> None:
    """Work of a stopped cell that goes on by itself, under no budget and in no cell."""
    kernel.run("answers.clear()\nover = threading.Event()\nrefused = []")
    left = """
def work():
    while not over.wait(0.01):
        try: call()
        except BudgetExceeded as stop: refused.append(stop)
threading.Thread(target=work).start()
while not refused: time.sleep(0.01)
"""
    run = kernel.run(f"{LINE} --max {LIMIT} -q\n{left}")
    assert len(stops_in(run)) == 1
    charged = server.charged
    kernel.run("before = len(refused)\nwhile len(refused) < before + 20: time.sleep(0.01)")
    assert server.charged == charged
    assert kernel.run("call()").error is None
    kernel.run("over.set()")
