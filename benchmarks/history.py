"""Does looking back cost by what is asked, not by how much is kept? And how large is a reading on disk?

10,000,000 readings against 100,000: one every 26 seconds, so 8 years of one key against 30 days of it. Both
have readings in all of the 30 days that are asked about.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import text

from evolink_nb.history.queries import answers
from evolink_nb.history.queries import keys as key_queries
from evolink_nb.history.queries import readings as queries
from evolink_nb.history.reports.spans import Span
from evolink_nb.history.storage.location import Location, find_location
from evolink_nb.history.storage.store import Store
from evolink_nb.history.tables.records import Source, moment
from tests.support.postgres import running_postgres

from .ratio import Comparison, alternate, part

FEW, MANY = 100_000, 10_000_000
QUICK = 0.01
"""The share of the readings that shows that all of it runs."""
ROUNDS = 15
MAX_RATIO = 1.5
MAX_EXPONENT = 0.088
"""Of the number of readings, by which the time grows: what `MAX_RATIO` comes to."""
MAX_BYTES = 60
SECONDS_APART = 26
END = 1_795_000_000_000
"""When the last reading was taken, in milliseconds since 1970."""

_FILL = """
INSERT INTO readings (key_id, at, token_remaining, token_used, user_remaining, user_used, unlimited, scale)
SELECT 1, {end} - ({count} - n) * {apart}000,
  900000000000 - n * 137, n * 137, 990000000000 - n * 211, n * 211, {false}, 4
FROM {numbers}
"""
_HOURS = """
INSERT INTO hours (key_id, hour, readings, first_at, last_at, token_remaining, token_used, user_remaining,
  user_used, unlimited, most_granted, token_spent, user_spent, topped_up, longest_gap, scale, thinned)
SELECT 1, at / 3600000, count(*), min(at), max(at),
  min(token_remaining), max(token_used), min(user_remaining), max(user_used), {false},
  990000000000, count(*) * 137, count(*) * 211, 0, {apart}000, 4, {false}
FROM readings GROUP BY at / 3600000
"""
_NO_LIMIT = "SELECT set_config('statement_timeout', '0', true)"
_NUMBERS = {
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count})"
    " SELECT n FROM s)",
    "postgresql": "generate_series(1, {count}::bigint) AS s(n)",
}


def measure(share: float = 1.0) -> list[Comparison]:
    """Return the ratios of seconds for both databases, how they grow, and the size of a reading."""
    counts = [part(count, max(share, QUICK)) for count in (FEW, MANY)]
    rounds = part(ROUNDS, share)
    with tempfile.TemporaryDirectory() as folder, running_postgres() as server:
        files = [find_location(str(Path(folder) / f"{count}.db")) for count in counts]
        found = _compare("SQLite", files, counts, rounds)
        size = Path(files[1].shown).stat().st_size / counts[1]
        found.append(Comparison("SQLite: a reading on disk (bytes)", [size], MAX_BYTES, "history-bytes"))
        databases = [find_location(server.new_database()) for _ in counts]
        found += _compare("PostgreSQL", databases, counts, rounds)
    return found


def _compare(name: str, locations: list[Location], counts: list[int], rounds: int) -> list[Comparison]:
    few, many = (_filled(location, count) for location, count in zip(locations, counts, strict=True))
    found = []
    sizes = f"with {counts[1]:,} readings ÷ with {counts[0]:,}"
    for question, ask in {"`%evolink_history --since 30d`": _since_30_days, "the runway": _runway}.items():
        ratios = alternate(partial(ask, many), partial(ask, few), rounds=rounds)
        growth = [math.log(ratio) / math.log(counts[1] / counts[0]) for ratio in ratios]
        found += [
            Comparison(f"{name}, {question} {sizes} (time)", ratios, MAX_RATIO),
            Comparison("… its growth with the readings (exponent)", growth, MAX_EXPONENT),
        ]
    return found


def _filled(location: Location, count: int) -> Store:
    store = Store(location)
    with store.begin() as connection:
        source = Source("bench", lambda _salt: "0" * 32)
        store.keys.number_of(connection, source, simulated=False)
        numbers = _NUMBERS[connection.dialect.name].format(count=count)
        values: dict[str, Any] = {"end": END, "count": count, "apart": SECONDS_APART, "numbers": numbers}
        for statement in (_FILL, _HOURS):
            if location.url:
                connection.execute(text(_NO_LIMIT))
            connection.exec_driver_sql(statement.format(false="false", **values))
    if location.url:
        # As PostgreSQL does by itself a while after so many came: it must not begin in the middle of a round.
        with psycopg.connect(location.url.replace("+psycopg", ""), autocommit=True) as direct:
            direct.execute("SET statement_timeout = 0")
            direct.execute("VACUUM (ANALYZE)")
            direct.execute("CHECKPOINT")
    return store


def _timed(ask: Callable[[], object]) -> float:
    begun = time.perf_counter()
    ask()
    return time.perf_counter() - begun


def _since_30_days(store: Store) -> float:
    end = moment(END)

    def ask() -> None:
        with store.begin(reads_only=True) as connection:
            answers.report_of_periods(connection, Span(end - timedelta(days=30), end), "day", None)

    return _timed(ask)


def _runway(store: Store) -> float:
    end = moment(END)

    def ask() -> None:
        with store.begin(reads_only=True) as connection:
            (key,) = queries.keys(connection)
            # The few have 30 days: of both, the same hours.
            key_queries.spent_in_hours(connection, key, end - timedelta(days=28), end, by_account=False)

    return _timed(ask)
