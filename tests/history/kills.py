"""Writers that are killed, and what is left: ``python -m tests.history.kills 200`` exits 1 if that isn't all.

A process that writes says after each commit what it has committed; then it is killed at a random moment, and
another one goes on. The database must open each time, and have all that was said.
"""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from evolink_nb.history.storage.location import find_location
from evolink_nb.history.storage.writer import Writer
from tests.history.targets import Figure, report
from tests.support.histories import cost, reading, source

MAX_SECONDS = 0.1
"""The longest that a process writes, in seconds, once it has begun."""


def write_on(place: str, first: int) -> None:
    """Write costs and readings until killed, and say the number of each cost that is committed."""
    writer = Writer(find_location(place), delay=0.0)
    number = first
    while True:
        writer.record_cost(cost(1, number=number, minutes=number))
        writer.record_reading(source(), reading(number, number, granted=10**6))
        if writer.flush(60):
            print(number, flush=True)
        number += 1


class Left(NamedTuple):
    """What is left after writers were killed.

    Attributes:
        committed: How many costs they have said to be committed.
        lost: How many of those weren't there after a kill.
        damaged: After how many kills the database wasn't sound.
    """

    committed: int
    lost: int
    damaged: int


def kill_often(place: str, times: int) -> Left:
    """Kill a writer again and again, and look each time at what is left.

    Args:
        place: A file.
        times: How often.
    """
    moments = random.Random(times)  # noqa: S311 - moments to kill at, no secrets
    committed: set[int] = set()
    lost: set[int] = set()
    damaged = 0
    for _ in range(times):
        first = max(committed, default=0) + 1
        writing = f"from tests.history.kills import write_on; write_on({place!r}, {first})"
        with subprocess.Popen([sys.executable, "-c", writing], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = [process.stdout.readline()]
            time.sleep(moments.uniform(0.0, MAX_SECONDS))
            process.kill()
            said += process.stdout.read().splitlines()
        committed |= {int(line) for line in said if line.strip().isdigit()}
        try:
            lost |= committed - numbers_in(place)
        except sqlite3.DatabaseError:
            damaged += 1
    return Left(len(committed), len(lost), damaged)


def numbers_in(place: str) -> set[int]:
    """Return the numbers of the costs in a file, read past the package.

    Raises:
        DatabaseError: It is damaged.
    """
    with closing(sqlite3.connect(place)) as database:
        found = database.execute("PRAGMA integrity_check").fetchone()
        if found != ("ok",):
            raise sqlite3.DatabaseError(found)
        return {row[0] for row in database.execute("SELECT id FROM costs")}


def main() -> int:
    """Kill as often as the command line says, print what is left, and return the exit code."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        left = kill_often(str(Path(folder) / "history.db"), times)
    return report(
        f"{times} kills during writing",
        [
            Figure("costs committed", left.committed),
            Figure("of them lost", left.lost, 0),
            Figure("times the database was damaged", left.damaged, 0),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
