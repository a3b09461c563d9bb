"""When the credits run out if spending goes on as in the last weeks, by hours of the week. Pure.

The present rate says nothing about tonight, and an average over all hours says nothing about a weekend. So
each hour of the week has its own rate: the spending in that hour in the last weeks, shrunk towards the usual
rate at that time on working days or weekends, which is itself shrunk towards the average. The less is known,
the stronger the shrinking (`Sums.rates`). The range comes from how far each day was off from what the other
days predict (`_spread_of_days`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..periods import Zone

MEMORY = timedelta(weeks=8)
"""How far back spending counts."""
HALF_LIFE = timedelta(weeks=2)
"""The age at which an hour counts half as much."""
MIN_DAYS = 7
"""The number of observed days that a forecast needs."""
MIN_SPENDING_DAYS = 3
"""The number of days with spending that a forecast needs."""
MAX_AHEAD = timedelta(days=120)
"""How far the forecast looks ahead at most."""
AHEAD = 3
"""It also looks ahead at most this many times as far as it looks back."""
LIKELY = 1.28
"""Half the range, in standard deviations: 8 of 10 outcomes are in the range."""

HOUR = timedelta(hours=1)
HOURS = 7 * 24
WEEKEND = 5 * 24
"""The first hour of the weekend, from the beginning of the week."""
# The number of observed hours that the more general rate counts as.
_PRIOR_OF_TIME, _PRIOR_OF_HOUR = 2.0, 2.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """The spending between two moments; stretches of an hour are the most informative.

    Attributes:
        start: Its beginning, as an aware datetime.
        end: Its end.
        spent: Credits; 0 or more.
    """

    start: datetime
    end: datetime
    spent: Decimal


@dataclass(frozen=True, slots=True)
class RunsOut:
    """When the credits will have run out, in UTC; None for a time after ``horizon``.

    Attributes:
        earliest: If more is spent than usual; it is earlier 1 time in 10.
        expected: If as much is spent as usual.
        latest: If less is spent than usual; it is later 1 time in 10.
        horizon: The end of the forecast.
    """

    earliest: datetime | None
    expected: datetime | None
    latest: datetime | None
    horizon: datetime

    def shifted(self, offset: timedelta) -> RunsOut:
        """Return the same forecast by another clock.

        Args:
            offset: How far that clock is ahead.
        """
        three = (self.earliest, self.expected, self.latest)
        earliest, expected, latest = (None if each is None else each + offset for each in three)
        return RunsOut(earliest, expected, latest, self.horizon + offset)


def runs_out(
    stretches: Iterable[Stretch], spendable: Decimal, now: datetime, zone: Zone = None
) -> RunsOut | None:
    """Return when the credits run out if they are spent as usual.

    Args:
        stretches: The spending in the last weeks, in chronological order, without overlaps. Time between
            them counts as not observed.
        spendable: Credits left.
        now: The present, as an aware datetime.
        zone: The time zone of the hours.

    Returns:
        The forecast; None if too little is known, nothing is left, or nothing was spent.
    """
    observed = list(_observed(stretches, now))
    if spendable <= 0 or not observed:
        return None
    pieces = list(_pieces(observed, zone))
    days = _days(pieces)
    spending = sum(1 for each in days.values() if any(piece.spent for piece in each))
    span = now - observed[0].start
    if span < timedelta(days=MIN_DAYS) or len(days) < MIN_DAYS or spending < MIN_SPENDING_DAYS:
        return None
    sums = Sums.of(pieces, now)
    spread = _spread_of_days(sums, days, now)
    by_hour = _Usual(sums.rates(), spread, zone)
    return by_hour.look_ahead(float(spendable), now.astimezone(UTC), min(span * AHEAD, MAX_AHEAD))


@dataclass(frozen=True, slots=True)
class _Piece:
    """The part of a stretch within one clock hour."""

    day: date
    hour: int  # of the week
    hours: float
    spent: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Sums:
    """The credits spent and the time observed in each hour of the week, weighted by age.

    Attributes:
        spent: Credits, by hour of the week.
        hours: Hours, by hour of the week.
    """

    spent: tuple[float, ...]
    hours: tuple[float, ...]

    @classmethod
    def of(cls, pieces: Iterable[_Piece], now: datetime) -> Sums:
        """Return the sums over pieces.

        Args:
            pieces: Parts of stretches.
            now: The present.
        """
        spent, hours = [0.0] * HOURS, [0.0] * HOURS
        for each in pieces:
            weight = 0.5 ** ((now - each.at) / HALF_LIFE)
            spent[each.hour] += weight * each.spent
            hours[each.hour] += weight * each.hours
        return cls(tuple(spent), tuple(hours))

    def without(self, others: Sums) -> Sums:
        """Return the sums without some of the pieces."""
        return Sums(_less(self.spent, others.spent), _less(self.hours, others.hours))

    def rates(self) -> tuple[float, ...]:
        """Return credits per hour, by hour of the week."""
        observed = sum(self.hours)
        average = sum(self.spent) / observed if observed else 0.0
        usual = {}
        for time in range(24):
            for group in (range(time, WEEKEND, 24), range(WEEKEND + time, HOURS, 24)):
                spent, hours = (sum(counts[hour] for hour in group) for counts in (self.spent, self.hours))
                rate = (spent + _PRIOR_OF_TIME * average) / (hours + _PRIOR_OF_TIME)
                usual.update(dict.fromkeys(group, rate))
        return tuple(
            (self.spent[hour] + _PRIOR_OF_HOUR * usual[hour]) / (self.hours[hour] + _PRIOR_OF_HOUR)
            for hour in range(HOURS)
        )


def _less(ones: Sequence[float], others: Sequence[float]) -> tuple[float, ...]:
    return tuple(max(one - other, 0.0) for one, other in zip(ones, others, strict=True))


def _observed(stretches: Iterable[Stretch], now: datetime) -> Iterator[Stretch]:
    """Yield the stretches of the last weeks."""
    begin = now - MEMORY
    for each in stretches:
        if begin <= each.start < min(each.end, now):
            yield Stretch(each.start, min(each.end, now), each.spent)


def _pieces(stretches: Sequence[Stretch], zone: Zone) -> Iterator[_Piece]:
    """Yield the stretches hour by hour; a long one's spending is spread in proportion to the short ones'."""
    short = [each for each in stretches if each.end - each.start <= HOUR]
    known = Sums.of((piece for each in short for piece in _split(each, zone)), stretches[-1].end)
    rates = known.rates()
    for each in stretches:
        parts = list(_split(each, zone))
        shares = [rates[part.hour] * part.hours for part in parts]
        whole = sum(shares)
        if len(parts) <= 2 or not whole:
            yield from parts
            continue
        for part, share in zip(parts, shares, strict=True):
            yield _Piece(part.day, part.hour, part.hours, float(each.spent) * share / whole, part.at)


def _split(stretch: Stretch, zone: Zone) -> Iterator[_Piece]:
    """Yield a stretch split into clock hours, with its spending spread evenly."""
    at, end = stretch.start.astimezone(UTC), stretch.end.astimezone(UTC)
    per_hour = float(stretch.spent) / ((end - at) / HOUR)
    while at < end:
        local = at.astimezone(zone)
        past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        following = min(at + HOUR - past, end)
        hours = (following - at) / HOUR
        yield _Piece(local.date(), local.weekday() * 24 + local.hour, hours, per_hour * hours, at)
        at = following


def _days(pieces: Iterable[_Piece]) -> dict[date, list[_Piece]]:
    days: dict[date, list[_Piece]] = {}
    for each in pieces:
        days.setdefault(each.day, []).append(each)
    return days


@dataclass(frozen=True, slots=True)
class _Spread:
    """How far days are off from what is expected: the variance, and the number of days it is known from."""

    variance: float
    days: int

    def after(self, days: float) -> float:
        """Return the standard deviation of the spending in so many days.

        Days vary, and the rates themselves are uncertain, because they come from a limited number of days.
        """
        return math.sqrt(self.variance * days * (1 + days / self.days))


def _spread_of_days(sums: Sums, days: dict[date, list[_Piece]], now: datetime) -> _Spread:
    """Compare each day with what the other days predict."""
    squares = 0.0
    for pieces in days.values():
        rates = sums.without(Sums.of(pieces, now)).rates()
        off = sum(piece.spent - rates[piece.hour] * piece.hours for piece in pieces)
        squares += off * off
    return _Spread(squares / len(days), len(days))


@dataclass(frozen=True, slots=True)
class _Usual:
    """The usual rate in each hour of a zone's week, and how far days are off."""

    rates: tuple[float, ...]
    spread: _Spread
    zone: Zone

    def look_ahead(self, spendable: float, now: datetime, ahead: timedelta) -> RunsOut:
        """Return when the credits are spent at the usual rates, at higher ones and at lower ones."""
        at, spent, horizon = now, 0.0, now + ahead
        crossings: dict[float, datetime | None] = {LIKELY: None, 0.0: None, -LIKELY: None}
        before = dict.fromkeys(crossings, 0.0)
        while at < horizon and crossings[-LIKELY] is None:
            following = min(at + HOUR, horizon)
            local = at.astimezone(self.zone)
            spent += self.rates[local.weekday() * 24 + local.hour] * ((following - at) / HOUR)
            deviation = self.spread.after((following - now) / timedelta(days=1))
            for side, crossed in crossings.items():
                reached = spent + side * deviation
                if crossed is None and reached >= spendable:
                    part = (spendable - before[side]) / (reached - before[side])
                    crossings[side] = at + (following - at) * min(max(part, 0.0), 1.0)
                before[side] = reached
            at = following
        return RunsOut(crossings[LIKELY], crossings[0.0], crossings[-LIKELY], horizon)
