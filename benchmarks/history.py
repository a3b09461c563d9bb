"""Does looking back cost by what is asked, not by how much is kept? And how large is a reading on disk?

10,000,000 readings against 100,000: one every 15 seconds, so 4.75 years of one key against 17 days of it.
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

from sqlalchemy import text

from evolink_nb.history import answers, key_queries, queries
from evolink_nb.history.location import Location, find_location
from evolink_nb.history.records import Source, moment
from evolink_nb.history.spans import Span
from evolink_nb.history.store import Store
from tests.support.postgres import running_postgres

from .ratio import Comparison, alternate

FEW, MANY = 100_000, 10_000_000
ROUNDS = 15
MAX_RATIO = 1.5
MAX_BYTES = 60
SECONDS_APART = 15
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


def measure() -> list[Comparison]:
    """Return the ratios of seconds for both databases, and the size of a reading over what it may be."""
    with tempfile.TemporaryDirectory() as folder, running_postgres() as server:
        files = [find_location(str(Path(folder) / f"{count}.db")) for count in (FEW, MANY)]
        found = _compare("SQLite", files)
        size = Path(files[1].shown).stat().st_size / MANY
        found.append(Comparison(f"bytes of a reading : {MAX_BYTES}  (disk, SQLite)", [size / MAX_BYTES], 1.0))
        found += _compare("PostgreSQL", [find_location(server.new_database()) for _ in range(2)])
    return found


def _compare(name: str, locations: list[Location]) -> list[Comparison]:
    few, many = (_filled(location, count) for location, count in zip(locations, (FEW, MANY), strict=True))
    found = []
    for question, ask in {"--since 30d": _since_30_days, "runway": _runway}.items():
        ratios = alternate(partial(ask, many), partial(ask, few), rounds=ROUNDS)
        middle = sorted(ratios)[len(ratios) // 2]
        exponent = math.log(middle) / math.log(MANY / FEW)
        asked = f"{name}, {question}: 10,000,000 readings : 100,000  (time; grows as n^{exponent:.2f})"
        found.append(Comparison(asked, ratios, MAX_RATIO))
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
        with store.begin() as connection:
            connection.execute(text(_NO_LIMIT))
            connection.execute(text("ANALYZE"))
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
            # The few have 17 days: of both, the same hours.
            key_queries.spent_in_hours(connection, key, end - timedelta(days=16), end, by_account=False)

    return _timed(ask)
