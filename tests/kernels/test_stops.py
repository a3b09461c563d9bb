"""Stops in a real kernel: where they are caught, what they leave whole, and what else they reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import colab, threads
from tests.support.environment import account_of, isolated_environment
from tests.support.kernel import Kernel
from tests.support.metered import GENERATE, LINE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evolink_nb.demo import DemoServer

STATE = """
shell = get_ipython()
handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGURG)]
print(handlers, shell.custom_exceptions, shell.CustomTB)
"""


@pytest.fixture(scope="module", autouse=True)
def no_thread_left() -> Iterator[None]:
    """After all tests here: the kernel that they share keeps its connections to their account."""
    before = threads.running()
    yield
    threads.join_all_but(before)


@pytest.fixture(scope="module")
def shared(account: DemoServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel that all tests here share, each of which leaves it as it was."""
    home = tmp_path_factory.mktemp("kernel")
    environment = {**isolated_environment(home), **account_of(account), "PYTHONPATH": str(colab.ROOT)}
    with Kernel(environment, home / "kernel.log", "--InteractiveShell.colors=NoColor") as kernel:
        kernel.run(
            "%load_ext evolink_nb\nimport evolink_nb\nfrom evolink_nb import BudgetExceeded, budget, meter"
        )
        kernel.run(GENERATE)
        kernel.run(
            "import subprocess\nfrom concurrent.futures import ThreadPoolExecutor, as_completed\ndone = []"
        )
        yield kernel


@pytest.fixture
def untouched(shared: Kernel) -> Iterator[Kernel]:
    """The kernel; the next cell runs, and the handlers are as before."""
    before = shared.run(STATE).text
    shared.run("done.clear()")
    yield shared
    assert shared.run("time.sleep(0.3); 6 * 7").text == "42"
    assert shared.run(STATE).text == before


CAUGHT = {
    "a limited cell": (
        f"{LINE} --max 3 -q\ntry:\n    WORK\n"
        "except BudgetExceeded as stop:\n    print('caught', stop.max_credits)"
    ),
    "a session": (
        "with budget(3):\n    try:\n        WORK\n"
        "    except BudgetExceeded as stop:\n        print('caught', stop.max_credits)"
    ),
    "a meter": (
        "with meter(max_credits=3, settle=0):\n    try:\n        WORK\n"
        "    except BudgetExceeded as stop:\n        print('caught', stop.max_credits)"
    ),
}
WORK = {
    "a sleep": "[generate() for _ in range(3)]; time.sleep(60)",
    "an await": "[generate() for _ in range(3)]; await asyncio.sleep(60)",
    "tasks": "[generate() for _ in range(3)]; await asyncio.gather(asyncio.sleep(60), asyncio.sleep(60))",
    "a blocking call in a cell that awaits": (
        "await asyncio.sleep(0); [generate() for _ in range(3)]; time.sleep(60)"
    ),
}


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("where", CAUGHT)
def test_a_stop_is_caught_by_its_name(untouched: Kernel, where: str, work: str) -> None:
    run = untouched.run(CAUGHT[where].replace("WORK", WORK[work]))
    assert "caught 3" in run.text
    assert run.error is None


CLEAN_UPS = {
    "a sleep": (
        "try:\n    [generate() for _ in range(3)]; time.sleep(60)\n"
        "finally:\n    time.sleep(3); done.append(True)"
    ),
    "an await": (
        "try:\n    [generate() for _ in range(3)]; await asyncio.sleep(60)\n"
        "finally:\n    await asyncio.sleep(3); done.append(True)"
    ),
    "a task": (
        "async def work():\n    try:\n        [generate() for _ in range(3)]; await asyncio.sleep(60)\n"
        "    finally:\n        await asyncio.sleep(3); done.append(True)\nawait asyncio.create_task(work())"
    ),
    "a pool": (
        "def call(number):\n    generate(); time.sleep(3); done.append(True)\n"
        "with ThreadPoolExecutor(3) as pool: list(pool.map(call, range(3)))\n"
        "time.sleep(60)"
    ),
}


@pytest.mark.parametrize("where", CLEAN_UPS)
def test_a_clean_up_runs_to_its_end(untouched: Kernel, where: str) -> None:
    run = untouched.run(f"{LINE} --max 3 -q\n{CLEAN_UPS[where]}")
    assert run.error is not None
    assert run.error["ename"] == "BudgetExceeded"
    assert "still running" not in run.text
    assert set(untouched.run("print(*done)").text.split()) == {"True"}


# In a process of its own: a shell spends by what it runs.
SPEND = (
    "curl = ('import os,json,urllib.request as u; u.urlopen(u.Request(os.environ[\"EVOLINK_BASE_URL\"] + '\n"
    '        \'"/v1/images/generations", json.dumps({"model": "z-image-turbo", "prompt": "x"}).encode(), \'\n'
    '        \'{"Authorization": "Bearer " + os.environ["EVOLINK_API_KEY"]}))\')\n'
    "os.environ['SPEND'] = curl\n"
    "loop = 'for i in $(seq 40); do python3 -c \"$SPEND\"; sleep 0.1; done; echo done'"
)
CHILDREN = {
    "%%bash": '%%bash\nfor i in $(seq 40); do python3 -c "$SPEND"; sleep 0.1; done; echo done',
    "!": '!for i in $(seq 40); do python3 -c "$SPEND"; sleep 0.1; done; echo done',
    "os.system": "os.system(loop)",
    "subprocess.run": "subprocess.run(['bash', '-c', loop])",
    "a loop of !": 'for _ in range(40):\n    !python3 -c "$$SPEND"',
}


@pytest.mark.parametrize("how", CHILDREN)
def test_what_spends_elsewhere_is_stopped(untouched: Kernel, account: DemoServer, how: str) -> None:
    untouched.run(SPEND)
    before = account.account.true_cost()
    run = untouched.run(f"{LINE} --max 3 -q\n{CHILDREN[how]}")
    assert run.error is not None
    assert run.error["ename"] == "BudgetExceeded"
    assert len(run.error["traceback"]) <= 2
    assert "still running" not in run.text
    assert account.account.true_cost() - before <= 12


POOLS = {
    "map": "with ThreadPoolExecutor(2) as pool: list(pool.map(call, range(40)))",
    "as_completed": (
        "with ThreadPoolExecutor(2) as pool:\n"
        "    for each in as_completed([pool.submit(call, number) for number in range(40)]): each.result()"
    ),
    "an older pool": "list(older.map(call, range(40)))",
    "to_thread": "await asyncio.gather(*(asyncio.to_thread(call, number) for number in range(40)))",
}


@pytest.mark.parametrize("how", POOLS)
def test_what_is_queued_is_not_begun(untouched: Kernel, account: DemoServer, how: str) -> None:
    untouched.run(
        "def call(number):\n    generate(); time.sleep(0.2)\n"
        "older = ThreadPoolExecutor(2); older.submit(int)\n"
        "asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))"
    )
    before = account.account.true_cost()
    run = untouched.run(f"{LINE} --max 4 -q\n{POOLS[how]}")
    assert run.error is not None
    assert run.error["ename"] == "BudgetExceeded"
    assert account.account.true_cost() - before <= 14


def test_what_runs_on_is_said(untouched: Kernel) -> None:
    """The cost isn't clean then: it may not be all."""
    untouched.run(
        "ended = threading.Event()\ndef work():\n    [generate() for _ in range(3)]; ended.wait(60)"
    )
    run = untouched.run(
        f"{LINE} --max 3 -o cost --settle 30\nthreading.Thread(target=work).start()\ntime.sleep(60)"
    )
    assert run.error is not None
    assert "Still running: 1 thread" in run.text
    assert "stopped the work" not in run.text
    assert untouched.run("print(cost.confidence, '|', cost.reason)").text.startswith(
        "shared | something the stopped work started"
    )
    untouched.run("ended.set()")


def test_a_thread_that_spends_on_is_stopped(untouched: Kernel, account: DemoServer) -> None:
    """After its cell has ended, too."""
    untouched.run("def work():\n    while True: generate(); time.sleep(0.1)")
    run = untouched.run(f"{LINE} --max 3 -q\nthreading.Thread(target=work).start()\ntime.sleep(60)")
    assert run.error is not None
    assert "still running" not in run.text.lower()
    spent = account.account.true_cost()
    untouched.run("time.sleep(0.5)")
    assert account.account.true_cost() == spent


COMM = """
import comm
heard, caught = [], []
def handle(message):
    heard.append(message)
    try:
        HANDLER
    except BudgetExceeded as stop:
        caught.append(stop)
        raise
link = comm.create_comm(target_name="test")
link.on_msg(handle)
print(link.comm_id)
"""


def test_a_click_between_cells_is_watched(untouched: Kernel) -> None:
    """A front end's message runs the user's code with no cell around it."""
    untouched.run("session = budget(3)")
    handler = COMM.replace("HANDLER", "while True: generate(); time.sleep(0.05)")
    identity = untouched.run(handler).text.splitlines()[-1]
    untouched.send(identity, {"click": 1})
    # The kernel handles one message at a time: the next cell waits for the handler, and shows what was said.
    said = untouched.run("print(len(heard), *(stop.max_credits for stop in caught))").text.splitlines()
    assert said[-1] == "1 3"
    assert said[0].startswith("The session's budget of 3 credits stopped the work")
    # It handles the next one, which spends nothing, in peace.
    untouched.run("link.on_msg(heard.append)")
    untouched.send(identity, {"click": 2})
    assert untouched.run("print(len(heard), len(caught)); session.cancel()").text == "2 1"
