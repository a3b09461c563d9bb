"""Tasks that are stopped once they have spent what they may, and the event loop that goes on."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from evolink_nb import BudgetExceeded, EvoLinkClient, meter
from evolink_nb.metering.active import active_measurements
from evolink_nb.metering.budget import Budget
from evolink_nb.metering.budgets.options import BudgetOptions
from evolink_nb.metering.budgets.registry import budgets
from evolink_nb.metering.budgets.watch_timing import WatchTiming
from evolink_nb.metering.interrupt import InterruptTarget
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.spending import EVERY, Spending

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer

pytestmark = pytest.mark.usefixtures("sigint_left_alone")


def test_an_awaiting_task_is_stopped(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """A task is stopped where it awaits and the loop goes on."""
    spending = Spending(demo_server)

    async def limited() -> None:
        async with meter(max_credits=5, client=client, every=EVERY):
            await spending.in_an_await()

    async def beside() -> str:
        with pytest.raises(BudgetExceeded):
            await limited()
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(0)
        return "went on"

    assert asyncio.run(beside()) == "went on"


def test_a_deaf_task_protects_no_other(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """A task that is deaf keeps no other from being stopped."""
    spending = Spending(demo_server)

    async def deaf(over: asyncio.Event, heard: asyncio.Event) -> None:
        with contextlib.suppress(BudgetExceeded):
            async with meter(max_credits=1, client=client, every=EVERY):
                spending.step()
                while not over.is_set():
                    try:
                        await over.wait()
                    except asyncio.CancelledError:
                        heard.set()

    async def main() -> None:
        over, heard = asyncio.Event(), asyncio.Event()
        beside = asyncio.create_task(deaf(over, heard))
        try:
            await heard.wait()
            # That is no stop of what this thread does otherwise.
            assert budgets.stopped(threading.get_ident()) is None
            with pytest.raises(BudgetExceeded):
                async with asyncio.timeout(10), meter(max_credits=5, client=client, every=EVERY):
                    await spending.in_an_await()
        finally:
            over.set()
            await beside

    asyncio.run(main())


def test_a_blocking_task_is_not_mistaken(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """A task that blocks the loop is not taken for the one that is stopped."""
    spending = Spending(demo_server)
    timing = WatchTiming(interval=EVERY, repeat_after=0.1)
    limit = Budget(CreditsFetcher.shared(client), Decimal(5), name="limit", options=BudgetOptions(timing))
    before = limit.fetcher.read()

    async def limited(begun: asyncio.Event) -> BudgetExceeded | None:
        limit.arm(before, InterruptTarget(task=asyncio.current_task()))
        begun.set()
        with pytest.raises(BudgetExceeded) as caught:
            await spending.in_an_await()
        return limit.disarm(caught.value)

    async def blocking(begun: asyncio.Event) -> str:
        await begun.wait()
        # Longer than until the second interrupt: each takes a reading.
        read = demo_server.requests_seen["/v1/credits"]
        while demo_server.requests_seen["/v1/credits"] < read + 5:
            time.sleep(0.01)  # noqa: ASYNC251 - the point of this work
        return "went on"

    async def main() -> None:
        begun = asyncio.Event()
        stopped, other = await asyncio.gather(limited(begun), blocking(begun))
        assert stopped is not None
        assert other == "went on"

    asyncio.run(main())


def test_a_blocking_coroutine_is_stopped(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """A blocking call inside a coroutine is stopped at its next line."""
    spending = Spending(demo_server)

    async def limited() -> None:
        async with meter(max_credits=5, client=client, every=EVERY):
            while True:
                spending.step()
                time.sleep(0.01)  # noqa: ASYNC251 - the point of this work

    with pytest.raises(BudgetExceeded):
        asyncio.run(limited())


def test_a_meter_cancelled_early_is_none(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """A meter that is cancelled as it begins disturbs nobody."""

    async def begin() -> None:
        async with meter(client=client):
            pytest.fail("it began")

    async def cancelled() -> None:
        demo_server.fault(latency=600, times=1)
        task = asyncio.create_task(begin())
        await asyncio.to_thread(demo_server.wait_for_requests, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        client.close()  # ends its reading

    asyncio.run(cancelled())
    assert active_measurements.all() == []
