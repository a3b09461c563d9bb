"""What no work can have made in time: charged late to some, or spent while nothing ran; never lost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.credits import total
from evolink_nb.metering.attribution.charges import Idle
from evolink_nb.metering.attribution.movements import Movement
from evolink_nb.metering.attribution.quiet import QuietTime
from evolink_nb.metering.attribution.unattributed import (
    ELSEWHERE_FOR,
    LATE_HORIZON,
    Unattributed,
    amend,
    withdraw,
)
from evolink_nb.metering.attribution.verdict import ELSEWHERE
from evolink_nb.metering.attribution.work import Work
from evolink_nb.metering.cost import Confidence, Cost
from evolink_nb.metering.idle import record_idle
from tests.support.ledgers import own_ledger
from tests.support.readings import moved
from tests.support.rows import amounts, works

NOTHING = Decimal(0)
lags = st.floats(0.5, 200)
halves = st.integers(1, 400).map(lambda number: number / 2)
"""Seconds: halves, so that sums are exact."""


def movement(amount: Decimal, after: float, seen_at: float) -> Movement:
    return Movement(amount, amount, (), moved(after), moved(seen_at, spent=amount))


def over(ended: float, *, confidence: Confidence = "clean") -> Work:
    """Work whose row is over."""
    cost = Cost(token=Decimal(1), user=Decimal(1), settled=True, confidence=confidence)
    return Work(ended - 1, ended=ended, cost=cost, is_final=True, is_closed=True)


def unattributed_after(last: Work | None, *, knows_kernel: bool = True) -> Unattributed:
    unattributed = Unattributed()
    unattributed.last, unattributed.knows_kernel = last, knows_kernel
    return unattributed


@given(st.lists(amounts, max_size=8), lags, st.booleans())
def test_a_charge_is_late_or_idle(spent: list[Decimal], lag: float, knows_kernel: bool) -> None:
    """Each is the work's or was spent while nothing ran, and all of it is told once."""
    last = over(100)
    unattributed = unattributed_after(last, knows_kernel=knows_kernel)
    late = []
    for number, amount in enumerate(spent):
        found = unattributed.place(movement(amount, 100 + number, 100 + number + lag), amount, ())
        if found is not None:
            assert found is last
            late.append(amount)
            amend(found, movement(amount, 100 + number, 100 + number + lag), amount, QuietTime())
    idle = unattributed.take_idle()
    assert total((*late, *(each.credits for each in idle))) == total(spent)
    assert unattributed.take_idle() == []
    assert not unattributed.has_idle
    assert last.cost.token == total((Decimal(1), *late))


@given(lags)
def test_only_a_near_charge_is_late(lag: float) -> None:
    unattributed = unattributed_after(over(100))
    found = unattributed.place(movement(Decimal(2), 100, 100 + lag), Decimal(2), ())
    assert (found is not None) == (lag <= LATE_HORIZON)


@pytest.mark.parametrize("confidence", ["confirmed", "unknown"])
def test_what_is_known_is_not_amended(confidence: Confidence) -> None:
    """Receipts said what was spent; or nothing is known of what was."""
    unattributed = unattributed_after(over(100, confidence=confidence))
    assert unattributed.place(movement(Decimal(2), 100, 110), Decimal(2), ()) is None
    assert unattributed.has_idle


@given(works(), amounts)
def test_nothing_is_late_while_work_runs(made: list[Work], amount: Decimal) -> None:
    """Nor beside what nobody measures: it is that work's as likely."""
    unattributed = unattributed_after(over(100))
    found = unattributed.place(movement(amount, 120, 121), amount, made)
    runs = any(work.ended is None or work.is_anonymous for work in made)
    assert (found is None) == runs
    assert unattributed.has_idle == runs


@given(amounts)
def test_a_late_settlement_is_no_spending(amount: Decimal) -> None:
    """Given back while nothing can be amended, it is nothing that was spent."""
    unattributed = unattributed_after(None)
    assert unattributed.place(movement(-amount, 100, 101), -amount, ()) is None
    assert unattributed.take_idle() == []
    assert unattributed.seen_at is None


def test_nothing_before_all_work_is_idle() -> None:
    unattributed = unattributed_after(None)
    assert unattributed.place(movement(Decimal(2), 1, 2), Decimal(2), ()) is None
    assert not unattributed.has_idle


@given(lags)
def test_use_elsewhere_is_known_for_a_while(lag: float) -> None:
    last = over(100)
    amend(last, movement(Decimal(1), 100, 101), Decimal(1), QuietTime())
    unattributed = unattributed_after(last)
    unattributed.place(movement(Decimal(2), 100, 100 + lag), Decimal(2), ())
    assert unattributed.seen_at == 100 + lag
    assert unattributed.is_elsewhere(100 + lag + ELSEWHERE_FOR - 1)
    assert not unattributed.is_elsewhere(100 + lag + ELSEWHERE_FOR)
    assert [each.is_elsewhere for each in unattributed.take_idle()] == [True]


def test_what_others_saw_counts_as_seen() -> None:
    """The latest of it, in whatever order it is heard."""
    unattributed = unattributed_after(None)
    for seen_at in (50, 100, 20):
        unattributed.hear(seen_at)
    assert unattributed.is_elsewhere(99 + ELSEWHERE_FOR)
    assert not unattributed.is_elsewhere(100 + ELSEWHERE_FOR)


@pytest.mark.parametrize("is_elsewhere", [True, False])
def test_the_ledger_says_what_was_elsewhere(is_elsewhere: bool) -> None:
    """Not of what a cell that nobody measures may have spent."""
    spent = Idle(moved(100), moved(110, spent=2), Decimal(2), is_elsewhere=is_elsewhere)
    with own_ledger() as book:
        record_idle(spent, "account")
    (entry,) = book.entries()
    assert (entry.kind, entry.cost.credits) == ("idle", Decimal(2))
    assert (entry.cost.reason == ELSEWHERE) == is_elsewhere


@given(amounts, amounts, st.booleans(), st.booleans())
def test_an_amended_cost_is_exact(cost: Decimal, late: Decimal, is_refund: bool, frozen: bool) -> None:
    """What isn't known stays unknown, and no amended cost is clean."""
    amount = -late if is_refund else late
    work = over(100)
    work.cost = Cost(token=None if frozen else cost, user=cost, confidence="clean")
    amend(work, movement(amount, 100, 107.4), amount, QuietTime())
    assert work.cost.token == (None if frozen else total((cost, amount)))
    assert work.cost.user == total((cost, amount))
    assert work.cost.confidence == "shared"
    assert work.cost.reason.endswith(" of it was charged 7 s after it had ended")


@given(amounts, amounts, halves, halves)
def test_a_charge_is_withdrawn_without_trace(cost: Decimal, late: Decimal, lag: float, known: float) -> None:
    """The cost is what it was, the account is no later than it was, and the charge counts as elsewhere's."""
    work, unattributed, quiet = over(100), unattributed_after(None), QuietTime(longest_lag=known)
    work.cost = before = replace(work.cost, token=cost, user=cost)
    amend(work, movement(late, 100, 100 + lag), late, quiet)
    assert quiet.longest_lag == max(known, lag)
    assert work.late is not None
    withdraw(work, work.late, unattributed, quiet)
    assert (work.cost, quiet.longest_lag) == (before, known)
    assert unattributed.is_elsewhere(100 + lag + ELSEWHERE_FOR - 1)
    assert [(each.credits, each.is_elsewhere) for each in unattributed.take_idle()] == [(late, True)]
