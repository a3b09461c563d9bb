"""Charts of simulated pasts: a quiet one, a busy one, one with gaps, and others."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from evolink_nb.history.charts.data import Bucket, ChartData, Dear, TopUp
from evolink_nb.periods import Per, period_at

BERLIN = ZoneInfo("Europe/Berlin")
MIDNIGHT = datetime(2026, 11, 24, tzinfo=BERLIN).astimezone(UTC)
HOUR = timedelta(hours=1)
CHANCE = random.Random
MARKUP = "<script>window.attacked=1</script> & \"quotes\" 'too' </figure>"


def buckets(
    count: int,
    length: timedelta,
    spent: Callable[[int], str | None],
    *,
    start: datetime = MIDNIGHT,
    balance: str = "1231.3044",
    top_ups: tuple[TopUp, ...] = (),
) -> list[Bucket]:
    """Buckets in a row, each with what was spent in it; None for a gap."""
    left = Decimal(balance)
    made = []
    for number in range(count):
        begin = start + number * length
        end = begin + length
        amount = spent(number)
        left += sum(each.amount for each in top_ups if begin <= each.at < end)
        if amount is None:
            made.append(Bucket(begin, end))
        else:
            left -= Decimal(amount)
            made.append(Bucket(begin, end, Decimal(amount), left))
    return made


def _working_hours(chance: random.Random) -> Callable[[int], str | None]:
    return lambda hour: f"{chance.uniform(2, 30):.4f}" if 9 <= hour % 24 < 18 and hour % 24 != 12 else "0"


def a_day() -> ChartData:
    """A day in hours, with work in the daytime, a top-up and the dearest work."""
    top_up = (TopUp(MIDNIGHT + timedelta(hours=13, minutes=5), Decimal(500)),)
    return ChartData(
        buckets(24, HOUR, _working_hours(CHANCE(7)), top_ups=top_up),
        unit="hour",
        zone=BERLIN,
        top_ups=top_up,
        dearest=(
            Dear("train.ipynb · 40 videos", Decimal("61.25"), MIDNIGHT + timedelta(hours=10.2), 3),
            Dear("evaluate", Decimal("31.5"), MIDNIGHT + timedelta(hours=15.6)),
            Dear("meter in report.py:12", Decimal("12.0004")),
        ),
        simulated=True,
    )


def a_week_with_gaps() -> ChartData:
    """A week in blocks of 6 hours, with two gaps."""
    chance = CHANCE(3)

    def spent(number: int) -> str | None:
        if 10 <= number < 15 or number == 20:
            return None
        return f"{chance.uniform(0, 25):.2f}" if number % 4 in {1, 2} else "0.1"

    return ChartData(buckets(28, 6 * HOUR, spent), unit="6 hours", zone=BERLIN)


def a_year() -> ChartData:
    """A year in weeks, topped up now and then."""
    chance = CHANCE(11)
    left, made = Decimal(1000), []
    week = period_at(datetime(2025, 11, 24, tzinfo=BERLIN), Per.WEEK, BERLIN)
    tops = [TopUp(week.start + timedelta(days=60 * n + 20, hours=9), Decimal(1000)) for n in range(6)]
    for _ in range(52):
        spent = Decimal(f"{chance.uniform(20, 200):.1f}")
        left += sum(each.amount for each in tops if week.contains(each.at)) - spent
        made.append(Bucket(week.start, week.end, spent, left))
        week = period_at(week.end, Per.WEEK, BERLIN)
    return ChartData(made, unit="week", zone=BERLIN, top_ups=tops)


def overdrawn() -> ChartData:
    """A balance that falls below 0."""
    made = buckets(12, HOUR, lambda _: "12.5", balance="88", start=MIDNIGHT + 9 * HOUR)
    return ChartData(made, unit="hour", zone=BERLIN)


def one_point() -> ChartData:
    """A single bucket, the only one with a reading."""
    return ChartData(buckets(1, HOUR, lambda _: "3.5"), unit="hour", zone=BERLIN)


def empty() -> ChartData:
    """A day without a reading."""
    return ChartData(buckets(24, HOUR, lambda _: None), unit="hour", zone=BERLIN)


def hardly_changing() -> ChartData:
    """A large balance and little spending."""
    made = buckets(24, HOUR, lambda hour: "0.25" if hour % 3 == 0 else "0", balance="99321.0433")
    return ChartData(made, unit="hour", zone=BERLIN)


def hostile() -> ChartData:
    """Names with markup."""
    data = one_point()
    return ChartData(
        data.buckets, unit="<hour>", zone=BERLIN, dearest=(Dear(MARKUP, Decimal(3), MIDNIGHT + HOUR / 2),)
    )


CHARTS = {
    "a_day": a_day,
    "a_week_with_gaps": a_week_with_gaps,
    "a_year": a_year,
    "overdrawn": overdrawn,
    "one_point": one_point,
    "empty": empty,
    "hardly_changing": hardly_changing,
    "hostile": hostile,
}
"""All of them by name."""
