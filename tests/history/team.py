"""Many fetchers on one key, in several processes: how they share its readings.

    python -m tests.history.team [--on sqlite|postgresql|pgbouncer] [--processes 8] [--each 25] [--interval 2]

Prints the requests per interval, how soon a reading reaches 99 %, how soon another process reads when the one
that does is killed, and how many connections to the server there were. Exits 1 if a target is missed.
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
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import select

from evolink_nb import runtime
from evolink_nb.demo import Account, DemoServer
from evolink_nb.history.sharing.holders import host_and_pid
from evolink_nb.history.storage.location import find_location
from evolink_nb.history.storage.store import Store
from evolink_nb.history.tables.schema import LEASES
from tests.history.targets import Figure, report
from tests.support.environment import account_of
from tests.support.pgbouncer import pooled
from tests.support.postgres import running_postgres
from tests.support.waiting import wait_until

MAX_REQUESTS = 1.2
"""Requests an interval."""
MAX_SECONDS = 1.0
"""Seconds within which 99 of 100 fetchers have a new reading, counted from the first that has it."""
MAX_INTERVALS = 2.0
"""Intervals within which another process reads when the one that does is killed."""
MAX_CONNECTIONS = 10
"""Connections to the server, by way of PgBouncer."""
KILLS = 3
LOOK_EVERY = 0.1
"""Seconds between two looks at the server's connections."""
ROUTE = "/v1/credits"
_MEMBER = """
import json, sys, time
from evolink_nb.history.sharing import holders
from evolink_nb import CreditsFetcher, EvoLinkClient
count, interval, machine = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
if machine:
    holders._host = lambda: machine
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
print(json.dumps(heard), flush=True)
sys.stdin.read()
for fetcher in fetchers:
    fetcher.stop()
"""


class Place(NamedTuple):
    """Where a team keeps its history.

    Attributes:
        url: As the team knows it.
        server: The server's own URL; "" where there is none.
        is_pooled: Whether PgBouncer stands between.
    """

    url: str
    server: str = ""
    is_pooled: bool = False


def measure(place: Place, *, processes: int, each: int, interval: float, rounds: int) -> list[Figure]:
    """Run a team for some intervals, and kill who reads for it.

    Args:
        place: Where its history is.
        processes: How many processes. Where a server has the history, each takes itself for a machine.
        each: How many fetchers in each.
        interval: Seconds between two readings.
        rounds: For how many intervals.
    """
    with DemoServer(Account()) as server, contextlib.ExitStack() as stack:
        connections = stack.enter_context(_counted(place.server)) if place.server else []
        environment = {**os.environ, **account_of(server), "EVOLINK_NB_HISTORY": place.url}
        pipe = subprocess.PIPE
        members = []
        for number in range(processes):
            machine = f"machine-{number}" if place.server else ""
            command = [sys.executable, "-c", _MEMBER, str(each), str(interval), machine]
            member = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)
            members.append(stack.enter_context(member))
        for member in members:
            assert _line_of(member) == "ready\n"
        _settle(server, interval)
        requests, amounts = _spend(server, interval, rounds)
        _rest(server, interval)
        heard = [json.loads(_line_of(member, "\n")) for member in members]
        waits = [_kill_reader(place, server, members) for _ in range(min(KILLS, processes - 1))]
        for member in members:
            member.kill()
    p99, missed = _spread(heard, amounts, processes * each)
    most = MAX_CONNECTIONS if place.is_pooled else None
    return [
        Figure("requests per interval", requests, MAX_REQUESTS),
        Figure("a reading reaches 99 % within", p99, MAX_SECONDS, " s"),
        Figure("readings that somebody missed", missed, 0),
        Figure(
            f"another reads, after {len(waits)} kills, within",
            max(waits, default=0.0) / interval,
            MAX_INTERVALS,
            " intervals",
        ),
        # Without PgBouncer there is no target: each asks on a connection of its own, and closes it.
        *([Figure("connections to the server", max(connections), most)] if place.server else []),
    ]


def _line_of(member: subprocess.Popen[str], asked: str = "") -> str:
    assert member.stdout is not None
    assert member.stdin is not None
    member.stdin.write(asked)
    member.stdin.flush()
    return member.stdout.readline()


def _spend(server: DemoServer, interval: float, rounds: int) -> tuple[float, list[str]]:
    """Spend a credit before each reading; return the requests per interval, and what was used each time."""
    before, began = server.requests_seen[ROUTE], time.monotonic()
    amounts = []
    for _ in range(rounds):
        server.account.spend(1)
        amounts.append(str(server.account.balance()["user"]["used_credits"]))
        _next_request(server)
    seconds = time.monotonic() - began
    return (server.requests_seen[ROUTE] - before) / (seconds / interval), amounts


def _next_request(server: DemoServer, *, limit: float = 60.0) -> None:
    seen = server.requests_seen[ROUTE]
    wait_until(lambda: server.requests_seen[ROUTE] > seen, limit=limit)


def _kill_reader(place: Place, server: DemoServer, members: list[subprocess.Popen[str]]) -> float:
    """Kill who reads for all, just after a reading; return the seconds until another does.

    That is the worst moment: it has just renewed its lease.
    """
    for _ in range(2):
        _next_request(server)
    with Store(find_location(place.url)).begin(reads_only=True) as connection:
        _, pid = host_and_pid(connection.execute(select(LEASES.c.holder)).scalar_one())
    [reader] = [member for member in members if member.pid == pid]
    reader.kill()
    killed_at = time.monotonic()
    reader.wait()
    _next_request(server)
    return time.monotonic() - killed_at


@contextlib.contextmanager
def _counted(url: str) -> Iterator[list[int]]:
    """Yield how many connections a database had at each look, besides this one, until the `with` ends."""
    counts = [0]
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with psycopg.connect(url, autocommit=True) as connection:

        def look() -> float:
            row = connection.execute(query).fetchone()
            counts.append(row[0] if row is not None else 0)
            return time.monotonic() + LOOK_EVERY

        loop = runtime.Loop(look, name="evolink-nb-counting")
        loop.start()
        try:
            yield counts
        finally:
            job = loop.stop()
            if job is not None:
                job.join()


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
def database(kind: str) -> Iterator[Place]:
    """Yield an empty database of a kind: sqlite, postgresql or pgbouncer."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        if kind == "sqlite":
            yield Place(f"{folder}/history.db")
            return
        url = stack.enter_context(running_postgres()).new_database()
        is_pooled = kind == "pgbouncer"
        yield Place(stack.enter_context(pooled(url)) if is_pooled else url, url, is_pooled)


def main() -> int:
    """Measure, print the result, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--on", choices=("sqlite", "postgresql", "pgbouncer"), default="pgbouncer")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--each", type=int, default=25)
    parser.add_argument("--interval", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    with database(given.on) as place:
        figures = measure(
            place, processes=given.processes, each=given.each, interval=given.interval, rounds=given.rounds
        )
    title = f"{given.processes * given.each} fetchers in {given.processes} processes on {given.on}"
    return report(f"{title}, every {given.interval:g} s", figures)


if __name__ == "__main__":
    sys.exit(main())
