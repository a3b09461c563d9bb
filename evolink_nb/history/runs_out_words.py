"""Says when the credits run out: "runs out on Thu 3 Dec, between Wed and Sat"."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from ..periods import WEEKDAYS, format_day

if TYPE_CHECKING:
    from ..periods import Zone
    from .usual_hours import RunsOut

SOON = timedelta(hours=18)
"""If the credits run out sooner than this, the text names the hour."""


def format_runs_out(forecast: RunsOut | None, now: datetime, zone: Zone = None) -> str:
    """Return a forecast in words.

    Args:
        forecast: The forecast, if there is one.
        now: The present, as an aware datetime.
        zone: The time zone of the text.

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
        return text if first == most_likely else f"{text}, or from {_beside(most_likely, first)[0]} on"
    last = latest.astimezone(zone).date()
    return text if first == last else "{}, between {} and {}".format(text, *_beside(most_likely, first, last))


def _day(at: datetime, zone: Zone) -> str:
    return format_day(at.astimezone(zone).date())


def _beside(day: date, *others: date) -> list[str]:
    """Return days as weekdays if all are less than a week from a day named in full, else as dates."""
    if all(abs(day - other) < timedelta(days=7) for other in others):
        return [WEEKDAYS[other.weekday()] for other in others]
    return [format_day(other, weekday=False) for other in others]


def _hour(at: datetime, zone: Zone) -> str:
    """Return the time to the nearest half hour."""
    local = at.astimezone(zone)
    rounded = local + timedelta(minutes=15)
    return f"{rounded:%H}:{rounded.minute // 30 * 30:02}"
