"""`async for reading in fetcher`: each reading as it comes, and no subscription left."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from evolink_nb import EvoLinkClient, errors
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.scripted import READING, ScriptedClient, fetcher_threads, status_error, unavailable

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.clock import FakeClock


def spent(credits: int) -> object:
    return replace(READING, token=replace(READING.token, used=READING.token.used + credits))


def test_each_reading_comes_once(fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock) -> None:
    client.then(*(spent(number) for number in range(4)))  # type: ignore[arg-type]

    async def follow() -> list[Decimal]:
        found = []
        async for reading in fetcher:
            found.append(reading.token.used - READING.token.used)
            if len(found) == 4:
                break
            await asyncio.to_thread(clock.advance, 15)
        return found

    assert asyncio.run(follow()) == [0, 1, 2, 3]
    assert not fetcher.running
    assert fetcher_threads() == []


def test_iteration_ends_with_the_fetcher(fetcher: CreditsFetcher) -> None:
    async def follow() -> int:
        count = 0
        async for _ in fetcher:
            count += 1
            await asyncio.to_thread(fetcher.stop)
        return count

    assert asyncio.run(follow()) == 1


def test_stop_ends_an_iteration_that_waits(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
    """Whatever the status was: also before the first reading, and after a failure."""
    client.then(unavailable())

    async def follow() -> None:
        async for _ in fetcher:
            raise AssertionError("there is nothing to read")

    async def stop() -> None:
        task = asyncio.ensure_future(follow())
        await asyncio.to_thread(client.wait_until_asked, 1)
        await asyncio.to_thread(fetcher.wait, 60)
        await asyncio.to_thread(fetcher.stop)
        await asyncio.wait_for(task, 60)

    asyncio.run(stop())


def test_refused_key_ends_the_iteration(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
    client.then(READING, status_error(errors.AuthenticationError, 401))

    async def follow() -> None:
        async for _ in fetcher:
            # Not `refresh`: it joins a read that is only just published.
            with pytest.raises(errors.AuthenticationError):
                await asyncio.to_thread(fetcher.read, join=False)

    with pytest.raises(errors.AuthenticationError):
        asyncio.run(follow())
    assert not fetcher.running


def test_passing_failure_is_waited_out(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock
) -> None:
    client.then(READING, unavailable(), spent(1))  # type: ignore[arg-type]

    async def follow() -> int:
        count = 0
        async for _ in fetcher:
            count += 1
            if count == 2:
                return count
            await asyncio.to_thread(clock.advance, 15)
            await asyncio.to_thread(clock.advance, 60)
        return count

    assert asyncio.run(follow()) == 2


def test_old_reading_is_not_handed_out(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
    """One that nothing kept fresh; of one that is fresh, nobody waits for the next."""
    old, new = READING, spent(1)
    client.then(old, new)  # type: ignore[arg-type]
    fetcher.read()

    async def first() -> object:
        async for reading in fetcher:
            return reading.token.used
        return None

    assert asyncio.run(first()) == READING.token.used + 1


def test_several_iterate_side_by_side(demo_server: DemoServer, reader: EvoLinkClient) -> None:
    fetcher = CreditsFetcher(reader, 0.1)

    async def follow(count: int) -> int:
        found = 0
        async for _ in fetcher:
            found += 1
            if found == count:
                break
        return found

    async def both() -> list[int]:
        return list(await asyncio.gather(follow(2), follow(4)))

    assert asyncio.run(both()) == [2, 4]
    assert not fetcher.running
    assert demo_server.requests_seen["/v1/credits"] < 20
