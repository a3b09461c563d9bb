"""What does a warm ``get_credits()`` cost beside a bare ``requests.Session().get(...).json()``?"""

from __future__ import annotations

import time
from collections.abc import Callable

import requests

from evolink_nb import EvoLinkClient

from .busy import quiet_and_busy
from .ratio import Comparison, alternate, part
from .simulated import simulated_api

ROUNDS = 60
READS = 25
MAX_RATIO = 1.15
MAX_BUSY_RATIO = 1.3


def measure(share: float = 1.0) -> list[Comparison]:
    """Return the ratios of seconds, both on a kept-alive connection to the demo API in another process."""
    with (
        simulated_api() as server,
        EvoLinkClient(server.key, base_url=server.url) as client,
        requests.Session() as session,
    ):

        def bare() -> object:
            return session.get(f"{server.url}/v1/credits", headers=server.headers, timeout=10).json()

        for warm_up in (client.get_credits, bare):
            _seconds(warm_up)
        return quiet_and_busy(
            "a warm `get_credits()` ÷ a bare `requests.Session().get(…).json()` (time)",
            lambda: alternate(
                lambda: _seconds(client.get_credits), lambda: _seconds(bare), rounds=part(ROUNDS, share)
            ),
            target=MAX_RATIO,
            busy_target=MAX_BUSY_RATIO,
            name="reading",
        )


def _seconds(read: Callable[[], object]) -> float:
    started = time.perf_counter()
    for _ in range(READS):
        read()
    return time.perf_counter() - started
