"""Many fetchers on one key, in several processes: requests an interval, and how soon all have a reading.

    python -m tests.history.team [--on sqlite|postgresql|pgbouncer] [--processes 8] [--each 25] [--interval 2]

Exits 1 if the requests are more than 1.2 an interval, or a reading takes more than a second to reach 99 %.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evolink_nb.demo import Account, DemoServer
from tests.support.environment import account_of
from tests.support.pgbouncer import pooled
from tests.support.postgres import running_postgres
from tests.support.waiting import wait_until

MAX_REQUESTS = 1.2
MAX_SECONDS = 1.0
ROUTE = "/v1/credits"
_MEMBER = """
import json, sys, time
from evolink_nb import CreditsFetcher, EvoLinkClient
count, interval = int(sys.argv[1]), float(sys.argv[2])
fetchers = [CreditsFetcher(EvoLinkClient(), interval) for _ in range(count)]
heard = []
for number, fetcher in enumerate(fetchers):
    def note(change, number=number):
        if change.owner.credits is not None:
            heard.append([number, str(change.owner.credits.user.used), time.monotonic()])
    fetcher.observe(note, "revision")
    fetcher.start()
while any(fetcher.credits is None for fetcher in fetchers):
    time.sleep(0.05)
print("ready", flush=True)
sys.stdin.readline()
for fetcher in fetchers:
    fetcher.stop()
print(json.dumps(heard))
"""


@dataclass(frozen=True)
class Result:
    """What was measured.

    Attributes:
        requests: Requests an interval.
        p99: Seconds within which 99 of 100 fetchers had a new reading, counted from the first that had it.
        missed: How many readings some fetcher never had.
    """

    requests: float
    p99: float
    missed: int


def measure(url: str, *, processes: int, each: int, interval: float, rounds: int) -> Result:
    """Run a team for some intervals.

    Args:
        url: Where its history is.
        processes: How many processes.
        each: How many fetchers in each.
        interval: Seconds between two readings.
        rounds: For how many intervals.
    """
    with DemoServer(Account()) as server, contextlib.ExitStack() as stack:
        environment = {**os.environ, **account_of(server), "EVOLINK_NB_HISTORY": url}
        command = [sys.executable, "-c", _MEMBER, str(each), str(interval)]
        pipe = subprocess.PIPE
        members = [
            stack.enter_context(
                subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)
            )
            for _ in range(processes)
        ]
        for member in members:
            assert member.stdout is not None
            assert member.stdout.readline() == "ready\n"
        _settle(server, interval)
        before, began = server.requests_seen[ROUTE], time.monotonic()
        amounts = []
        for _ in range(rounds):
            seen = server.requests_seen[ROUTE]
            server.account.spend(1)
            amounts.append(str(server.account.balance()["user"]["used_credits"]))
            wait_until(lambda seen=seen: server.requests_seen[ROUTE] > seen)  # type: ignore[misc]
        seconds = time.monotonic() - began
        requests = (server.requests_seen[ROUTE] - before) / (seconds / interval)
        _rest(server, interval)
        heard = [json.loads(member.communicate("\n")[0].splitlines()[-1]) for member in members]
    return Result(requests, *_spread(heard, amounts, processes * each))


def _settle(server: DemoServer, interval: float) -> None:
    """Wait until the readings are shared: each process opens the database in its own time."""
    seen, since = server.requests_seen[ROUTE], time.monotonic()

    def are_few() -> bool:
        nonlocal seen, since
        if time.monotonic() - since < 3 * interval:
            return False
        before, seen, since = seen, server.requests_seen[ROUTE], time.monotonic()
        return seen - before <= 4

    wait_until(are_few, limit=180)


def _rest(server: DemoServer, interval: float) -> None:
    """Wait for two more readings, so that all have the newest."""
    seen = server.requests_seen[ROUTE]
    wait_until(lambda: server.requests_seen[ROUTE] >= seen + 2, limit=60 + 4 * interval)


def _spread(heard: list[list[Any]], amounts: list[str], fetchers: int) -> tuple[float, int]:
    delays, missed = [], 0
    for amount in amounts:
        first: dict[tuple[int, int], float] = {}
        for process, messages in enumerate(heard):
            for number, used, at in messages:
                if used == amount:
                    first.setdefault((process, number), at)
        missed += fetchers - len(first)
        delays += [at - min(first.values()) for at in first.values()]
    return sorted(delays)[int(len(delays) * 0.99)] if delays else float("inf"), missed


@contextlib.contextmanager
def database(kind: str) -> Iterator[str]:
    """Yield the URL of an empty database of a kind: sqlite, postgresql or pgbouncer."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        if kind == "sqlite":
            yield f"{folder}/history.db"
            return
        url = stack.enter_context(running_postgres()).new_database()
        yield stack.enter_context(pooled(url)) if kind == "pgbouncer" else url


def main() -> int:
    """Measure, print the result, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--on", choices=("sqlite", "postgresql", "pgbouncer"), default="pgbouncer")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--each", type=int, default=25)
    parser.add_argument("--interval", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    with database(given.on) as url:
        found = measure(
            url, processes=given.processes, each=given.each, interval=given.interval, rounds=given.rounds
        )
    sys.stdout.write(
        f"{given.processes * given.each} fetchers in {given.processes} processes on {given.on}, "
        f"every {given.interval:g} s: {found.requests:.2f} requests an interval, "
        f"a reading reaches 99 % within {found.p99:.2f} s, {found.missed} missed\n"
    )
    return int(found.requests > MAX_REQUESTS or found.p99 > MAX_SECONDS or found.missed > 0)


if __name__ == "__main__":
    sys.exit(main())
