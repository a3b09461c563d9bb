"""What was spent since a period began: never too little, and all where a reading was taken then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.metering.budgets.period_spending import PeriodSpending
from tests.support.clock import BEGINNING
from tests.support.readings import reading

if TYPE_CHECKING:
    from evolink_nb.credits import Credits

START = BEGINNING + timedelta(seconds=1000)
NOW = 2000.0


@dataclass(frozen=True)
class Past:
    """What happened: the time of each call with its price, and when readings were taken."""

    calls: list[tuple[int, int]]
    kept: list[int]
    own: list[int]

    def reading(self, at: float) -> Credits:
        spent = sum(price for when, price in self.calls if when <= at)
        return reading(at, token=5000 - spent, token_used=spent, user=5000 - spent, user_used=spent)

    def spent_since(self, at: float) -> int:
        return sum(price for when, price in self.calls if when > at)


times = st.integers(0, int(NOW) - 1)
pasts = st.builds(
    Past,
    st.lists(st.tuples(times, st.integers(1, 9)), max_size=30),
    st.lists(times, unique=True, max_size=12).map(sorted),
    st.lists(st.integers(1200, int(NOW) - 1), unique=True, max_size=12).map(sorted),
)


def found(past: Past, *, slept: float = 0.0) -> PeriodSpending:
    """What is found; monotonic times stood still for a while, and those of kept readings say nothing."""
    own = [past.reading(at) for at in (*past.own, NOW)]
    own = [
        replace(each, monotonic=each.monotonic - slept, requested_at=each.requested_at - slept)
        for each in own
    ]
    kept = [replace(past.reading(at), monotonic=0.0, requested_at=0.0) for at in past.kept]
    return PeriodSpending.since(START, kept, own)


@given(pasts, st.sampled_from([0.0, 500.0, 5000.0]))
def test_nothing_spent_in_a_period_is_missed(past: Past, slept: float) -> None:
    spending = found(past, slept=slept)
    counted = spending.spending.spent
    known = [at for at in (*past.kept, *past.own, NOW) if at <= 1000]
    if known:
        assert counted == past.spent_since(known[-1]) >= past.spent_since(1000)
    else:
        # Nothing was read before it: it counts from the first reading.
        assert counted == past.spent_since(min((*past.kept, *past.own, NOW)))
    assert spending.spending.latest.monotonic == NOW - slept


@given(pasts)
def test_a_reading_at_the_start_tells_all(past: Past) -> None:
    exact = replace(past, kept=sorted({*past.kept, 1000}))
    spending = found(exact)
    assert spending.spending.spent == past.spent_since(1000)
    assert spending.is_close
    assert spending.counts_from == START


@given(pasts)
def test_own_readings_carry_on_from_it(past: Past) -> None:
    spending = found(past)
    before = spending.spending.spent
    later = Past([*past.calls, (int(NOW) + 1, 7)], past.kept, past.own).reading(NOW + 2)
    assert spending.spending.record_all([later]) == before + 7


def test_a_counter_that_is_reset_goes_on() -> None:
    """A gateway sets a key's used credits back each day, at an hour of its own."""
    kept = [
        reading(990, token=100, token_used=40, user=1000, user_used=500),
        reading(1400, token=90, token_used=50, user=990, user_used=510),
        reading(1500, token=90, token_used=0, user=990, user_used=510),
        reading(1600, token=87, token_used=3, user=987, user_used=513),
    ]
    own = [reading(NOW, token=86, token_used=4, user=986, user_used=514)]
    assert PeriodSpending.since(START, kept, own).spending.spent == Decimal(14)


def test_others_are_out_of_a_live_counter() -> None:
    """That an unlimited key's own counter moves is known from before the period."""
    kept = [
        reading(500, unlimited=True, token=0, token_used=40, user=1000, user_used=500),
        reading(900, unlimited=True, token=0, token_used=45, user=995, user_used=505),
        reading(1400, unlimited=True, token=0, token_used=45, user=900, user_used=600),
    ]
    own = [reading(NOW, unlimited=True, token=0, token_used=45, user=800, user_used=700)]
    assert PeriodSpending.since(START, kept, own).spending.spent == 0
