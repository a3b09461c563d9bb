"""Work whose calls are guarded: at its limit no paid answer is lost, and no further call goes out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest
import requests

from evolink_nb import BudgetExceeded, budget, meter
from evolink_nb.metering.active import active_measurements
from evolink_nb.metering.budget_registry import budgets
from evolink_nb.polling.fetcher import stop_all
from tests.support.paid_server import PaidServer
from tests.support.spending import EVERY
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from evolink_nb import EvoLinkClient

pytestmark = pytest.mark.usefixtures("sigint_left_alone")

DELAY = 0.3
"""Seconds from a call's charge to its answer: longer than between two readings."""
LIMIT = 5
CALLS = 40
"""More calls than the limit allows, in all ways of making them."""


@pytest.fixture
def server() -> Iterator[PaidServer]:
    """A server that charges at once and answers later."""
    with PaidServer(delay=DELAY) as server:
        yield server


@pytest.fixture
def client(server: PaidServer) -> Iterator[EvoLinkClient]:
    """A client of that server; nothing watches or reads it when the test is over."""
    with server.client() as client:
        yield client
        budgets.cancel_all()
        active_measurements.cancel_all()
        stop_all()


class Experiment:
    """Calls in all the ways in which an experiment makes them, and the answers it got."""

    def __init__(self, client: EvoLinkClient) -> None:
        self.client = client
        self.url = f"{client.base_url}/v1/images/generations"
        self.answers: list[Any] = []

    def call(self, _number: int = 0) -> None:
        answer = requests.post(self.url, auth=self.client.auth, json={}, timeout=10)
        self.answers.append(answer.json())

    async def call_async(self, http: httpx.AsyncClient) -> None:
        self.answers.append((await http.post(self.url, json={})).json())

    def in_a_loop(self) -> None:
        for _ in range(CALLS):
            self.call()

    def in_a_loop_of_httpx(self) -> None:
        with httpx.Client(auth=self.client.auth) as http:
            for _ in range(CALLS):
                self.answers.append(http.post(self.url).json())

    def in_a_retry_loop(self) -> None:
        for _ in range(CALLS):
            with contextlib.suppress(Exception):
                self.call()

    def under_a_bare_except(self) -> None:
        for _ in range(CALLS):
            with contextlib.suppress(BaseException):
                self.call()

    def in_a_pool(self) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self.call, range(CALLS)))

    def in_a_pool_nobody_hears(self) -> None:
        with ThreadPoolExecutor(4) as pool:
            for number in range(CALLS):
                pool.submit(self.call, number)

    def in_tasks(self) -> None:
        async def work(http: httpx.AsyncClient) -> None:
            for _ in range(CALLS):
                await self.call_async(http)

        async def main() -> None:
            async with httpx.AsyncClient(auth=self.client.auth) as http:
                await asyncio.gather(*(work(http) for _ in range(4)))

        asyncio.run(main())

    def by_openai(self) -> None:
        http: Any = httpx.Client(auth=self.client.auth)
        messages: Any = [{"role": "user", "content": "hello"}]
        with openai.OpenAI(api_key="-", base_url=f"{self.client.base_url}/v1", http_client=http) as ai:
            for _ in range(CALLS):
                self.answers.append(ai.chat.completions.create(model="m", messages=messages))


WAYS = {
    "in_a_loop": 1,
    "in_a_loop_of_httpx": 1,
    "in_a_retry_loop": 1,
    "under_a_bare_except": 1,
    "by_openai": 1,
    "in_a_pool": 4,
    "in_a_pool_nobody_hears": 4,
    "in_tasks": 4,
}
"""How many calls are under way at once in each."""


def run(experiment: Experiment, way: str) -> None:
    work: Callable[[], None] = getattr(experiment, way)
    work()


@pytest.mark.parametrize("receipts", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_no_paid_answer_is_lost(
    server: PaidServer, client: EvoLinkClient, way: str, *, receipts: bool
) -> None:
    server.receipts = receipts
    experiment = Experiment(client)
    with pytest.raises(BudgetExceeded) as caught, meter(max_credits=LIMIT, client=client, every=EVERY):
        run(experiment, way)
    # One reading may come before the calls that are charged for by then.
    assert LIMIT <= server.charged <= LIMIT + 2 * WAYS[way]
    wait_until(lambda: len(experiment.answers) == server.charged)
    assert "it refused the next call" in str(caught.value)
    assert "interrupted" not in str(caught.value)
    assert not budgets.any_armed()
    experiment.call()  # what follows is under no budget


@pytest.mark.parametrize("way", WAYS)
def test_a_session_loses_no_paid_answer(server: PaidServer, client: EvoLinkClient, way: str) -> None:
    experiment = Experiment(client)
    with pytest.raises(BudgetExceeded), budget(LIMIT, client=client, every=EVERY):
        run(experiment, way)
    assert LIMIT <= server.charged <= LIMIT + 2 * WAYS[way]
    wait_until(lambda: len(experiment.answers) == server.charged)
