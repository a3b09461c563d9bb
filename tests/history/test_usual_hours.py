"""When the credits run out by the usual hours: right for regular lives, and silent about unknown ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolink_nb.history.runs_out_words import format_runs_out
from evolink_nb.history.usual_hours import HOUR, RunsOut, Stretch, runs_out

BERLIN = ZoneInfo("Europe/Berlin")
CHANCE = random.Random
DAY = timedelta(days=1)
THURSDAY = datetime(2026, 11, 26, 10, tzinfo=BERLIN).astimezone(UTC)


def past(
    rate: Callable[[datetime], float], *, days: float = 28, now: datetime = THURSDAY, hours: int = 1
) -> list[Stretch]:
    """What is spent in each hour of the days until now, by the clock in Berlin."""
    length = hours * HOUR
    count = int(days * DAY / length)
    starts = [now - (count - number) * length for number in range(count)]
    return [
        Stretch(start, start + length, Decimal(f"{rate(start.astimezone(BERLIN)) * hours:.4f}"))
        for start in starts
    ]


def at_work(local: datetime) -> float:
    """10 credits an hour on weekdays from 9 to 17."""
    return 10.0 if local.weekday() < 5 and 9 <= local.hour < 17 else 0.0


def text(stretches: list[Stretch], spendable: float, now: datetime = THURSDAY) -> str:
    forecast = runs_out(stretches, Decimal(str(spendable)), now, BERLIN)
    return format_runs_out(forecast, now, BERLIN)


def test_even_spending_runs_out_on_time() -> None:
    forecast = runs_out(past(lambda _: 2.0), Decimal(480), THURSDAY, BERLIN)
    assert forecast is not None
    assert forecast.expected is not None
    assert abs(forecast.expected - (THURSDAY + 10 * DAY)) < HOUR
    assert text(past(lambda _: 2.0), 480) == "runs out on Sun 6 Dec"


@pytest.mark.parametrize(
    ("spendable", "day"),
    [
        (60, "Thu 26 Nov"),  # 70 are spent until this evening
        (100, "Fri 27 Nov"),
        (180, "Mon 30 Nov"),  # nothing is spent at weekends
        (460, "Thu 3 Dec"),
    ],
)
def test_nights_and_weekends_cost_nothing(spendable: float, day: str) -> None:
    """What working days cost is known to be regular, so that the range is a day at most."""
    forecast = runs_out(past(at_work, days=56), Decimal(spendable), THURSDAY, BERLIN)
    assert forecast is not None
    assert forecast.expected is not None
    assert f"{forecast.expected.astimezone(BERLIN):%a} " in f"{day} "
    assert 9 <= forecast.expected.astimezone(BERLIN).hour < 18


def test_a_few_weeks_are_told_with_a_range() -> None:
    chance = CHANCE(5)
    factors = [chance.uniform(0.4, 1.6) for _ in range(400)]
    stretches = past(lambda local: at_work(local) * factors[local.timetuple().tm_yday], days=28)
    assert text(stretches, 480) == "runs out on Thu 3 Dec, between Wed and Mon"


@pytest.mark.parametrize("hours", [1, 3])
def test_the_range_holds_most_outcomes(hours: int) -> None:
    """8 of 10 are promised, on lives with good and bad days: 65 to 95 of 100 keep that."""
    held = known = 0
    for seed in range(40):
        chance = CHANCE(seed)
        factors = {THURSDAY.date() + number * DAY: chance.lognormvariate(0, 0.6) for number in range(-40, 60)}

        def rate(local: datetime, factors: dict[date, float] = factors) -> float:
            return at_work(local) * factors[local.date()]

        forecast = runs_out(past(rate, hours=hours), Decimal(400), THURSDAY, BERLIN)
        assert forecast is not None
        left, at = 400.0, THURSDAY
        while left > 0:
            left -= rate(at.astimezone(BERLIN))
            at += HOUR
        known += 1
        is_early = forecast.earliest is not None and at < forecast.earliest
        held += not is_early and (forecast.latest is None or at <= forecast.latest + HOUR)
    assert 0.65 <= held / known <= 0.95


def test_gaps_are_taken_for_what_they_cost() -> None:
    """A night without a kernel cost nothing; so did a weekend. Neither is unknown."""
    regular = past(at_work)
    merged: list[Stretch] = []
    for each in regular:
        if merged and not each.spent and not merged[-1].spent:
            merged[-1] = Stretch(merged[-1].start, each.end, Decimal(0))
        else:
            merged.append(each)
    assert len(merged) < len(regular) / 2
    for spendable in (60, 180, 480):
        one, other = (runs_out(each, Decimal(spendable), THURSDAY, BERLIN) for each in (regular, merged))
        assert one is not None
        assert other is not None
        assert one.expected is not None
        assert other.expected is not None
        assert abs(one.expected - other.expected) < 2 * HOUR


def test_gap_spending_goes_to_usual_hours() -> None:
    """Another machine spent a day's 80 credits while no reading was taken."""
    regular = past(at_work)
    day = [each for each in regular if (THURSDAY - each.start) // DAY == 6]
    gap = Stretch(day[0].start, day[-1].end, sum((each.spent for each in day), Decimal(0)))
    with_gap = [each for each in regular if each not in day]
    with_gap.insert(regular.index(day[0]), gap)
    one, other = (runs_out(each, Decimal(200), THURSDAY, BERLIN) for each in (regular, with_gap))
    assert one is not None
    assert other is not None
    assert one.expected is not None
    assert other.expected is not None
    assert abs(one.expected - other.expected) < HOUR


def test_hours_stay_when_clocks_are_changed() -> None:
    """The weeks before were in summer time; work still begins at 9."""
    now = datetime(2026, 10, 28, 8, tzinfo=BERLIN).astimezone(UTC)
    forecast = runs_out(past(at_work, days=56, now=now), Decimal(1), now, BERLIN)
    assert forecast is not None
    assert forecast.expected is not None
    assert forecast.expected.astimezone(BERLIN).hour in {8, 9}


@pytest.mark.parametrize(
    "stretches",
    [
        [],
        past(lambda _: 2.0, days=6),
        past(lambda _: 0.0),
        past(lambda local: 50.0 if local.day in {12, 20} and local.hour == 9 else 0.0),
        [
            Stretch(THURSDAY - 20 * DAY, THURSDAY - 19 * DAY, Decimal(5)),
            Stretch(THURSDAY - HOUR, THURSDAY, Decimal(5)),
        ],
        past(lambda _: 2.0, now=THURSDAY - 400 * DAY),
    ],
    ids=["nothing", "days", "unspent", "rare", "unobserved", "long ago"],
)
def test_too_little_data_gives_no_forecast(stretches: list[Stretch]) -> None:
    assert runs_out(stretches, Decimal(100), THURSDAY, BERLIN) is None
    assert text(stretches, 100) == ""


@pytest.mark.parametrize("spendable", [0, -12.5])
def test_what_is_spent_has_no_forecast(spendable: float) -> None:
    assert text(past(at_work), spendable) == ""


amounts = st.decimals(0, 10**6, places=4, allow_nan=False, allow_infinity=False)


@st.composite
def pasts(draw: st.DrawFn) -> list[Stretch]:
    """Some weeks, observed now and then."""
    chance = draw(st.randoms(use_true_random=False))
    at = THURSDAY - draw(st.integers(1, 60)) * DAY
    found = []
    while at < THURSDAY:
        end = at + chance.choice((HOUR / 4, HOUR, HOUR, 3 * HOUR, DAY))
        if chance.random() < 0.8:
            found.append(Stretch(at, end, Decimal(str(round(chance.expovariate(0.2), 4)))))
        at = end
    return found


def moments_of(forecast: RunsOut) -> list[datetime]:
    """The three moments, the horizon where there is none."""
    three = forecast.earliest, forecast.expected, forecast.latest
    return [forecast.horizon if each is None else each for each in three]


@settings(max_examples=30)
@given(pasts(), amounts, amounts)
def test_more_credits_last_no_shorter(stretches: list[Stretch], one: Decimal, other: Decimal) -> None:
    less, more = sorted((one, other))
    first, second = (runs_out(stretches, each, THURSDAY, BERLIN) for each in (less, more))
    if first is None:
        return
    assert second is not None
    assert all(early <= late for early, late in zip(moments_of(first), moments_of(second), strict=True))
    assert moments_of(first)[0] >= THURSDAY
    assert moments_of(first) == sorted(moments_of(first))


@settings(max_examples=30)
@given(pasts(), st.integers(1, 10**5))
def test_a_unit_of_credits_has_no_effect(stretches: list[Stretch], spendable: int) -> None:
    """Ten times the credits, spent ten times as fast, last as long."""
    tenfold = [Stretch(each.start, each.end, each.spent * 10) for each in stretches]
    one = runs_out(stretches, Decimal(spendable), THURSDAY, BERLIN)
    ten = runs_out(tenfold, Decimal(spendable * 10), THURSDAY, BERLIN)
    assert (one is None) == (ten is None)
    if one is None or ten is None:
        return
    for earlier, later in zip(moments_of(one), moments_of(ten), strict=True):
        assert abs(earlier - later) < timedelta(minutes=1)


def days_from_now(*days: float | None) -> RunsOut:
    earliest, expected, latest = (None if each is None else THURSDAY + each * DAY for each in days)
    return RunsOut(earliest, expected, latest, THURSDAY + 90 * DAY)


@pytest.mark.parametrize(
    ("forecast", "words"),
    [
        (days_from_now(6, 7, 9), "runs out on Thu 3 Dec, between Wed and Sat"),
        (days_from_now(6.9, 7, 7.1), "runs out on Thu 3 Dec"),
        (days_from_now(27, 32, 39), "runs out on Mon 28 Dec, between 23 Dec and 4 Jan"),
        (days_from_now(5, 14, 30), "runs out on Thu 10 Dec, between 1 Dec and 26 Dec"),
        (days_from_now(0.1, 0.25, 0.4), "runs out at about 16:00, between 12:30 and 19:30"),
        (days_from_now(0, 1, 2), "runs out on Fri 27 Nov, between Thu and Sat"),
        (days_from_now(20, 30, None), "runs out on Sat 26 Dec, or from 16 Dec on"),
        (days_from_now(20, None, None), "lasts until Wed 16 Dec or longer"),
        (days_from_now(None, None, None), "lasts beyond Wed 24 Feb"),
        (None, ""),
    ],
)
def test_a_forecast_is_told_in_words(forecast: RunsOut | None, words: str) -> None:
    assert format_runs_out(forecast, THURSDAY, BERLIN) == words
