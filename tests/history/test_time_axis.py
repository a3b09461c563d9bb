"""Round times on an axis: by the clock of the zone, also on the days when that is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.history.charts.time_axis import time_ticks
from tests.test_periods import moments, zones

BERLIN = ZoneInfo("Europe/Berlin")

lengths = st.integers(1, 20 * 365 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))


@given(moments, lengths, zones, st.integers(2, 12))
def test_ticks_are_few_in_order_and_inside(
    start: datetime, length: timedelta, zone: ZoneInfo, most: int
) -> None:
    ticks = time_ticks(start, start + length, zone, most)
    times = [tick.at for tick in ticks]
    assert len(times) <= most
    assert times == sorted(set(times))
    assert all(start <= at <= start + length and at.tzinfo is UTC for at in times)
    if length >= timedelta(minutes=most):
        assert ticks, "an axis of some length has a tick"
        assert all(tick.at.astimezone(zone).second == 0 for tick in ticks)


def shown(start: str, hours: float, most: int, zone: ZoneInfo = BERLIN) -> list[str]:
    begin = datetime.fromisoformat(start).replace(tzinfo=zone).astimezone(UTC)
    ticks = time_ticks(begin, begin + timedelta(hours=hours), zone, most)
    return [f"{tick.label}|{tick.context}".rstrip("|") for tick in ticks]


def test_hours_of_an_ordinary_day() -> None:
    assert shown("2026-11-24T00:00", 24, 8) == [
        *("00:00|Tue 24 Nov", "06:00", "12:00", "18:00", "00:00|Wed 25 Nov"),
    ]


def test_hours_of_the_day_of_25_hours() -> None:
    """3:00 is four hours after midnight; 2:00 is shown once, though the clock shows it twice."""
    assert shown("2026-10-25T00:00", 6, 8) == [
        *("00:00|Sun 25 Oct", "01:00", "02:00", "03:00", "04:00", "05:00"),
    ]


def test_hours_of_the_day_of_23_hours() -> None:
    """There is no 2:00."""
    assert shown("2026-03-29T00:00", 5, 8) == [
        *("00:00|Sun 29 Mar", "01:00", "03:00", "04:00", "05:00", "06:00"),
    ]


def test_days_begin_at_midnight_at_a_change() -> None:
    begin = datetime(2026, 10, 23, 9, tzinfo=BERLIN).astimezone(UTC)
    ticks = time_ticks(begin, begin + timedelta(days=5), BERLIN, 8)
    assert {tick.at.astimezone(BERLIN).hour for tick in ticks} == {0}
    assert [tick.label for tick in ticks] == ["Sat 24", "Sun 25", "Mon 26", "Tue 27", "Wed 28"]


@pytest.mark.parametrize(
    ("start", "hours", "most", "expected"),
    [
        ("2026-11-24T09:13", 0.5, 8, ["09:15|Tue 24 Nov", "09:20", "09:25", "09:30", "09:35", "09:40"]),
        ("2026-11-29T00:00", 96, 6, ["Sun 29|Nov 2026", "Mon 30", "Tue 1|Dec 2026", "Wed 2", "Thu 3"]),
        ("2026-11-01T00:00", 28 * 24, 6, ["2 Nov|2026", "9 Nov", "16 Nov", "23 Nov"]),
        ("2025-11-20T00:00", 365 * 24, 4, ["Jan|2026", "Apr", "Jul", "Oct"]),
        ("2020-06-01T00:00", 6 * 366 * 24, 8, ["2021", "2022", "2023", "2024", "2025", "2026"]),
    ],
)
def test_labels_suit_the_length(start: str, hours: float, most: int, expected: list[str]) -> None:
    assert shown(start, hours, most) == expected
