"""Experiments that make guarded calls, in all the ways in which they are made."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest
import requests

if TYPE_CHECKING:
    from evolink_nb import EvoLinkClient

STEPS = 40
"""The calls of an experiment: more than the limits of tests allow."""


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
        for _ in range(STEPS):
            self.call()

    def in_a_loop_of_httpx(self) -> None:
        with httpx.Client(auth=self.client.auth) as http:
            for _ in range(STEPS):
                self.answers.append(http.post(self.url).json())

    def in_a_retry_loop(self) -> None:
        for _ in range(STEPS):
            with contextlib.suppress(Exception):
                self.call()

    def under_a_bare_except(self) -> None:
        for _ in range(STEPS):
            with contextlib.suppress(BaseException):
                self.call()

    def in_a_loop_that_ends_by_interrupts(self) -> None:
        while True:
            try:
                self.call()
            except (KeyboardInterrupt, pytest.fail.Exception):  # the latter when the test's time is up
                raise
            except BaseException:  # noqa: BLE001, S110 - the point of this work
                pass

    def ask_until_refused(self) -> None:
        """Call nothing, but as if to: until a refusal, at which it is raised."""
        while True:
            requests.Request("POST", self.url, auth=self.client.auth).prepare()

    def in_a_pool(self) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self.call, range(STEPS)))

    def in_a_pool_of_multiprocessing(self) -> None:
        with ThreadPool(4) as pool:
            pool.map(self.call, range(STEPS), chunksize=1)

    def in_a_pool_nobody_hears(self) -> None:
        with ThreadPoolExecutor(4) as pool:
            for number in range(STEPS):
                pool.submit(self.call, number)

    def in_tasks(self) -> None:
        async def work(http: httpx.AsyncClient) -> None:
            for _ in range(STEPS):
                await self.call_async(http)

        async def main() -> None:
            async with httpx.AsyncClient(auth=self.client.auth) as http:
                await asyncio.gather(*(work(http) for _ in range(4)))

        asyncio.run(main())

    def by_openai(self) -> None:
        http: Any = httpx.Client(auth=self.client.auth)
        messages: Any = [{"role": "user", "content": "hello"}]
        with openai.OpenAI(api_key="-", base_url=f"{self.client.base_url}/v1", http_client=http) as ai:
            for _ in range(STEPS):
                self.answers.append(ai.chat.completions.create(model="m", messages=messages))
