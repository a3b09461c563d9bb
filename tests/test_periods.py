"""Days, weeks and months, wherever and whenever clocks are changed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.periods import Per, Zone, format_day, parse_per, parse_zone, period_at, start_of

# Zones with an odd history: no midnight (Cairo, São Paulo), a midnight twice (Havana, St. John's), a day that
# never was (Apia), half an hour of daylight saving (Lord Howe), clocks put back to the day before (Nuuk).
ODD = (
    "Africa/Cairo",
    "America/Sao_Paulo",
    "America/Havana",
    "America/St_Johns",
    "Pacific/Apia",
    "Australia/Lord_Howe",
    "America/Nuuk",
    "Asia/Kathmandu",
    "Europe/Berlin",
    "UTC",
)

zones = st.sampled_from(ODD).map(ZoneInfo)
EARLIEST, LATEST = (datetime(year, 1, 1, tzinfo=UTC) for year in (2000, 2037))
moments = st.datetimes(EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None), timezones=st.just(UTC))


@given(moments, st.sampled_from(Per), zones)
def test_periods_follow_one_another(moment: datetime, per: Per, zone: ZoneInfo) -> None:
    period = period_at(moment, per, zone)
    assert period.contains(moment)
    assert period.start.tzinfo is period.end.tzinfo is UTC
    assert period_at(period.start, per, zone) == period
    assert period_at(period.end - timedelta(microseconds=1), per, zone) == period
    following = period_at(period.end, per, zone)
    assert following.start == period.end
    assert following != period


@given(moments, zones)
def test_a_day_is_in_its_week_and_month(moment: datetime, zone: ZoneInfo) -> None:
    day = period_at(moment, Per.DAY, zone)
    for longer in (Per.WEEK, Per.MONTH):
        period = period_at(moment, longer, zone)
        assert period.start <= day.start < day.end <= period.end


def hours_of(day: str, zone: str) -> float:
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(zone))
    period = period_at(noon, Per.DAY, ZoneInfo(zone))
    return (period.end - period.start) / timedelta(hours=1)


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        ("2026-03-29", "Europe/Berlin", 23),
        ("2026-10-25", "Europe/Berlin", 25),
        ("2026-10-24", "Europe/Berlin", 24),
        ("2026-04-05", "Australia/Lord_Howe", 24.5),
        ("2018-11-04", "America/Sao_Paulo", 23),
        ("2026-11-26", "UTC", 24),
    ],
)
def test_days_of_23_to_25_hours(day: str, zone: str, hours: float) -> None:
    assert hours_of(day, zone) == hours


def test_a_day_without_midnight_begins_at_1() -> None:
    start = start_of(date(2018, 11, 4), ZoneInfo("America/Sao_Paulo"))
    assert start.astimezone(ZoneInfo("America/Sao_Paulo")).isoformat() == "2018-11-04T01:00:00-02:00"


def test_a_day_that_never_was_is_skipped() -> None:
    apia = ZoneInfo("Pacific/Apia")
    before = period_at(datetime(2011, 12, 29, 12, tzinfo=apia), Per.DAY, apia)
    assert period_at(before.end, Per.DAY, apia).end.astimezone(apia).date() == date(2012, 1, 1)


@pytest.mark.parametrize(
    ("moment", "per", "start", "end"),
    [
        ("2026-02-28T23:59:59+00:00", Per.MONTH, "2026-02-01", "2026-03-01"),
        ("2028-02-29T12:00:00+00:00", Per.MONTH, "2028-02-01", "2028-03-01"),
        ("2026-12-31T23:59:59+00:00", Per.MONTH, "2026-12-01", "2027-01-01"),
        ("2026-11-26T10:00:00+00:00", Per.WEEK, "2026-11-23", "2026-11-30"),
        ("2027-01-01T00:00:00+00:00", Per.WEEK, "2026-12-28", "2027-01-04"),
        ("2026-11-26T10:00:00+05:00", Per.DAY, "2026-11-26", "2026-11-27"),
        ("2026-11-26T02:00:00+05:00", Per.DAY, "2026-11-25", "2026-11-26"),
    ],
)
def test_ends_of_months_weeks_and_years(moment: str, per: Per, start: str, end: str) -> None:
    period = period_at(datetime.fromisoformat(moment), per, ZoneInfo("UTC"))
    assert (period.start.date().isoformat(), period.end.date().isoformat()) == (start, end)


@pytest.fixture
def machine_zone() -> Iterator[None]:
    """This machine set to New York's time."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "America/New_York"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.usefixtures("machine_zone")
@pytest.mark.parametrize(
    "moment", ["2026-03-08T12:00+00:00", "2026-11-01T23:00+00:00", "2026-07-04T03:00+00:00"]
)
@pytest.mark.parametrize("per", Per)
def test_the_machines_zone_knows_its_past(moment: str, per: Per) -> None:
    """The offset of now is not the offset of another season."""
    at = datetime.fromisoformat(moment)
    assert period_at(at, per, None) == period_at(at, per, ZoneInfo("America/New_York"))


def test_zones_are_told_by_their_names() -> None:
    zone: Zone = parse_zone("Europe/Berlin")
    assert str(zone) == "Europe/Berlin"
    assert parse_zone(None) is None


@pytest.mark.parametrize("name", ["Berlin", "", "../../etc/passwd", "Europe", "\0"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone known here: write a name such as"):
        parse_zone(name)


def test_an_unknown_period_is_refused() -> None:
    assert parse_per("week") is Per.WEEK
    with pytest.raises(ValueError, match='per must be "day", "week" or "month", not \'year\''):
        parse_per("year")


def test_days_are_written_in_english() -> None:
    assert format_day(date(2026, 12, 3)) == "Thu 3 Dec"
    assert format_day(date(2026, 12, 3), weekday=False) == "3 Dec"
