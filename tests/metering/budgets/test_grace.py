"""How long guarded work may go on, and when a budget that is closed interrupts it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from evolink_nb.metering.budgets.grace import Grace
from evolink_nb.metering.budgets.watch import State, Watch
from evolink_nb.metering.budgets.watch_actions import Action, Interrupt, ReadEvery, Refuse, Trip
from evolink_nb.metering.budgets.watch_timing import WatchTiming

LIMIT = Decimal(5)


def test_grace_ends_in_its_time() -> None:
    grace = Grace(30, recently=2)
    assert not grace.is_outlasted(100, is_spending=True)
    grace.begin(0)
    assert not grace.is_outlasted(29.9, is_spending=True)
    assert grace.is_outlasted(30, is_spending=False)


def test_a_refused_work_may_clean_up() -> None:
    grace = Grace(30, recently=2)
    grace.begin(0)
    grace.refuse(29)
    assert grace.was_refused
    assert not grace.is_outlasted(30, is_spending=False)
    assert grace.is_outlasted(30, is_spending=True)
    grace.refuse(31)
    assert grace.is_outlasted(32, is_spending=False)
    assert not grace.is_outlasted(34, is_spending=False)
    grace.reset()
    assert not grace.was_refused


def watching(*, grace: float = 30.0) -> Watch:
    watch = Watch(LIMIT, WatchTiming(grace=grace))
    watch.start(0)
    return watch


def observe(watch: Watch, spent: int, now: float, *, is_guarded: bool = True) -> list[Action]:
    """What a reading leads to, but for how often to read."""
    actions = watch.observe(Decimal(spent), None, now, is_guarded=is_guarded)
    return [action for action in actions if not isinstance(action, ReadEvery)]


def test_guarded_work_is_only_refused() -> None:
    watch = watching()
    assert observe(watch, 6, 1) == []
    assert watch.state is State.CLOSED
    assert watch.refuse(Decimal(6), 2) == [Refuse(Decimal(1))]
    assert observe(watch, 6, 10) == []


def test_a_call_below_the_limit_goes_out() -> None:
    watch = watching()
    assert watch.refuse(Decimal(4), 1) == []
    assert watch.state is State.WATCHING


def test_receipts_close_before_a_reading() -> None:
    watch = watching()
    assert watch.refuse(Decimal(5), 1) == [Refuse(Decimal(0))]
    assert watch.state is State.CLOSED


def test_closed_work_that_goes_on_is_cut() -> None:
    watch = watching()
    observe(watch, 5, 1)
    assert observe(watch, 5, 30.9) == []
    assert observe(watch, 5, 31) == [Trip(Decimal(0)), Interrupt(escalate=False)]
    assert watch.state is State.TRIPPED


@pytest.mark.parametrize(("grace", "is_guarded"), [(0.0, True), (30.0, False)])
def test_without_grace_work_is_cut(grace: float, *, is_guarded: bool) -> None:
    watch = watching(grace=grace)
    assert observe(watch, 5, 1, is_guarded=is_guarded) == [Trip(Decimal(0)), Interrupt(escalate=False)]


def test_what_was_others_opens_again() -> None:
    """A receipt tells that spending was other work's: nothing was stopped yet, so nothing is."""
    watch = watching()
    observe(watch, 5, 1)
    assert observe(watch, 3, 2) == []
    assert watch.state is State.WATCHING


def test_a_refusal_is_not_taken_back() -> None:
    watch = watching()
    watch.refuse(Decimal(5), 1)
    observe(watch, 3, 2)
    assert watch.state is State.CLOSED


def test_a_budget_at_rest_refuses_too() -> None:
    watch = Watch(LIMIT, WatchTiming())
    assert watch.refuse(Decimal(5), 1) == [Refuse(Decimal(0))]
    assert watch.state is State.RESTING
    watch.start(2, spent=LIMIT)
    assert observe(watch, 5, 3) == []
    assert watch.refuse(Decimal(5), 4) == [Refuse(Decimal(0))]


def test_work_another_stops_is_not_cut() -> None:
    watch = watching(grace=0)
    actions = watch.observe(Decimal(5), None, 1, is_guarded=True, is_stopped_by_other=True)
    assert [action for action in actions if not isinstance(action, ReadEvery)] == []
    watch.stop(2)
    assert watch.state is State.RESTING
