"""Writers that are killed, and what is left: ``python -m tests.history.kills 200``.

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

from evolink_nb.history.location import find_location
from evolink_nb.history.writer import Writer
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


def kill_often(place: str, times: int) -> int:
    """Kill a writer again and again, and return how many costs it has said to be committed.

    Args:
        place: A file, or the URL of a database.
        times: How often.

    Raises:
        AssertionError: Something committed is lost, or the database is damaged.
    """
    moments = random.Random(times)  # noqa: S311 - moments to kill at, no secrets
    committed: set[int] = set()
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
        assert committed <= numbers_in(place)
    return len(committed)


def numbers_in(place: str) -> set[int]:
    """Return the numbers of the costs in a database, read past the package where that is a file."""
    with closing(sqlite3.connect(place)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {row[0] for row in database.execute("SELECT id FROM costs")}


def main() -> None:
    """Kill as often as the command line says, and print how many costs were committed and found."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        found = kill_often(str(Path(folder) / "history.db"), times)
    print(f"{times} kills: {found} costs committed, none lost, the database sound each time.")


if __name__ == "__main__":
    main()
