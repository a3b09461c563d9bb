"""Spans of time as users type them, and their parts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from ...errors import ConfigurationError
from ...periods import Per, period_at, start_of

if TYPE_CHECKING:
    from ...periods import Zone

Unit = Literal["minute", "hour", "day", "week", "month"]
UNITS: tuple[Unit, ...] = get_args(Unit)

MAX_PARTS = 400
"""The most parts of one span."""
_POINTS = 60
"""The approximate number of parts of a chart if their length isn't given."""

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(min|[smhdwy])[a-z]*", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_557_600}
_STEPS = (60, 300, 900, 3600, 7200, 10_800, 21_600, 43_200)
_CLOCK_UNITS = {"minute": 60, "hour": 3600}
_DAY = timedelta(days=1)


class Span(NamedTuple):
    """A stretch of time; both moments are aware datetimes."""

    start: datetime
    end: datetime


def parse_length(text: str) -> timedelta:
    """Parse a length of time such as ``24h``, ``7d`` or ``2w``.

    Args:
        text: The text typed.

    Raises:
        ConfigurationError: It is not a length of time.
    """
    match = _SPAN.fullmatch(text.strip())
    seconds = float(match[1]) * _SECONDS[match[2].lower()] if match else 0.0
    if not 0 < seconds < timedelta.max.total_seconds() / 1000:
        raise ConfigurationError(f"{text!r} is not a length of time.", hint="Write 24h, 7d or 2w.")
    return timedelta(seconds=seconds)


def span_of(
    since: str | timedelta | datetime, until: datetime | None, zone: Zone, *, now: datetime | None = None
) -> Span:
    """Return the span that a user means.

    Args:
        since: Its length, or when it begins; a moment without a zone is in ``zone``.
        until: When it ends; now by default.
        zone: The time zone; None is this machine's.
        now: The present, if not the actual one.

    Raises:
        ConfigurationError: There is no such span.
    """
    end = _aware(until or now or datetime.now(UTC), zone)
    try:
        start = _aware(since, zone) if isinstance(since, datetime) else end - _length(since)
    except OverflowError:
        raise ConfigurationError("That is too long ago.", hint="Write 24h, 7d or 2w.") from None
    if start >= end:
        raise ConfigurationError("That span ends before it begins.", hint="Write 24h, 7d or 2w.")
    return Span(start, end)


def parts(span: Span, unit: Unit | None, zone: Zone) -> list[Span]:
    """Return the parts that cover a span; the last ends with it.

    Args:
        span: The span.
        unit: The length of each part; None for about `_POINTS` parts.
        zone: The time zone in which days begin.

    Returns:
        The parts, in UTC. The first may begin before the span.

    Raises:
        ConfigurationError: There would be too many.
    """
    found: list[Span] = []
    for part in _parts_from(span.start, unit or _step_for(span), zone):
        if len(found) == MAX_PARTS:
            raise ConfigurationError(
                f"That is more than {MAX_PARTS} rows.", hint="Choose a shorter span or longer periods."
            )
        found.append(Span(part.start, min(part.end, span.end.astimezone(UTC))))
        if part.end >= span.end:
            break
    return found


def _length(since: str | timedelta) -> timedelta:
    return parse_length(since) if isinstance(since, str) else since


def _aware(moment: datetime, zone: Zone) -> datetime:
    if moment.tzinfo is None and zone is not None:
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(zone)


def _step_for(span: Span) -> Unit | int:
    length = span.end - span.start
    for seconds in _STEPS:
        if length.total_seconds() / seconds <= _POINTS:
            return seconds
    if length / _DAY <= 2 * _POINTS:
        return "day"
    return "week" if length / _DAY <= 14 * _POINTS else "month"


def _parts_from(start: datetime, step: Unit | int, zone: Zone) -> Iterator[Span]:
    """Yield consecutive parts; the first contains ``start``."""
    seconds = step if isinstance(step, int) else _CLOCK_UNITS.get(step)
    if seconds is None:
        period = period_at(start, Per(str(step)), zone)
        while True:
            yield Span(period.start, period.end)
            period = period_at(period.end, period.per, zone)
    # Parts of a day count from midnight, and have their full length even when clocks go forward or back.
    midnight = start_of(start.astimezone(zone).date(), zone)
    length = timedelta(seconds=seconds)
    at = midnight + (start.astimezone(UTC) - midnight) // length * length
    while True:
        yield Span(at, at + length)
        at += length
