"""What is final once an account is at rest: only work that nothing can change any more."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.api.calls import Call
from evolink_nb.credits import total
from evolink_nb.metering.attribution.key_counter import KeyCounter
from evolink_nb.metering.attribution.movements import Movement
from evolink_nb.metering.attribution.rest import SLACK, is_explained, rested_works, rests
from evolink_nb.metering.attribution.verdict import Facts
from evolink_nb.metering.attribution.work import Work
from tests.support.readings import moved
from tests.support.rows import IDENTITY, Made, amounts, rows, times

QUIET = 6.0


def facts_of(row: Made, now: float, *, reserved: Decimal = Decimal(0)) -> Facts:
    spent = total(each.key for each in row.movements)
    latest = moved(now, spent=spent, reserved=reserved)
    return Facts(moved(0), latest, row.works, row.movements, counter=KeyCounter(), quiet=QUIET)


@given(times, times)
def test_an_account_rests_for_its_quiet_time(moved_at: float, seconds: float) -> None:
    facts = facts_of(Made([], []), moved_at + seconds)
    assert rests(facts, moved_at) == (seconds >= QUIET)


@given(rows(), times)
def test_only_work_long_over_is_rested(row: Made, now: float) -> None:
    for work in rested_works(facts_of(row, now)):
        assert work.is_anonymous or (work.rests_since or 0) <= now - QUIET + SLACK
        assert work.is_anonymous or not work.has_calls_under_way


@given(rows(), times)
def test_no_movement_is_half_rested(row: Made, now: float) -> None:
    """All that it can belong to is final at once, or none of it; but for what goes on around it."""
    found = rested_works(facts_of(row, now))
    for movement in row.movements:
        around = {outer for work in movement.possible for outer in work.enclosing if outer.ended is None}
        assert len({work in found for work in movement.possible if work not in around}) <= 1


@given(rows(), times)
def test_inner_work_keeps_its_outer_open(row: Made, now: float) -> None:
    found = rested_works(facts_of(row, now))
    for work in row.works:
        if work not in found:
            assert not [outer for outer in work.enclosing if outer.contains(work) and outer in found]


@given(rows(all_over=True), times, times)
def test_rested_work_stays_rested(row: Made, now: float, later: float) -> None:
    """And all of it is, once it has been over for long enough."""
    assert set(rested_works(facts_of(row, now))) <= set(rested_works(facts_of(row, now + later)))
    assert rested_works(facts_of(row, 1000)) == row.works


@given(rows(all_over=True), amounts)
def test_nothing_is_ripe_while_calls_settle(row: Made, reserved: Decimal) -> None:
    """A reservation since before the row leaves only what nobody measures."""
    assert all(work.is_anonymous for work in rested_works(facts_of(row, 1000, reserved=reserved)))


def called(prices: list[Decimal]) -> Work:
    """Work that did nothing but make these calls."""
    calls = [Call(IDENTITY, float(n), n + 1.0, price) for n, price in enumerate(prices)]
    return Work(0.0, ended=float(len(prices)), calls=calls, before=moved(0))


@given(st.lists(amounts, min_size=1, max_size=4), st.decimals("-0.5", "0.5", places=1))
def test_receipts_explain_what_moved(prices: list[Decimal], off: Decimal) -> None:
    work, spent = called(prices), total((*prices, off))
    now = moved(9, spent=spent)
    seen = [Movement(spent, spent, (work,), moved(0), now)]
    facts = Facts(moved(0), now, [work], seen, counter=KeyCounter(), quiet=QUIET)
    assert is_explained(facts, 9) == (off == 0)


@given(st.lists(amounts, min_size=1, max_size=4), st.floats(0.5, 5))
def test_other_waiting_must_show_first(prices: list[Decimal], waits: float) -> None:
    """It may have been a call without a receipt, which would show by the end of the quiet time."""
    work, other, spent = called(prices), Work(20.0, ended=20.0 + waits, before=moved(10)), total(prices)
    for now, is_known in ((20 + waits + QUIET / 2, False), (20 + waits + QUIET, True)):
        latest = moved(now, spent=spent)
        seen = [Movement(spent, spent, (work,), moved(0), moved(10, spent=spent))]
        facts = Facts(moved(0), latest, [work, other], seen, counter=KeyCounter(), quiet=QUIET)
        assert is_explained(facts, 10) == is_known


def test_a_row_without_work_explains_nothing() -> None:
    assert not is_explained(facts_of(Made([], []), 100), 0)


@given(st.lists(amounts, min_size=1, max_size=4))
def test_work_without_a_reading_stays_open(prices: list[Decimal]) -> None:
    work = called(prices)
    now = moved(9, spent=total(prices))
    work.before = None
    facts = Facts(moved(0), now, [work], [], counter=KeyCounter(), quiet=QUIET)
    assert not is_explained(facts, 9)
