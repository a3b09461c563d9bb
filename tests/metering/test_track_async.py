"""Loops in coroutines: the same, and the event loop goes on."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from evolink_nb import EvoLinkClient, meter, track
from evolink_nb.errors import APIConnectionError
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.loops import Capture, Patient, figures, inner_figures, is_at_rest, printed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from evolink_nb.demo import DemoServer


pytestmark = pytest.mark.usefixtures("simulated_account", "book", "client")


async def prompts(number: int) -> AsyncIterator[int]:
    for each in range(number):
        await asyncio.sleep(0)
        yield each


@pytest.mark.parametrize("kind", ["async", "plain"])
def test_an_async_loop_keeps_its_limit(demo_server: DemoServer, capsys: Capture, kind: str) -> None:
    async def work() -> list[int]:
        done = []
        async for number in Patient(prompts(9) if kind == "async" else range(9), max_credits=4):
            await asyncio.sleep(0)
            demo_server.account.spend(1)
            done.append(number)
        return done

    assert asyncio.run(work()) == [0, 1, 2, 3]
    stopped, closing = printed(capsys)
    assert stopped.startswith("Stopped before item 5")
    assert closing == "4 items, 4 credits, 1 each"


def test_an_async_loop_does_all_that_it_may() -> None:
    async def work() -> list[int]:
        return [number async for number in track(prompts(3))] + [number async for number in track(range(3))]

    assert asyncio.run(work()) == [0, 1, 2, 0, 1, 2]


def test_reading_does_not_block_the_loop(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """The event loop goes on while an async loop reads."""

    async def give_up_the_reading(number: int) -> None:
        await asyncio.to_thread(demo_server.wait_for_requests, number)
        CreditsFetcher.shared(client).client.close()

    async def work() -> list[int]:
        done = []
        async for number in Patient(range(2), max_credits=4):
            done.append(number)
            if number == 0:
                # Nobody waits for this answer as long as it takes, if the task below can run meanwhile.
                demo_server.fault(latency=60, times=1)
                rescue = give_up_the_reading(demo_server.requests_seen["/v1/credits"] + 1)
                tasks.append(asyncio.create_task(rescue))
            else:
                assert tasks[0].done()
        return done

    tasks: list[asyncio.Task[None]] = []
    assert asyncio.run(work()) == [0, 1]


def test_leaving_an_async_loop_ends_it(demo_server: DemoServer, capsys: Capture) -> None:
    async def work() -> None:
        async for number in Patient(prompts(9), max_credits=40):
            demo_server.account.spend(1)
            if number == 2:
                break
        assert printed(capsys) == ["Loop left during item 3: 3 credits, 1 each"]
        assert is_at_rest()

    asyncio.run(work())


def test_a_cancelled_loop_says_its_cost(demo_server: DemoServer, capsys: Capture) -> None:
    async def work() -> None:
        async for _ in Patient(range(9)):
            demo_server.account.spend(2)
            begun.set()
            await asyncio.Event().wait()

    async def cancel() -> None:
        task = asyncio.create_task(work())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    begun = asyncio.Event()
    asyncio.run(cancel())
    assert printed(capsys) == ["Loop left during item 1 of 9: 2 credits, 2 each"]


def test_an_unwatched_async_loop_is_not_run(demo_server: DemoServer) -> None:
    """An async loop whose limit can't be watched does not begin."""

    async def work() -> None:
        async for _ in track(range(3), max_credits=5):
            pytest.fail("it began")

    demo_server.fault(connection="refuse")
    with pytest.raises(APIConnectionError):
        asyncio.run(work())


def test_a_meter_fits_in_an_async_loop(demo_server: DemoServer) -> None:
    async def work() -> None:
        bar = track(range(2), max_credits=10)
        async for _ in bar:
            async with meter() as cost:
                demo_server.account.spend(1)
            assert inner_figures(cost) == (Decimal(1), "clean")
        assert figures(bar.cost) == (Decimal(2), "clean")
        assert is_at_rest()

    asyncio.run(work())


def test_what_is_asynchronous_only_says_so() -> None:
    with pytest.raises(TypeError, match="async for"):
        iter(track(prompts(1)))
