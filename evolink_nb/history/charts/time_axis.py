"""Round times for an axis of time, in a time zone. Pure functions.

Ticks are where the zone's clock shows a round time: hours at full hours, days at their beginning. So they are
unevenly spaced where clocks go forward or back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

from ...periods import MONTHS, WEEKDAYS, Zone, moment_of, start_of

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MONTH = 30.4 * DAY
YEAR = 365.25 * DAY
MONDAY = date(1, 1, 1)
_ENOUGH = 64
"""So many ticks that at least one is certainly on the axis."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A tick of an axis of time.

    Attributes:
        at: The time, in UTC.
        label: The text: "09:00", "Mon 23", "Nov" or "2026".
        context: On the first tick in a day, month or year, its name: "Tue 24 Nov", "Nov 2026"; else "".
    """

    at: datetime
    label: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class _Unit:
    """A spacing of ticks.

    Attributes:
        seconds: Its approximate length.
        walk: Yields the ticks' times in UTC for a zone, beginning at or before a moment.
        label: The text of a local time.
        context: The context of a local time.
    """

    seconds: float
    walk: Callable[[datetime, Zone], Iterator[datetime]]
    label: Callable[[datetime], str]
    context: Callable[[datetime], str]


def time_ticks(start: datetime, end: datetime, zone: Zone, most: int) -> list[Tick]:
    """Return ticks at round times.

    Args:
        start: The beginning of the axis.
        end: Its end; later than ``start``.
        zone: The time zone of the clock shown.
        most: The most ticks; at least 2.

    Returns:
        The ticks from ``start`` to ``end``, in order; the first has a context.
    """
    for unit in _units((end - start).total_seconds() / most):
        found = list(_between(unit, start, end, zone, most))
        if found and len(found) <= most:
            return _labelled(unit, found, zone)
        if not found and most < _ENOUGH:
            # Five days may not contain the beginning of a week: then use the first tick of a finer spacing.
            return time_ticks(start, end, zone, 2 * most)[:1]
    return []


def _between(unit: _Unit, start: datetime, end: datetime, zone: Zone, most: int) -> Iterator[datetime]:
    """Yield the times of a unit, stopping as soon as there are too many."""
    count = 0
    for at in unit.walk(start, zone):
        if at > end or count > most:
            return
        if at >= start:
            count += 1
            yield at


def _labelled(unit: _Unit, times: list[datetime], zone: Zone) -> list[Tick]:
    ticks: list[Tick] = []
    previous = ""
    for at in times:
        local = at.astimezone(zone)
        context = unit.context(local)
        ticks.append(Tick(at, unit.label(local), "" if context == previous else context))
        previous = context
    return ticks


def _units(least: float) -> Iterator[_Unit]:
    """Yield the spacings of at least about ``least`` seconds, finest first."""
    minutes = (_Unit(n * MINUTE, partial(_minutes, n), _clock, _day) for n in (1, 2, 5, 10, 15, 30))
    hours = (_Unit(n * HOUR, partial(_hours, n), _clock, _day) for n in (1, 2, 3, 6, 12))
    days = (_Unit(n * DAY, partial(_days, n), _weekday, _month) for n in (1, 2))
    weeks = (_Unit(n * DAY, partial(_days, n), _date, _year) for n in (7, 14))
    months = (_Unit(n * MONTH, partial(_months, n), _month_alone, _year) for n in (1, 2, 3, 6))
    years = (_Unit(n * YEAR, partial(_months, 12 * n), _year, _nothing) for n in (1, 2, 5, 10, 50, 100))
    for unit in (*minutes, *hours, *days, *weeks, *months, *years):
        if unit.seconds >= least * 0.9:
            yield unit


def _minutes(step: int, start: datetime, zone: Zone) -> Iterator[datetime]:
    # Counted in UTC, so each minute comes once, even if the clock shows it twice.
    local = start.astimezone(zone)
    past = timedelta(minutes=local.minute % step, seconds=local.second, microseconds=local.microsecond)
    at = start.astimezone(UTC) - past
    while True:
        yield at
        at += timedelta(minutes=step)


def _hours(step: int, start: datetime, zone: Zone) -> Iterator[datetime]:
    day = start.astimezone(zone).date()
    previous = None
    while True:
        for hour in range(0, 24, step):
            clock = datetime.combine(day, time(hour))
            at = start_of(day, zone) if hour == 0 else moment_of(clock, zone)
            # A time that the clock skips gets no tick.
            is_shown = hour == 0 or at.astimezone(zone).replace(tzinfo=None) == clock
            if is_shown and (previous is None or at > previous):
                yield at
                previous = at
        day += timedelta(days=1)


def _days(step: int, start: datetime, zone: Zone) -> Iterator[datetime]:
    day = start.astimezone(zone).date()
    day -= timedelta(days=(day - MONDAY).days % step)
    while True:
        yield start_of(day, zone)
        day += timedelta(days=step)


def _months(step: int, start: datetime, zone: Zone) -> Iterator[datetime]:
    local = start.astimezone(zone)
    number = local.year * 12 + local.month - 1
    number -= number % step
    while number < 9999 * 12:
        yield start_of(date(number // 12, number % 12 + 1, 1), zone)
        number += step


def _clock(local: datetime) -> str:
    return f"{local.hour:02}:{local.minute:02}"


def _day(local: datetime) -> str:
    return f"{WEEKDAYS[local.weekday()]} {local.day} {MONTHS[local.month - 1]}"


def _weekday(local: datetime) -> str:
    return f"{WEEKDAYS[local.weekday()]} {local.day}"


def _month(local: datetime) -> str:
    return f"{MONTHS[local.month - 1]} {local.year}"


def _date(local: datetime) -> str:
    return f"{local.day} {MONTHS[local.month - 1]}"


def _month_alone(local: datetime) -> str:
    return MONTHS[local.month - 1]


def _year(local: datetime) -> str:
    return str(local.year)


def _nothing(_local: datetime) -> str:
    return ""
