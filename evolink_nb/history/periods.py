"""Spans of time as users type them, and the buckets they are divided into. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal, NamedTuple, get_args

from ..errors import ConfigurationError

Unit = Literal["minute", "hour", "day", "week", "month"]
UNITS: tuple[Unit, ...] = get_args(Unit)

MAX_BUCKETS = 400
"""The most buckets of one answer."""
_POINTS = 60
"""About as many buckets as a chart shows, where nobody says how long they are."""

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(min|[smhdwy])[a-z]*", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_557_600}
_STEPS = (60, 300, 900, 3600, 7200, 10_800, 21_600, 43_200)
_DAY = timedelta(days=1)


class MachineZone(tzinfo):
    """This machine's time zone, with its summer time."""

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        """Return how far it is ahead of UTC at a time of its own."""
        return None if dt is None else dt.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, dt: datetime | None) -> timedelta | None:
        """Return None: how much of that is summer time isn't known."""
        del dt
        return None

    def tzname(self, dt: datetime | None) -> str | None:
        """Return its name at a time of its own."""
        return None if dt is None else dt.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, dt: datetime) -> datetime:
        """Return a time of UTC as one of its own."""
        return dt.replace(tzinfo=UTC).astimezone().replace(tzinfo=self)


class Bucket(NamedTuple):
    """A part of a span of time."""

    begins: datetime
    ends: datetime


def parse_span(text: str) -> timedelta:
    """Return a length of time such as ``24h``, ``7d`` or ``2w``.

    Args:
        text: The text typed.

    Raises:
        ConfigurationError: It is none.
    """
    match = _SPAN.fullmatch(text.strip())
    seconds = float(match[1]) * _SECONDS[match[2].lower()] if match else 0.0
    if not 0 < seconds < timedelta.max.total_seconds() / 1000:
        raise ConfigurationError(f"{text!r} is no length of time.", hint="Write 24h, 7d or 2w.")
    return timedelta(seconds=seconds)


def begin_of_span(since: str | timedelta | datetime, now: datetime) -> datetime:
    """Return when a span that ends now begins.

    Args:
        since: Its length, or a moment; one without a time zone is in that of ``now``.
        now: Now, as an aware datetime.

    Raises:
        ConfigurationError: It is neither.
    """
    if isinstance(since, datetime):
        return since if since.tzinfo is not None else since.replace(tzinfo=now.tzinfo)
    span = parse_span(since) if isinstance(since, str) else since
    try:
        return now - span
    except OverflowError:
        raise ConfigurationError("That is too long ago.", hint="Write 24h, 7d or 2w.") from None


def buckets(begins: datetime, ends: datetime, unit: Unit | None, zone: tzinfo) -> list[Bucket]:
    """Return the buckets that cover a span; the last ends with it.

    Args:
        begins: When the span begins.
        ends: When it ends.
        unit: How long each is; None for about `_POINTS` of them.
        zone: Where days begin at midnight.

    Raises:
        ConfigurationError: There would be too many.
    """
    first, last = begins.astimezone(zone), ends.astimezone(zone)
    found: list[Bucket] = []
    for edge in _edges(first, unit or _step_for(last - first)):
        if found:
            found[-1] = found[-1]._replace(ends=min(edge, last))
        if edge >= last:
            return found
        if len(found) == MAX_BUCKETS:
            raise ConfigurationError(
                f"That would be more than {MAX_BUCKETS} rows.",
                hint="Choose a shorter span or longer periods.",
            )
        found.append(Bucket(edge, last))
    return found


def _step_for(span: timedelta) -> Unit | timedelta:
    for seconds in _STEPS:
        if span.total_seconds() / seconds <= _POINTS:
            return timedelta(seconds=seconds)
    if span / _DAY <= 2 * _POINTS:
        return "day"
    return "week" if span / _DAY <= 14 * _POINTS else "month"


def _edges(first: datetime, step: Unit | timedelta) -> Iterator[datetime]:
    """Yield the beginnings of buckets, the first one not after ``first``."""
    if step in {"minute", "hour"}:
        step = timedelta(minutes=1) if step == "minute" else timedelta(hours=1)
    if isinstance(step, timedelta):
        # By the clock that nobody sets forward in spring.
        midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
        begun = first.timestamp() - midnight.timestamp()
        at = midnight.timestamp() + begun // step.total_seconds() * step.total_seconds()
        while True:
            yield datetime.fromtimestamp(at, first.tzinfo)
            at += step.total_seconds()
    edge = first.replace(hour=0, minute=0, second=0, microsecond=0)
    if step == "week":
        edge -= edge.weekday() * _DAY
    if step == "month":
        edge = edge.replace(day=1)
    while True:
        yield edge
        if step == "month":
            edge = edge.replace(year=edge.year + edge.month // 12, month=edge.month % 12 + 1)
        else:
            edge += _DAY if step == "day" else 7 * _DAY
