"""How work is interrupted again that goes on after an interrupt."""

from __future__ import annotations

from decimal import Decimal

import pytest

from evolink_nb.metering.budgets.grace import Grace
from evolink_nb.metering.budgets.repetition import Repetition
from evolink_nb.metering.budgets.watch import State, Watch
from evolink_nb.metering.budgets.watch_actions import Action, AnnounceStuck, Interrupt, ReadEvery
from evolink_nb.metering.budgets.watch_timing import WatchTiming

LIMIT = Decimal(5)


@pytest.mark.parametrize(("seconds", "patience"), [(30.0, 30.0), (0.0, 1.0)])
def test_asking_counts_after_the_grace(seconds: float, patience: float) -> None:
    repetition, grace = Repetition(WatchTiming(grace=seconds)), Grace(seconds, recently=2)
    repetition.interrupt(100, is_first=True)
    grace.refuse(100)
    grace.refuse(100 + patience - 0.5)
    assert not repetition.is_asking(grace, 100 + patience - 0.1)
    assert repetition.is_asking(grace, 100 + patience)
    assert not repetition.is_asking(grace, 100 + patience + 3)


def observe(watch: Watch, now: float) -> list[Action]:
    """What a reading that shows nothing new leads to, but for how often to read."""
    actions = watch.observe(LIMIT, None, now, is_guarded=True)
    return [action for action in actions if not isinstance(action, ReadEvery)]


def test_a_loop_that_only_asks_is_repeated() -> None:
    """It spends nothing, as all its calls are refused, and would never end."""
    watch, interrupts = Watch(LIMIT, WatchTiming(grace=2, stuck_after=100)), []
    watch.start(0)
    for tenths in range(10, 100):
        now = tenths / 10
        watch.refuse(LIMIT, now)
        interrupts += [(now, each) for each in observe(watch, now) if isinstance(each, Interrupt)]
    assert [(now, each.escalate) for now, each in interrupts] == [
        (3.0, False),
        (5.0, True),
        (7.0, True),
        (9.0, True),
    ]


def test_a_clean_up_that_asks_once_is_whole() -> None:
    watch = Watch(LIMIT, WatchTiming(grace=2, stuck_after=10))
    watch.start(0)
    for now in (1.0, 2.0, 3.0, 4.0):
        watch.refuse(LIMIT, now)
    assert observe(watch, 4.0)[1] == Interrupt(escalate=False)
    watch.refuse(LIMIT, 4.5)
    assert observe(watch, 8.0) == []
    assert observe(watch, 14.0) == [AnnounceStuck()]
    assert observe(watch, 30.0) == []
    assert watch.state is State.STUCK
