"""What work has started beside its own thread: stopped with it, or said to run on."""

from __future__ import annotations

import asyncio
import multiprocessing.pool
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

import pytest

from evolink_nb.errors import BudgetExceeded
from evolink_nb.metering.interrupts.started import Started
from tests.support.stops import a_stop
from tests.support.waiting import wait_until


class Calls:
    """Calls that run until they are released."""

    def __init__(self) -> None:
        self.begun = 0
        self.release = threading.Event()

    def call(self, number: int = 0) -> int:
        self.begun += 1
        while not self.release.is_set():
            time.sleep(0.005)
        return number


@pytest.fixture
def calls() -> Iterator[Calls]:
    """Calls that all end with the test."""
    calls = Calls()
    yield calls
    calls.release.set()


def test_queued_calls_are_cancelled(calls: Calls) -> None:
    """Those who wait for them are told, and what is under way ends."""
    started = Started(is_whole=True)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(calls.call, number) for number in range(40)]
        wait_until(lambda: calls.begun == 2)
        started.stop(a_stop(), escalate=False)
        assert started.describe() == "2 threads"
        calls.release.set()
        assert len(list(as_completed(futures, timeout=20))) == 40
        assert [future.cancelled() for future in futures] == [False] * 2 + [True] * 38
        assert started.describe() == ""
        # The pool can be used again.
        assert pool.submit(calls.call, 7).result(20) == 7


def test_calls_of_other_work_stay_queued(calls: Calls) -> None:
    with ThreadPoolExecutor(1) as pool:
        before = [pool.submit(calls.call, number) for number in range(3)]
        wait_until(lambda: calls.begun == 1)
        Started(is_whole=True).stop(a_stop(), escalate=False)
        Started(is_whole=False).stop(a_stop(), escalate=False)
        calls.release.set()
        assert [future.result(20) for future in before] == [0, 1, 2]


def test_calls_of_to_thread_are_cancelled(calls: Calls) -> None:
    async def work() -> int:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        started = Started(is_whole=True)
        waiting = [asyncio.ensure_future(asyncio.to_thread(calls.call)) for _ in range(3)]
        await asyncio.sleep(0)
        started.stop(a_stop(), escalate=False)
        calls.release.set()
        return [
            isinstance(each, int) for each in await asyncio.gather(*waiting, return_exceptions=True)
        ].count(True)

    assert asyncio.run(work()) == 1


def in_a_thread(function: Callable[[], object]) -> Future[object]:
    """Run a function in a thread of its own, whatever it raises."""
    future: Future[object] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - it is the result
            future.set_exception(error)

    threading.Thread(target=run).start()
    return future


def test_threads_that_spend_on_are_stopped(calls: Calls) -> None:
    before = in_a_thread(calls.call)
    wait_until(lambda: calls.begun == 1)
    started = Started(is_whole=True)
    mine = in_a_thread(calls.call)
    wait_until(lambda: calls.begun == 2)
    started.stop(a_stop(), escalate=False)
    assert started.describe() == "1 thread"
    assert not mine.done()
    started.stop(a_stop(), escalate=True)
    assert isinstance(mine.exception(20), BudgetExceeded)
    wait_until(lambda: started.describe() == "")
    calls.release.set()
    assert before.result(20) == 0


def test_a_pool_of_threads_is_not_hung(calls: Calls) -> None:
    """Its workers hand on an `Exception` only, and no call that raised anything else ever ends."""
    started = Started(is_whole=True)
    with multiprocessing.pool.ThreadPool(1) as pool:
        result = pool.apply_async(calls.call)
        wait_until(lambda: calls.begun == 1)
        started.stop(a_stop(), escalate=True)
        with pytest.raises(BudgetExceeded):
            result.get(20)


def test_waiting_services_are_not_running(calls: Calls) -> None:
    """Threads that a library keeps, and idle workers, aren't what work has left running."""
    started = Started(is_whole=True)
    with ThreadPoolExecutor(1) as pool:
        calls.release.set()
        pool.submit(calls.call).result(20)
        timer = threading.Timer(600, calls.call)
        timer.start()
        wait_until(lambda: started.describe() == "")
        timer.cancel()
        timer.join()
