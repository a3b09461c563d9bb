"""What do 100 live cards on one key cost: requests per interval, and the kernel's processor time a reading?

The peer does by hand what ours do: it asks once an interval for all, and shows the answer in each of 100
cards composed of core ipywidgets. Each has a real kernel of its own, on the same account, which spends
between any two readings; they are measured one after the other in every round. Every card of ours reports a
view in sight.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from evolink_nb.demo import DemoServer
from tests.support.environment import account_of

from .composed import COMPOSED
from .kernel import running_kernel, value_of
from .ratio import Comparison, alternate, part

if TYPE_CHECKING:
    from tests.support.kernel import Kernel

CARDS = 100
INTERVAL = 0.5
READINGS = 10
"""Readings of each in every round."""
ROUNDS = 7
MAX_REQUESTS = 1.1
MAX_RATIO = 0.5

_OURS = f"""
import json, time
from evolink_nb import CreditsWidget
cards = [CreditsWidget(interval={INTERVAL}) for _ in range({CARDS})]
fetcher = cards[0].fetcher
fetcher.wait(10)

def seconds_of_readings(count):
    begun, last = time.process_time(), fetcher.readings[-1]
    while (came := len(fetcher.readings) - 1 - fetcher.readings.index(last)) < count:
        time.sleep({INTERVAL} / 10)
    used = time.process_time() - begun
    assert cards[-1].user_remaining in [float(each.user.remaining) for each in fetcher.readings[-3:]]
    print(used / came)

print(json.dumps([card.comm.comm_id for card in cards]))
"""
_PEER = f"""
import os, threading, time
import requests
from datetime import UTC, datetime
from decimal import Decimal
from evolink_nb import Credits
{COMPOSED}
cards = [ComposedCard() for _ in range({CARDS})]
session = requests.Session()
address = os.environ["EVOLINK_BASE_URL"] + "/v1/credits"
headers = {{"Authorization": "Bearer " + os.environ["EVOLINK_API_KEY"]}}

def read():
    answer = session.get(address, headers=headers, timeout=10).json(parse_float=Decimal, parse_int=Decimal)
    reading = Credits.from_dict(answer, read_at=datetime.now(UTC))
    for card in cards:
        card.show(reading)

def seconds_of_readings(readings):
    begun = time.process_time()
    for _ in range(readings):
        read()
        time.sleep({INTERVAL})
    print((time.process_time() - begun) / readings)
"""
_IN_SIGHT = {"method": "custom", "content": {"action": "show", "view": "benchmark", "visible": True}}


def measure(share: float = 1.0) -> list[Comparison]:
    """Return the requests per interval, and the ratio of processor time."""
    requests: list[float] = []
    readings = max(part(READINGS, share), 2)
    with (
        DemoServer(seed=1) as server,
        running_kernel(account_of(server)) as kernel,
        running_kernel(account_of(server)) as peer,
    ):
        for comm in value_of(kernel, _OURS):
            kernel.send(comm, _IN_SIGHT)
        value_of(peer, _PEER)

        def ours() -> float:
            before, begun = sum(server.requests_seen.values()), time.monotonic()
            seconds = _seconds(kernel, server, readings)
            intervals = (time.monotonic() - begun) / INTERVAL
            requests.append((sum(server.requests_seen.values()) - before) / intervals)
            return seconds

        ratios = alternate(ours, lambda: _seconds(peer, server, readings), rounds=part(ROUNDS, share))
    question = f"{CARDS} live cards on one key"
    return [
        Comparison(f"{question}: requests per interval (count)", requests, MAX_REQUESTS, "sharing-requests"),
        Comparison(
            f"a reading shown in {question} ÷ in {CARDS} of core ipywidgets (processor time)",
            ratios,
            MAX_RATIO,
            "sharing",
        ),
    ]


def _seconds(kernel: Kernel, server: DemoServer, readings: int) -> float:
    """Return the kernel's processor seconds a reading, while the account spends."""

    def spend() -> None:
        for _ in range(readings):
            server.account.spend(1)
            time.sleep(INTERVAL)

    seconds: float = value_of(kernel, f"seconds_of_readings({readings})", during=spend)
    return seconds
