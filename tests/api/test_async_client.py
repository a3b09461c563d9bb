"""`await client.get_credits_async()`: the same read, and what cancelling it leaves."""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from evolink_nb import errors
from evolink_nb.api.transport import THREAD_NAME
from tests.support import threads
from tests.support.failing_server import GOOD, SILENCE, FailingServer
from tests.support.waiting import LIMIT, wait_until

if TYPE_CHECKING:
    from evolink_nb import EvoLinkClient
    from evolink_nb.demo import DemoServer


def test_awaited_reading_is_the_same(reader: EvoLinkClient) -> None:
    credits = asyncio.run(reader.get_credits_async())
    assert credits.spendable == Decimal("1095.3996")


def test_awaited_failure_is_the_same(reader: EvoLinkClient, demo_server: DemoServer) -> None:
    demo_server.fault(status=401)
    with pytest.raises(errors.AuthenticationError, match="answered 401"):
        asyncio.run(reader.get_credits_async())


def test_event_loop_runs_on_meanwhile(
    reader: EvoLinkClient, demo_server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_turned = threading.Event()
    monkeypatch.setattr(demo_server, "pause", lambda _seconds: has_turned.wait(LIMIT))

    async def read_beside() -> int:
        demo_server.fault(latency=LIMIT)
        reading = asyncio.ensure_future(reader.get_credits_async())
        turns = 0
        while not reading.done():
            await asyncio.sleep(0.01)
            turns += 1
            if turns > 3:
                has_turned.set()
        await reading
        return turns

    assert asyncio.run(read_beside()) > 3


def test_many_are_read_side_by_side(reader: EvoLinkClient) -> None:
    async def read_all() -> set[Decimal]:
        found = await asyncio.gather(*(reader.get_credits_async() for _ in range(10)))
        return {credits.spendable for credits in found}

    assert asyncio.run(read_all()) == {Decimal("1095.3996")}


def fail_to_read(client: EvoLinkClient) -> None:
    with pytest.raises(errors.EvoLinkError):
        client.get_credits()


def test_cancelling_frees_its_threads() -> None:
    """And ends no other read of the client."""
    with FailingServer(SILENCE) as server, server.client(timeout=60) as client:

        async def give_up() -> None:
            other = threading.Thread(target=fail_to_read, args=(client,))
            other.start()
            await asyncio.to_thread(server.wait_for_requests, 1)
            task = asyncio.ensure_future(client.get_credits_async())
            await asyncio.to_thread(server.wait_for_requests, 2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            wait_until(lambda: not list(threads.running("evolink-nb-read")))
            wait_until(lambda: len(list(threads.running(THREAD_NAME))) == 1)
            assert other.is_alive()
            client.close()
            await asyncio.to_thread(other.join, 60)

        asyncio.run(give_up())


def test_timed_out_read_is_not_tried_again() -> None:
    with FailingServer(SILENCE, GOOD) as server, server.client(timeout=60) as client:

        async def hurry() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.get_credits_async(), 0.3)
            wait_until(lambda: not list(threads.running("evolink-nb-read")))

        asyncio.run(hurry())
        server.wait_for_requests(1)
        assert len(server.heads) == 1
        # The client goes on as before.
        assert client.get_credits().spendable > 0


def test_closing_ends_an_awaited_read() -> None:
    with FailingServer(SILENCE) as server, server.client(timeout=60) as client:

        async def close() -> None:
            task = asyncio.ensure_future(client.get_credits_async())
            await asyncio.to_thread(server.wait_for_requests, 1)
            client.close()
            with pytest.raises(errors.APIConnectionError, match="its client was closed"):
                await task

        asyncio.run(close())


def test_missing_thread_is_our_own_error(reader: EvoLinkClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(errors.APIConnectionError, match="new thread"):
        asyncio.run(reader.get_credits_async())
