"""Says when the credits run out: "runs out on Thu 3 Dec, between Wed and Sat"."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from ..periods import WEEKDAYS, format_day

if TYPE_CHECKING:
    from ..periods import Zone
    from .usual_hours import RunsOut

SOON = timedelta(hours=18)
"""If it is sooner, the hour is told too."""


def format_runs_out(forecast: RunsOut | None, now: datetime, zone: Zone = None) -> str:
    """Return a forecast in words.

    Args:
        forecast: The forecast, if there is one.
        now: The present, as an aware datetime.
        zone: The time zone it is told in.

    Returns:
        The text; "" without a forecast.
    """
    if forecast is None:
        return ""
    earliest, expected = forecast.earliest, forecast.expected
    if earliest is None:
        return f"lasts beyond {_day(forecast.horizon, zone)}"
    if expected is None:
        return f"lasts until {_day(earliest, zone)} or longer"
    return _between(earliest, expected, forecast.latest, now, zone)


def _between(
    earliest: datetime, expected: datetime, latest: datetime | None, now: datetime, zone: Zone
) -> str:
    if latest is not None and latest - now < SOON:
        hours = [_hour(at, zone) for at in (expected, earliest, latest)]
        return "runs out at about {}, between {} and {}".format(*hours)
    text = f"runs out on {_day(expected, zone)}"
    first, most_likely = (at.astimezone(zone).date() for at in (earliest, expected))
    if latest is None:
        return text if first == most_likely else f"{text}, or from {_near(first, most_likely)} on"
    last = latest.astimezone(zone).date()
    is_sure = first == last
    return text if is_sure else f"{text}, between {_near(first, most_likely)} and {_near(last, most_likely)}"


def _day(at: datetime, zone: Zone) -> str:
    return format_day(at.astimezone(zone).date())


def _near(day: date, other: date) -> str:
    """Return a day by its weekday, if that is enough beside another day."""
    is_near = abs(day - other) < timedelta(days=7)
    return WEEKDAYS[day.weekday()] if is_near else format_day(day, weekday=False)


def _hour(at: datetime, zone: Zone) -> str:
    """Return the time to the nearest half hour."""
    local = at.astimezone(zone)
    rounded = local + timedelta(minutes=15)
    return f"{rounded:%H}:{rounded.minute // 30 * 30:02}"
