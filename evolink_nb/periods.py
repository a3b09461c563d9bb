"""Days, weeks and months in a time zone, daylight saving time included. Pure functions.

A day begins at its first moment by the zone's clock, which need not be 0:00: where clocks go forward at
midnight, there is no 0:00. All results are in UTC, where differences are durations. Python compares two times
in the same zone by what the clock shows, which goes wrong when clocks go back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Zone = tzinfo | None
"""A time zone; None is this machine's own."""

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
"""The days of the week in English, whatever the locale."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""The months in English, whatever the locale."""


class Per(StrEnum):
    """A kind of period. Weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """One day, week or month.

    Attributes:
        per: Its kind.
        start: Its first moment, in UTC.
        end: The first moment after it, in UTC.
    """

    per: Per
    start: datetime
    end: datetime

    def contains(self, moment: datetime) -> bool:
        """Return whether a moment is in the period."""
        return self.start <= moment < self.end


def parse_per(text: object) -> Per:
    """Return a kind of period.

    Args:
        text: "day", "week" or "month".

    Raises:
        ValueError: It is none of them.
    """
    try:
        return Per(str(text))
    except ValueError:
        raise ValueError(f'per must be "day", "week" or "month", not {text!r}') from None


def parse_zone(name: str | None) -> Zone:
    """Return a time zone by its name.

    Args:
        name: A name from the IANA database, such as "Europe/Berlin"; None for this machine's own.

    Raises:
        ValueError: There is no such time zone here.
    """
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{name!r} is not a time zone known here: write a name such as 'Europe/Berlin' or 'UTC'"
        ) from None


def moment_of(clock: datetime, zone: Zone) -> datetime:
    """Return when a zone's clock shows a time.

    Args:
        clock: Date and time without a zone.
        zone: The zone.

    Returns:
        The moment, in UTC. If the clock shows the time twice, the first; if it skips the time, the moment of
        the skip, provided that the skipped stretch begins at this time.
    """
    aware = clock.replace(tzinfo=zone) if zone is not None else clock
    return aware.astimezone(UTC)


def start_of(day: date, zone: Zone) -> datetime:
    """Return the first moment of a day, in UTC.

    Args:
        day: The day.
        zone: The zone.
    """
    return moment_of(datetime.combine(day, time.min), zone)


def period_at(moment: datetime, per: Per, zone: Zone) -> Period:
    """Return the period that a moment is in.

    Args:
        moment: The moment, as an aware datetime.
        per: The kind of period.
        zone: The zone.

    Returns:
        The period. Each ends where the next begins, even if clocks go back to the day before.
    """
    first = first_day(moment.astimezone(zone).date(), per)
    start, end = start_of(first, zone), start_of(next_day(first, per), zone)
    while moment >= end:
        first = next_day(first, per)
        start, end = end, start_of(next_day(first, per), zone)
    while moment < start:
        first = first_day(first - timedelta(days=1), per)
        start, end = start_of(first, zone), start
    return Period(per, start, end)


def first_day(day: date, per: Per) -> date:
    """Return the first day of the period that a day is in.

    Args:
        day: The day.
        per: The kind of period.
    """
    match per:
        case Per.DAY:
            return day
        case Per.WEEK:
            return day - timedelta(days=day.weekday())
        case Per.MONTH:
            return day.replace(day=1)


def next_day(first: date, per: Per) -> date:
    """Return the first day of the next period.

    Args:
        first: The first day of a period.
        per: The kind of period.
    """
    match per:
        case Per.DAY:
            return first + timedelta(days=1)
        case Per.WEEK:
            return first + timedelta(days=7)
        case Per.MONTH:
            return (first + timedelta(days=31)).replace(day=1)


def format_day(day: date, *, weekday: bool = True) -> str:
    """Return a day for users: "Thu 3 Dec".

    Args:
        day: The day.
        weekday: Whether to name the day of the week.
    """
    text = f"{day.day} {MONTHS[day.month - 1]}"
    return f"{WEEKDAYS[day.weekday()]} {text}" if weekday else text
