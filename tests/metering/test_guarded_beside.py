"""Guarded work side by side on one account, and guarded work that outlives its budget."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from evolink_nb import BudgetExceeded, meter
from evolink_nb.api.calls import calls
from evolink_nb.metering.budgets.gate import gate
from tests.support.experiment import STEPS, Experiment
from tests.support.spending import EVERY
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from evolink_nb import EvoLinkClient
    from tests.support.paid_server import PaidServer

LIMIT = 5


async def limited(experiment: Experiment, http: httpx.AsyncClient, steps: int) -> None:
    """Make calls under a budget of 3 of its own, and outlast some readings."""
    async with meter(max_credits=3, client=experiment.client, every=EVERY, settle=0):
        for _ in range(steps):
            await experiment.call_async(http)
        await asyncio.sleep(4 * EVERY)


async def all_limited(experiment: Experiment, steps: list[int]) -> list[BaseException | None]:
    async with httpx.AsyncClient(auth=experiment.client.auth) as http:
        work = [limited(experiment, http, each) for each in steps]
        return await asyncio.gather(*work, return_exceptions=True)


@pytest.mark.parametrize("steps", [1, 2])
def test_tasks_side_by_side_go_on(paid_server: PaidServer, paid_client: EvoLinkClient, steps: int) -> None:
    """Each spends less than it may, and none is told of what all spend together."""
    experiment = Experiment(paid_client)
    assert asyncio.run(all_limited(experiment, [steps] * 20)) == [None] * 20
    assert len(experiment.answers) == paid_server.charged == 20 * steps


def test_one_of_many_tasks_is_stopped(paid_server: PaidServer, paid_client: EvoLinkClient) -> None:
    """The one that spends more than it may, and no other."""
    experiment = Experiment(paid_client)
    first, second, third = asyncio.run(all_limited(experiment, [1, 6, 2]))
    assert (first, third) == (None, None)
    assert isinstance(second, BudgetExceeded)
    assert second.spent == 3
    assert paid_server.charged == len(experiment.answers) == 6


def test_what_cant_be_told_apart_is_said(paid_server: PaidServer, paid_client: EvoLinkClient) -> None:
    paid_server.receipts = False
    experiment = Experiment(paid_client)
    stops = asyncio.run(all_limited(experiment, [STEPS] * 4))
    assert all(isinstance(stop, BudgetExceeded) for stop in stops)
    assert "Spending by other work at the same time may be in it." in str(stops[-1])
    assert len(experiment.answers) == paid_server.charged


def test_threads_side_by_side_go_on(paid_server: PaidServer, paid_client: EvoLinkClient) -> None:
    experiment = Experiment(paid_client)
    stops: list[BudgetExceeded] = []

    def work() -> None:
        try:
            with meter(max_credits=3, client=paid_client, every=EVERY, settle=0):
                experiment.call()
        except BudgetExceeded as stop:
            stops.append(stop)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert stops == []
    assert len(experiment.answers) == paid_server.charged == 8


def test_inner_budgets_count_for_the_outer(paid_server: PaidServer, paid_client: EvoLinkClient) -> None:
    """Also in a pool's threads, each of which has its own: the outer one was there before them."""
    paid_server.delay = 0
    experiment = Experiment(paid_client)

    def work(_number: int) -> None:
        with meter(max_credits=3, client=paid_client, every=EVERY, settle=0):
            experiment.call()

    with (
        pytest.raises(BudgetExceeded) as caught,
        meter(max_credits=LIMIT, name="outer", client=paid_client, every=EVERY),
        ThreadPoolExecutor(2) as pool,
    ):
        list(pool.map(work, range(STEPS)))
    assert "'outer'" in caught.value.name
    assert len(experiment.answers) == paid_server.charged <= LIMIT + 4


# -- work that is left -------------------------------------------------------------------------------------


def test_a_stopped_pool_stays_refused(paid_server: PaidServer, paid_client: EvoLinkClient) -> None:
    experiment = Experiment(paid_client)
    limit = meter(max_credits=LIMIT, client=paid_client, every=EVERY)
    with ThreadPoolExecutor(4) as pool:

        def work() -> None:
            for future in [pool.submit(experiment.call) for _ in range(STEPS)]:
                future.result()

        with pytest.raises(BudgetExceeded), limit:
            work()
    assert len(experiment.answers) == paid_server.charged <= LIMIT + 8


def test_another_budget_takes_a_pool_over(paid_server: PaidServer, paid_client: EvoLinkClient) -> None:
    paid_server.delay = 0
    experiment = Experiment(paid_client)
    with ThreadPoolExecutor(4) as pool:
        with pytest.raises(BudgetExceeded), meter(max_credits=LIMIT, client=paid_client, every=EVERY):
            list(pool.map(experiment.call, range(STEPS)))
        wait_until(lambda: not calls.under_way(paid_client.identity))
        charged = paid_server.charged
        with meter(max_credits=LIMIT, client=paid_client, every=EVERY):
            list(pool.map(experiment.call, range(3)))
    assert paid_server.charged == charged + 3


def test_a_cell_takes_idle_threads_over(paid_server: PaidServer, paid_client: EvoLinkClient) -> None:
    """A pool that has nothing left to do is free for what comes next, budget or not."""
    paid_server.delay = 0
    experiment = Experiment(paid_client)
    # One thread: a larger pool may start another for the next call, which then isn't one that was left.
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(BudgetExceeded), meter(max_credits=LIMIT, client=paid_client, every=EVERY):
            list(pool.map(experiment.call, range(STEPS)))
        with pytest.raises(BudgetExceeded, match="comes from work that was stopped"):
            pool.submit(experiment.call).result()
        wait_until(lambda: not calls.under_way(paid_client.identity))
        charged = paid_server.charged

        def is_free() -> bool:
            gate.begin_cell()
            return pool.submit(experiment.call).exception() is None

        wait_until(is_free)
    assert paid_server.charged > charged


def test_a_left_thread_stays_refused(paid_server: PaidServer, paid_client: EvoLinkClient) -> None:
    """A loop in a thread of its own that swallows its stops, whatever cells begin."""
    paid_server.delay = 0
    experiment, over = Experiment(paid_client), threading.Event()
    refused: list[BudgetExceeded] = []

    def work() -> None:
        while not over.wait(0.01):
            try:
                experiment.call()
            except BudgetExceeded as stop:
                refused.append(stop)

    thread = threading.Thread(target=work)

    def start() -> None:
        thread.start()
        wait_until(lambda: refused)

    try:
        with pytest.raises(BudgetExceeded), meter(max_credits=LIMIT, client=paid_client, every=EVERY):
            start()
        gate.begin_cell()
        charged, before = paid_server.charged, len(refused)
        wait_until(lambda: len(refused) > before + 10)
        assert paid_server.charged == charged
        experiment.call()  # this thread's work is under no budget
    finally:
        over.set()
        thread.join()


def test_a_left_task_stays_refused(paid_server: PaidServer, paid_client: EvoLinkClient) -> None:
    paid_server.delay = 0
    experiment = Experiment(paid_client)
    refused: list[BudgetExceeded] = []
    left: list[asyncio.Task[None]] = []

    async def endless(http: httpx.AsyncClient) -> None:
        while True:
            try:
                await experiment.call_async(http)
            except BudgetExceeded as stop:
                refused.append(stop)
            await asyncio.sleep(0.01)

    async def limited(http: httpx.AsyncClient) -> None:
        async with meter(max_credits=LIMIT, client=paid_client, every=EVERY):
            left.append(asyncio.create_task(endless(http)))
            await asyncio.to_thread(wait_until, lambda: refused)
            await experiment.call_async(http)

    async def main() -> None:
        async with httpx.AsyncClient(auth=paid_client.auth) as http:
            with pytest.raises(BudgetExceeded):
                await limited(http)
            charged, before = paid_server.charged, len(refused)
            await asyncio.to_thread(wait_until, lambda: len(refused) > before + 10)
            assert paid_server.charged == charged
            await experiment.call_async(http)
            left[0].cancel()

    asyncio.run(main())
