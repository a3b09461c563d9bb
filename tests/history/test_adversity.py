"""What goes wrong with a database: nothing is lost, users hear of it once, writing catches up."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING

from evolink_nb.history.queries import readings as queries
from evolink_nb.history.storage.location import find_location
from evolink_nb.history.storage.store import Store
from tests.history.crowd import write_together
from tests.history.kills import kill_often
from tests.support.histories import cost, reading, source, writing_to
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from evolink_nb.history.storage.location import Location

KILLS = 20
WRITERS = 8


def numbers_at(location: Location) -> list[int]:
    """Return the numbers of the costs in a database."""
    with Store(location).begin(reads_only=True) as connection:
        return [each.number for each in queries.costs(connection, 0, 2**42)]


def test_killed_writers_lose_nothing(tmp_path: Path) -> None:
    left = kill_often(str(tmp_path / "history.db"), KILLS)
    assert left.committed >= KILLS
    assert (left.lost, left.damaged) == (0, 0)


def test_many_write_at_once(location: Location) -> None:
    place = location.url or str(location.path)
    left = write_together(place, WRITERS)
    assert (left.lost, left.disturbed) == (0, 0)


def test_damaged_file_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"This is no database, but somebody's only copy of something.")
    told: list[str] = []
    with writing_to(find_location(str(path))) as writer:
        writer.observe(told.append)
        writer.record_cost(cost(1, number=7))
        assert writer.flush(20)
    assert numbers_at(find_location(str(path))) == [7]
    (aside,) = tmp_path.glob("history.db.damaged-*")
    assert aside.read_bytes().startswith(b"This is no database")
    assert told == [f"The history was damaged. It was renamed to {aside}, and a new one was started."]


def test_damaged_pages_are_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with writing_to(find_location(str(path))) as writer:
        writer.record_cost(cost(1, number=1))
        assert writer.flush(20)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    with writing_to(find_location(str(path))) as writer:
        writer.record_cost(cost(1, number=2))
        assert writer.flush(30)
    assert numbers_at(find_location(str(path))) == [2]
    assert len(list(tmp_path.glob("history.db.damaged-*"))) == 1


def test_file_in_the_way_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file where the folder should be")
    told: list[str] = []
    path = tmp_path / "folder" / "history.db"
    with writing_to(find_location(str(path))) as writer:
        writer.observe(told.append)
        writer.record_cost(cost(1, number=1))
        wait_until(lambda: told)
        assert "it can't be written there" in told[0]
        assert writer.problem == told[0]
        (tmp_path / "folder").unlink()
        assert writer.flush(30)
    assert numbers_at(find_location(str(path))) == [1]
    assert told[1:] == [""]


def test_forgotten_file_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with writing_to(find_location(str(path))) as writer:
        writer.record_cost(cost(1, number=1))
        assert writer.flush(20)
        for file in tmp_path.glob("history.db*"):
            file.unlink()
        writer.record_cost(cost(1, number=2))
        assert writer.flush(20)
    assert numbers_at(find_location(str(path))) == [2]


def test_forked_child_writes_for_itself(location: Location) -> None:
    with writing_to(location) as writer:
        writer.record_cost(cost(1, number=1))
        assert writer.flush(30)
        child = os.fork()
        if child == 0:  # pragma: no cover - not measured there
            writer.record_cost(cost(1, number=2))
            os._exit(0 if writer.flush(30) else 1)
        writer.record_cost(cost(1, number=3))
        assert writer.flush(30)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert numbers_at(location) == [1, 2, 3]


def test_late_readings_find_their_hour(location: Location) -> None:
    """As after an outage of one of two kernels: sums come out as if all had come in order."""
    minutes = [*range(0, 300, 7), *range(3, 300, 11)]
    with writing_to(location) as writer:
        for number, minute in enumerate(minutes):
            writer.record_reading(source("key", label=f"kernel {number % 2}"), reading(minute, minute))
        assert writer.flush(30)
        with writer.store().begin(reads_only=True) as connection:
            (key,) = queries.keys(connection)
            hours = queries.hours(connection, key, 0, 2**42)
    assert sum(hour.token_spent for hour in hours) == max(minutes)
    assert sum(hour.readings for hour in hours) == len(set(minutes))
    assert [hour.topped_up for hour in hours] == [0] * len(hours)


def test_network_folder_has_many_files(tmp_path: Path) -> None:
    """There each process has a file of its own, without a log that several share; reading merges them."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"36 35 0:33 / {tmp_path} rw - nfs4 server:/home rw\n")
    location = find_location(str(tmp_path / "data" / "history.db"))
    with writing_to(location, mounts=mounts) as writer:
        writer.record_cost(cost(1, number=1))
        writer.record_reading(source(), reading(0, 1))
        assert writer.flush(30)
        first = writer.store().path
    program = f"""
from pathlib import Path
from evolink_nb.history.storage.location import find_location
from tests.support.histories import cost, reading, source, writing_to
with writing_to(find_location({str(location.path)!r}), mounts=Path({str(mounts)!r})) as writer:
    writer.record_cost(cost(2, number=2))
    writer.record_reading(source(), reading(1, 3))
    assert writer.flush(30)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert first is not None
    assert len(list(first.parent.glob("*.db"))) == 2
    assert list(tmp_path.rglob("*-wal")) == []
    assert not (tmp_path / "data" / "history.db").exists()
    with Store(location, mounts=mounts).begin(reads_only=True) as connection:
        assert [each.number for each in queries.costs(connection, 0, 2**42)] == [1, 2]
        (key,) = queries.keys(connection)
        (hour,) = queries.hours(connection, key, 0, 2**42)
    assert (hour.readings, hour.token_spent) == (2, Decimal(2))
