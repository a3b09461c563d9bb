"""The past of a simulated account: the same each time, on every day of the week."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from evolink_nb.demo.past import DAYS, TOP_UP, Day, past_days

MONDAY = date(2026, 11, 2)
SATURDAY = 5


def dates_from(first: date) -> list[date]:
    return [first + timedelta(days=number) for number in range(DAYS)]


def working_days(first: date) -> list[Day]:
    dates = dates_from(first)
    return [day for each, day in zip(dates, past_days(dates), strict=True) if each.weekday() < SATURDAY]


@pytest.mark.parametrize("later", range(7))
def test_a_seed_tells_the_same_story(later: int) -> None:
    """Whichever weekday it begins on: twenty working days, in the same order."""
    working = working_days(MONDAY + timedelta(days=later))
    assert len(working) == 20
    assert working == working_days(MONDAY)
    assert sum(day.topped_up for day in working) == TOP_UP


def test_another_seed_tells_another_story() -> None:
    assert past_days(dates_from(MONDAY), 1) != past_days(dates_from(MONDAY), 2)


@pytest.mark.parametrize("later", range(7))
def test_an_unread_weekend_has_no_spending(later: int) -> None:
    days = past_days(dates_from(MONDAY + timedelta(days=later)))
    unread = [day for day in days if not day.is_read]
    assert len(unread) == 2
    assert all(not day.runs and not day.others and not day.topped_up for day in unread)


def test_amounts_are_tenths_of_credits() -> None:
    for day in past_days(dates_from(MONDAY)):
        for run in day.runs:
            assert run.credits > 0
            assert run.credits == run.credits.quantize(Decimal("0.1"))
