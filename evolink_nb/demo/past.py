"""What a simulated account did in the last weeks, made up from a seed: the same each time. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from .account import SEED

DAYS = 28
"""The number of days it goes back: whole weeks, so that it is the same on every day of the week."""
TOP_UP = Decimal(300)
"""The credits of the one top-up."""

_SATURDAY = 5
_TOP_UP_ON = 9
"""The working day of the top-up, counted from 0."""
_UNREAD_WEEKEND = 1
"""The weekend on which nothing read the account, counted from 0."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a cell, and what it spent.

    Attributes:
        name: The cell.
        notebook: Its notebook.
        username: The user who ran it.
        hour: When it ran, in hours from the start of the day.
        hours: How long it took.
        credits: What it cost.
    """

    name: str
    notebook: str
    username: str
    hour: float
    hours: float
    credits: Decimal


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the account.

    Attributes:
        runs: The runs with the account's own key.
        others: Credits that others spent in the afternoon.
        topped_up: Credits added in the morning.
        is_read: Whether anything read the account.
    """

    runs: tuple[Run, ...] = ()
    others: Decimal = Decimal(0)
    topped_up: Decimal = Decimal(0)
    is_read: bool = True


@dataclass(frozen=True, slots=True)
class _Habit:
    """A cell that is run now and then: how likely on a working day, when, and for how many credits."""

    name: str
    notebook: str
    username: str
    chance: float
    hours: tuple[float, float]
    credits: tuple[float, float]


_HABITS = (
    _Habit("covers = draw(prompts)", "covers.ipynb", "ada", 0.9, (9.0, 11.5), (6, 14)),
    _Habit("covers = draw(prompts[:3])", "covers.ipynb", "ada", 0.6, (11.6, 12.5), (1, 3)),
    _Habit("captions = describe(covers)", "captions.ipynb", "ben", 0.7, (13.0, 15.0), (3, 7)),
    _Habit("scene = film(storyboard)", "film.ipynb", "ada", 0.35, (15.2, 17.5), (18, 34)),
)
_ON_SUNDAYS = _Habit("captions = describe(archive)", "captions.ipynb", "ben", 1.0, (17.0, 20.0), (2, 5))


def past_days(dates: Sequence[date], seed: int = SEED) -> list[Day]:
    """Return what happened on each day.

    Args:
        dates: Consecutive days, `DAYS` of them.
        seed: The seed. The first working day, the second and so on depend only on it.
    """
    chance = random.Random(seed)
    working = iter([_working_day(chance, number) for number in range(DAYS)])
    sundays = iter([Day((_run(chance, _ON_SUNDAYS),)) for _ in range(DAYS)])
    unread = set(_unread(dates))
    days = []
    for each in dates:
        if each in unread:
            days.append(Day(is_read=False))
        elif each.weekday() < _SATURDAY:
            days.append(next(working))
        else:
            days.append(Day() if each.weekday() == _SATURDAY else next(sundays))
    return days


def _unread(dates: Sequence[date]) -> Iterator[date]:
    saturdays = [place for place, each in enumerate(dates) if each.weekday() == _SATURDAY]
    if len(saturdays) > _UNREAD_WEEKEND:
        first = saturdays[_UNREAD_WEEKEND]
        yield from dates[first : first + 2]


def _working_day(chance: random.Random, number: int) -> Day:
    runs = [(chance.random() < habit.chance, _run(chance, habit)) for habit in _HABITS]
    others = _credits(chance, (3, 9))
    topped_up = TOP_UP if number == _TOP_UP_ON else Decimal(0)
    return Day(tuple(run for happened, run in runs if happened), others, topped_up)


def _run(chance: random.Random, habit: _Habit) -> Run:
    credits = _credits(chance, habit.credits)
    hour = chance.uniform(*habit.hours)
    hours = chance.uniform(0.05, 0.4)
    return Run(habit.name, habit.notebook, habit.username, hour, hours, credits)


def _credits(chance: random.Random, between: tuple[float, float]) -> Decimal:
    return Decimal(round(chance.uniform(*between) * 10)) / 10
