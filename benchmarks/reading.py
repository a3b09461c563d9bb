"""What does a warm ``get_credits()`` cost beside a bare ``requests.Session().get(...).json()``?"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests

from evolink_nb import EvoLinkClient

from .ratio import Comparison, alternate

ROUNDS = 60
READS = 25


def measure() -> list[Comparison]:
    """Return the ratio of seconds, both on a kept-alive connection to the demo API in another process."""
    with _demo_api() as (url, key), EvoLinkClient(key, base_url=url) as client, requests.Session() as session:
        headers = {"Authorization": f"Bearer {key}"}

        def bare() -> object:
            return session.get(f"{url}/v1/credits", headers=headers, timeout=10).json()

        for warm_up in (client.get_credits, bare):
            _seconds(warm_up)
        ratios = alternate(lambda: _seconds(client.get_credits), lambda: _seconds(bare), rounds=ROUNDS)
    return [Comparison("get_credits() : requests.Session().get(…).json()  (time)", ratios, 1.15)]


def _seconds(read: Callable[[], object]) -> float:
    started = time.perf_counter()
    for _ in range(READS):
        read()
    return time.perf_counter() - started


@contextmanager
def _demo_api() -> Iterator[tuple[str, str]]:
    """Run the demo API in a process of its own, so that it shares no interpreter lock with its readers."""
    command = [sys.executable, "-m", "evolink_nb.demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # for mypy  # noqa: S101
        try:
            url, key = (process.stdout.readline().split()[-1] for _ in range(2))
            yield url, key
        finally:
            process.terminate()
