"""Many processes that write to one history at once: ``python -m tests.history.crowd 32``.

Exits 1 if anything is lost, or an error was shown.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from evolink_nb.history.queries import readings as queries
from evolink_nb.history.storage.location import find_location
from evolink_nb.history.storage.store import Store
from evolink_nb.history.storage.writer import Writer
from tests.history.targets import Figure, report
from tests.support.histories import NOON, cost, reading, source
from tests.support.postgres import running_postgres

COSTS = 20
"""Costs that each process writes, each once it knows that the one before is written."""
SECONDS = 120.0
"""The longest that a process may take."""


def write_some(place: str, mine: int) -> None:
    """Write costs and readings, and print what users would have been told, and whether all is written."""
    told: list[str] = []
    writer = Writer(find_location(place), delay=0.0)
    writer.observe(told.append)
    for number in range(COSTS):
        writer.record_cost(cost(1, number=mine * 1000 + number, source=source("shared")))
        writer.record_reading(source("shared"), reading(number, number * 100 + mine, granted=10**6))
        writer.record_reading(source(f"own {mine}"), reading(number, number, granted=10**6))
        writer.flush(SECONDS)
    print(writer.stop(SECONDS), [text for text in told if text])


class Left(NamedTuple):
    """What came of it.

    Attributes:
        seconds: How long it took.
        lost: How many costs aren't there.
        disturbed: How many processes showed an error, or had not written all in time.
    """

    seconds: float
    lost: int
    disturbed: int


def write_together(place: str, count: int) -> Left:
    """Have processes write to one history at once.

    Args:
        place: A file, or the URL of a database.
        count: The number of processes.

    Raises:
        AssertionError: The readings don't add up.
    """
    begun = time.monotonic()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", f"from tests.history.crowd import write_some; write_some({place!r}, {n})"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(count)
    ]
    said = [process.communicate(timeout=SECONDS * 2) for process in processes]
    seconds = time.monotonic() - begun
    disturbed = [each for each in said if each != ("True []\n", "")]
    sys.stderr.writelines(f"{each}\n" for each in disturbed)
    with Store(find_location(place)).begin(reads_only=True) as connection:
        known = {key.fingerprint: key for key in queries.keys(connection)}
        found = queries.costs(connection, 0, 2**42)
        hours = [queries.hours(connection, key, 0, 2**42) for key in known.values()]
    written = {n * 1000 + i for n in range(count) for i in range(COSTS)}
    lost = written - {each.number for each in found}
    assert len(known) == count + 1
    own = [each for each in hours if each[0].readings == COSTS]
    assert len(own) >= count
    assert all(each[0].token_spent == COSTS - 1 for each in own if each[0].last.token.used < COSTS)
    assert all(each[0].first_at >= int(NOON.timestamp() * 1000) for each in hours)
    return Left(seconds, len(lost), len(disturbed))


def main() -> int:
    """Write with as many processes as the command line says, and return the exit code."""
    count, codes = int(sys.argv[1]) if len(sys.argv) > 1 else 32, list[int]()
    with tempfile.TemporaryDirectory() as folder, running_postgres() as server:
        for place in (str(Path(folder) / "history.db"), server.new_database()):
            left = write_together(place, count)
            figures = [
                Figure("costs lost", left.lost, 0),
                Figure("processes that showed an error", left.disturbed, 0),
                Figure("took", left.seconds, unit=" s"),
            ]
            codes.append(report(f"{count} processes on {find_location(place).shown}", figures))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
