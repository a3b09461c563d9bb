"""Calls that tell no price: when a reading is wanted before the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
import requests

from evolink_nb import BudgetExceeded, EvoLinkClient, meter
from evolink_nb.api.calls import Call
from evolink_nb.demo import Account, DemoServer
from evolink_nb.metering.budgets.unpriced import UnpricedCalls

Post = Callable[..., Any]

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1000}
PRICE = Decimal("2.002")
"""What such a chat reserves, in credits."""


def call(*, began: float = 0.0, ended: float | None = None, reserved: Decimal | None = None) -> Call:
    return Call("key", began_at=began, ended_at=ended, reserved=reserved)


def calls(*made: Call) -> UnpricedCalls:
    found = UnpricedCalls()
    for each in made:
        found.add(each)
    return found


@pytest.mark.parametrize(
    ("made", "wants"),
    [
        ([], False),
        ([call()], False),
        ([call(ended=1.0)], True),
        ([call(ended=1.0, reserved=Decimal(1))], False),
        ([call(ended=1.0, reserved=Decimal(0))], False),
    ],
)
def test_an_unknown_price_is_asked_for(made: list[Call], *, wants: bool) -> None:
    assert calls(*made).may_exceed(Decimal(10)) is wants


def test_nothing_is_asked_once_spent() -> None:
    assert not calls(call(ended=1.0)).may_exceed(Decimal(0))


def test_a_known_price_is_counted_on() -> None:
    found = calls(call(ended=1.0))
    found.record(Decimal(2), 2.0)
    for number in range(4):
        found.add(call(ended=3.0 + number))
    assert not found.may_exceed(Decimal(9))
    assert found.may_exceed(Decimal(8))
    found.add(call(began=7.0))  # under way: it may cost as much
    assert found.may_exceed(Decimal(10))


def test_the_dearest_price_counts() -> None:
    found = calls(call(ended=1.0), call(ended=1.1, reserved=Decimal(3)))
    found.record(Decimal(5), 2.0)  # 2 for the one that tells none
    found.add(call(ended=3.0))
    found.record(Decimal("0.5"), 4.0)
    found.add(call(ended=5.0))
    assert found.may_exceed(Decimal(2))
    assert not found.may_exceed(Decimal("2.1"))


def test_what_a_reading_missed_stays_open() -> None:
    found = calls(call(ended=1.0), call(ended=3.0))
    found.record(Decimal(2), 2.0)
    assert found.may_exceed(Decimal(2))
    assert not found.may_exceed(Decimal(3))


@pytest.fixture
def account() -> Account:
    """An account on which nothing settles while a test runs."""
    return Account(settle_after=(60, 60), shortfall_rate=0, failure_rate=0)


@pytest.fixture
def client(account: Account) -> Iterator[EvoLinkClient]:
    """A client of that account."""
    with DemoServer(account) as server, EvoLinkClient(server.key, base_url=server.url) as client:
        yield client


@pytest.mark.parametrize("post", [requests.post, httpx.post])
def test_fast_chats_stop_at_the_limit(account: Account, client: EvoLinkClient, post: Post) -> None:
    """They come far faster than readings do, and tell no price."""
    before = account.spendable()
    with pytest.raises(BudgetExceeded), meter(max_credits=6, client=client, settle=0):
        _chat_on(client, post)
    # Each reserves the most that it may cost, and the third reaches the limit.
    assert before - account.spendable() == 3 * PRICE


def test_fast_chats_in_a_task_stop_as_well(account: Account, client: EvoLinkClient) -> None:
    before = account.spendable()
    with pytest.raises(BudgetExceeded):
        asyncio.run(_chat_in_a_task(client))
    assert before - account.spendable() == 3 * PRICE


def _chat_on(client: EvoLinkClient, post: Post) -> None:
    for _ in range(60):
        assert post(f"{client.base_url}/v1/chat/completions", json=CHAT, auth=client.auth).status_code == 200


async def _chat_in_a_task(client: EvoLinkClient) -> None:
    async with meter(max_credits=6, client=client, settle=0), httpx.AsyncClient(auth=client.auth) as http:
        for _ in range(60):
            await http.post(f"{client.base_url}/v1/chat/completions", json=CHAT)
