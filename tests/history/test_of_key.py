"""What a history knows of one key: readings for a budget, and hours for a forecast; from both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from evolink_nb.errors import HistoryError
from evolink_nb.history import of_key
from evolink_nb.history.current import current
from evolink_nb.history.storage.location import Kind, Location
from tests.support.histories import reading, source

if TYPE_CHECKING:
    from evolink_nb.credits import Credits
    from evolink_nb.history.storage.writer import Writer

NOW = datetime.now(UTC).replace(microsecond=0)


def ago(hours: float, used: float, *, granted: int = 10_000) -> Credits:
    """A reading so many hours ago, of a key that has used so much by then."""
    return replace(reading(0, str(used), granted=granted), read_at=NOW - timedelta(hours=hours))


def used(found: list[Credits]) -> list[int]:
    return [int(each.token.used) for each in found]


def test_it_begins_with_the_last_before(writer: Writer) -> None:
    """That, then what each hour came to; and those of the days before, which tell how counters move."""
    for hours, amount in ((50, 1), (30, 2), (5.2, 3), (5.1, 4), (4.9, 5), (2, 6), (1.9, 7), (0.01, 8)):
        writer.record_reading(source(), ago(hours, amount))
    since = NOW - timedelta(hours=5)
    found = of_key.kept_readings(source(), since, timeout=20)
    before = [each for each in found if each.read_at <= since]
    assert used(before)[-1] == 4
    assert used(before)[:2] == [1, 2]
    assert used(found)[-1] == 8
    assert used(found) == sorted(used(found))
    assert found == sorted(found, key=lambda each: each.read_at)


def test_a_reading_of_long_ago_is_found(writer: Writer) -> None:
    writer.record_reading(source(), ago(24 * 20, 3))
    writer.record_reading(source(), ago(0.5, 9))
    assert used(of_key.kept_readings(source(), NOW - timedelta(hours=5), timeout=20)) == [3, 9]


def test_it_begins_with_the_first_there_is(writer: Writer) -> None:
    """Not with the last of the hour that the key was first read in."""
    for minutes, amount in ((41, 1), (40, 4), (39, 9)):
        writer.record_reading(source(), ago(2 + minutes / 3600, amount))
    found = of_key.kept_readings(source(), NOW - timedelta(hours=5), timeout=20)
    assert used(found)[0] == 1
    assert used(found)[-1] == 9


def test_other_keys_readings_stay_theirs(writer: Writer) -> None:
    writer.record_reading(source("mine"), ago(3, 1))
    writer.record_reading(source("yours"), ago(2, 50))
    assert used(of_key.kept_readings(source("mine"), NOW - timedelta(hours=1), timeout=20)) == [1]
    assert of_key.kept_readings(source("nobody's"), NOW, timeout=20) == []


def test_hours_of_weeks_make_a_forecast(writer: Writer) -> None:
    """4 credits an hour, day and night, for two weeks; 400 are left."""
    for hour in range(24 * 15, -1, -1):
        writer.record_reading(source(), ago(hour, 4 * (24 * 15 - hour)))
    newest = ago(0, 4 * 24 * 15, granted=4 * 24 * 15 + 400)
    found = of_key.forecast(source(), newest, timeout=20)
    assert found is not None
    assert found.expected is not None
    assert abs(found.expected - (NOW + timedelta(hours=100))) < timedelta(hours=3)


def test_a_forecast_needs_a_past(writer: Writer) -> None:
    writer.record_reading(source(), ago(2, 1))
    assert of_key.forecast(source(), ago(0, 2), timeout=20) is None
    assert of_key.forecast(source("nobody's"), ago(0, 2), timeout=20) is None


def test_the_account_s_spending_limits_it(writer: Writer) -> None:
    """Other keys spend ten times as much of the account that limits this one."""
    for hour in range(24 * 15, -1, -1):
        spent = 24 * 15 - hour
        kept = replace(
            reading(0, spent, granted=10**6, others=9 * spent), read_at=NOW - timedelta(hours=hour)
        )
        writer.record_reading(source(), kept)
    newest = replace(reading(0, 0, granted=1000, others=0), read_at=NOW)
    found = of_key.forecast(source(), newest, timeout=20)
    assert newest.binding == "user"
    assert found is not None
    assert found.expected is not None
    assert abs(found.expected - (NOW + timedelta(hours=100))) < timedelta(hours=3)


@pytest.fixture
def no_history() -> None:
    current.use(Location(Kind.OFF))


@pytest.mark.usefixtures("no_history")
def test_without_history_it_says_why() -> None:
    with pytest.raises(HistoryError, match="No history is kept"):
        of_key.kept_readings(source(), NOW)
    current.use(None)
