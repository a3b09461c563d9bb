"""How long what is kept: of a file as its user's settings say, of a team's database as it says itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from evolink_nb.cli import OK, UNAVAILABLE, USAGE, main
from evolink_nb.history.current import current
from evolink_nb.history.queries import readings as queries
from evolink_nb.history.storage.buffer import Batch
from evolink_nb.history.storage.location import find_location
from evolink_nb.history.storage.maintaining import keep_in, maintain
from evolink_nb.history.storage.retention import Retention
from evolink_nb.history.storage.store import Store
from evolink_nb.history.storage.writing import write_batch
from evolink_nb.history.tables.records import ReadingRecord, milliseconds
from evolink_nb.history.tables.schema import READINGS
from tests.support.histories import NOON, cost, reading, source

if TYPE_CHECKING:
    from pathlib import Path

    from evolink_nb.history.storage.location import Location
    from tests.support.postgres import Postgres

FAR = 2**42


def days_after_noon(days: float) -> int:
    """Return a moment in the database's milliseconds."""
    return milliseconds(NOON + timedelta(days=days))


def count_of_readings(store: Store) -> int:
    """Return how many readings a database has."""
    with store.begin(reads_only=True) as connection:
        found: int = connection.execute(select(func.count()).select_from(READINGS)).scalar_one()
        return found


def numbers_in(store: Store) -> list[int]:
    """Return the numbers of the costs in a database."""
    with store.begin(reads_only=True) as connection:
        return sorted(each.number for each in queries.costs(connection, 0, FAR))


@pytest.fixture
def store(location: Location) -> Store:
    """Readings of three hours, one each 10 minutes, and two costs, a day apart."""
    store = Store(location)
    readings = [ReadingRecord(source(), reading(minute, minute)) for minute in range(0, 180, 10)]
    costs = [cost(1, number=1), cost(1, number=2, minutes=24 * 60)]
    # Past the store, which would thin out what is old today.
    with store.begin() as connection:
        write_batch(connection, Batch(readings, costs), store.keys, 0)
    return store


def test_old_readings_become_one_an_hour(store: Store) -> None:
    with store.begin() as connection:
        (key,) = queries.keys(connection)
        before = queries.hours(connection, key, 0, FAR)
        maintain(connection, days_after_noon(39), Retention())
    assert count_of_readings(store) == 18
    with store.begin() as connection:
        # Of the first two hours: the third is not that old yet.
        maintain(connection, days_after_noon(40) + 2 * 3_600_000, Retention())
    assert count_of_readings(store) == 2 + 6
    with store.begin(reads_only=True) as connection:
        after = queries.hours(connection, key, 0, FAR)
    # What was spent stays known, exactly.
    assert after == before
    assert sum(hour.token_spent for hour in after) == 170


def test_what_is_too_old_is_deleted(store: Store) -> None:
    with store.begin() as connection:
        maintain(connection, days_after_noon(30.5), Retention(anything=30))
        (key,) = queries.keys(connection)
        assert queries.hours(connection, key, 0, FAR) == []
    assert count_of_readings(store) == 0
    assert numbers_in(store) == [2]


# -- whose settings count -----------------------------------------------------------------------------------


def write_two(place: str, retention: Retention) -> Store:
    """Write costs of 10 and of 5 days ago, as a kernel with a retention of its own."""
    store, now = Store(find_location(place)), datetime.now(UTC)
    store.retention = lambda: retention
    costs = [cost(1, number=days, began_at=now - timedelta(days=days)) for days in (10, 5)]
    store.write(Batch(costs=costs))
    return store


def test_a_file_is_kept_as_its_user_says(tmp_path: Path) -> None:
    assert numbers_in(write_two(str(tmp_path / "history.db"), Retention(anything=7))) == [5]


def test_a_kernel_deletes_nothing_of_a_team(postgres: Postgres) -> None:
    """However short its own setting; what the database itself says holds for all."""
    url = postgres.new_database()
    store = write_two(url, Retention(every_reading=1, anything=7))
    assert numbers_in(store) == [5, 10]
    with store.begin() as connection:
        assert keep_in(connection, None, 7) == Retention(anything=7)
        assert keep_in(connection, 20, None) == Retention(every_reading=20, anything=7)
    assert numbers_in(write_two(url, Retention())) == [5]


def test_a_command_says_it_for_a_team(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVOLINK_NB_HISTORY", postgres.new_database())
    assert main(["history", "--keep-history", "400"]) == UNAVAILABLE
    assert "there is nobody to ask" in capsys.readouterr().err
    assert main(["history", "--keep-history", "400", "--yes"]) == OK
    said = capsys.readouterr().out
    assert "keeps every reading for 40 days, hours and costs for 400 days, for all who share it." in said
    assert main(["history", "--keep-history", "0", "--keep-readings", "1", "--yes"]) == OK
    assert "keeps every reading for 1 day, hours and costs forever, for all" in capsys.readouterr().out
    current.stop()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--keep-history", "7", "--yes"], "Set EVOLINK_NB_KEEP_READINGS or EVOLINK_NB_KEEP_HISTORY."),
        (["--keep-history", "7", "--csv"], "--keep-readings and --keep-history go with --yes alone."),
    ],
)
def test_a_file_takes_no_such_command(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    problem: str,
) -> None:
    monkeypatch.setenv("EVOLINK_NB_HISTORY", str(tmp_path / "history.db"))
    assert main(["history", *arguments]) == USAGE
    assert problem in capsys.readouterr().err
    current.stop()


@pytest.mark.parametrize("days", ["-7", "1.5", "a week", "9" * 20])
def test_what_is_no_number_is_refused(days: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["history", f"--keep-history={days}"])
    assert f"{days!r} is not a number of days (0 means forever)" in capsys.readouterr().err
