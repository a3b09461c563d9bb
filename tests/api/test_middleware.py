"""`client.middleware` with aiohttp: calls that are known and can be refused, and a key that is not seen."""

from __future__ import annotations

import asyncio
import gc
import pickle
import traceback
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from evolink_nb import BudgetExceeded, meter
from evolink_nb.api.bearer import HIDDEN
from evolink_nb.api.calls import Call, calls
from evolink_nb.polling.fetcher import stop_all
from tests.support.failing_server import KEY, FailingServer, Reply, response
from tests.support.paid_server import PaidServer
from tests.support.secrecy import texts_in

if TYPE_CHECKING:
    from evolink_nb import EvoLinkClient

IMAGES = "/v1/images/generations"


@pytest.fixture
def server() -> Iterator[PaidServer]:
    """A server that charges for calls."""
    with PaidServer() as server:
        yield server


@pytest.fixture
def client(server: PaidServer) -> Iterator[EvoLinkClient]:
    """A client of that server."""
    with server.client() as client:
        yield client


def with_session(client: EvoLinkClient, work: Callable[[aiohttp.ClientSession], Awaitable[Any]]) -> Any:
    """Return the result of work in a session with the client's middleware."""

    async def run() -> Any:
        async with aiohttp.ClientSession(client.base_url, middlewares=[client.middleware]) as http:
            return await work(http)

    return asyncio.run(run())


async def post(http: aiohttp.ClientSession, path: str = IMAGES) -> Any:
    """Return what the answer to a call says, and the call's request as aiohttp shows it."""
    async with http.post(path, json={}) as answer:
        return await answer.json(), answer.request_info


def only_call(client: EvoLinkClient) -> Call:
    [call] = calls.recent(client.identity)
    return call


def test_aiohttp_makes_guarded_calls(server: PaidServer, client: EvoLinkClient) -> None:
    body, request = with_session(client, post)
    assert body["usage"] == {"credits_reserved": 1}
    call = only_call(client)
    assert (call.is_under_way, call.reserved, call.is_awaited) == (False, Decimal(1), True)
    assert server.charged == 1
    assert request.headers["Authorization"] == HIDDEN
    assert KEY not in repr(request)


def test_spent_budget_lets_no_call_out(server: PaidServer, client: EvoLinkClient) -> None:
    async def work(http: aiohttp.ClientSession) -> None:
        for _ in range(5):
            await post(http)

    with pytest.raises(BudgetExceeded) as stopped, meter(client=client, max_credits=2) as cost:
        with_session(client, work)
    assert cost.wait(60)
    assert "it refused the next call" in str(stopped.value)
    stop_all()
    assert server.charged == 2
    assert KEY not in "".join(traceback.format_exception(stopped.value))


def test_looking_up_is_no_call_of_aiohttp(client: EvoLinkClient) -> None:
    async def work(http: aiohttp.ClientSession) -> int:
        async with http.get("/v1/credits") as answer:
            return answer.status

    assert with_session(client, work) == 200
    assert calls.recent(client.identity) == []


def test_events_stream_through_aiohttp(client: EvoLinkClient) -> None:
    async def work(http: aiohttp.ClientSession) -> bool:
        async with http.post("/events") as answer:
            assert (await answer.content.readline()).startswith(b"data:")
            was_under_way = only_call(client).is_under_way
        del answer
        gc.collect()
        return was_under_way

    assert with_session(client, work)
    assert calls.under_way(client.identity) == []


def test_other_hosts_get_no_key() -> None:
    """Not even by a redirect."""
    with FailingServer(Reply(response({}))) as other:
        moved = response(status="307 Temporary Redirect", location=f"{other.url}{IMAGES}")
        with FailingServer(Reply(moved)) as ours, ours.client() as client:
            with_session(client, post)
            assert ours.header("authorization") == [f"Bearer {KEY}"]
            assert other.heads[0].startswith(f"POST {IMAGES} ")
            assert other.header("authorization") == []
            assert only_call(client).is_under_way is False


def test_failed_call_of_aiohttp_shows_no_key() -> None:
    cut_short = Reply(response(b"{", length=50), hang_up=True)
    with FailingServer(cut_short) as server, server.client() as client:
        with pytest.raises(aiohttp.ClientError) as failed:
            with_session(client, post)
        assert server.header("authorization") == [f"Bearer {KEY}"]
        assert only_call(client).is_under_way is False
    assert not any(KEY in text for text in texts_in(failed.value))
    shown = traceback.TracebackException.from_exception(failed.value, capture_locals=True)
    assert KEY not in "".join(shown.format())


def test_a_middleware_is_not_pickled(client: EvoLinkClient) -> None:
    assert KEY not in repr(client.middleware)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(client.middleware)
