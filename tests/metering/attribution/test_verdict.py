"""What a row says of each cost: the parts add up, and no word says more than is known."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from hypothesis import assume, given
from hypothesis import strategies as st

from evolink_nb.credits import total
from evolink_nb.errors import APIConnectionError
from evolink_nb.metering.attribution.key_counter import KeyCounter
from evolink_nb.metering.attribution.movements import Movement, groups_of
from evolink_nb.metering.attribution.receipts import CONFIRMED
from evolink_nb.metering.attribution.verdict import (
    ELSEWHERE,
    NO_READING,
    Facts,
    confirmed,
    costs_of,
    outstanding,
    why_unread,
)
from evolink_nb.metering.attribution.work import Work
from tests.support.readings import moved
from tests.support.rows import Made, amounts, rows

if TYPE_CHECKING:
    from evolink_nb.metering.cost import Cost

NOTHING = Decimal(0)
QUIET = 6.0
SURE = {"clean", "confirmed"}


def facts_of(row: Made, **more: object) -> Facts:
    """What is known long after all of it."""
    spent = total(each.key for each in row.movements)
    facts = Facts(
        moved(0), moved(1000, spent=spent), row.works, row.movements, counter=KeyCounter(), quiet=QUIET
    )
    return replace(facts, **more)  # type: ignore[arg-type]  # the fields' own names


def outer_costs(row: Made, costs: dict[Work, Cost]) -> list[Cost]:
    return [costs[work] for work in row.outermost if work in costs]


@given(rows(), st.booleans())
def test_measured_work_that_ended_has_a_cost(row: Made, at_rest: bool) -> None:
    costs = costs_of(facts_of(row), at_rest=at_rest)
    assert set(costs) == {work for work in row.works if work.ended is not None and not work.is_anonymous}


@given(rows())
def test_no_cost_is_settled_before_rest(row: Made) -> None:
    costs = costs_of(facts_of(row), at_rest=False)
    assert not [cost for cost in costs.values() if cost.settled or cost.confidence in SURE]


@given(rows(all_over=True))
def test_all_costs_are_what_has_moved(row: Made) -> None:
    """No movement is missing from the sum of the outermost costs, and none is in it twice."""
    for work in row.works:
        work.is_anonymous = False
        # What began in work that outlived the work around it may be in both.
        assume(sum(outer.contains(work) for outer in row.outermost) == 1)
    costs = costs_of(facts_of(row), at_rest=True)
    assert total(cost.token or NOTHING for cost in outer_costs(row, costs)) == row.moved


@given(rows(all_over=True))
def test_a_groups_parts_are_its_sum(row: Made) -> None:
    for work in row.works:
        work.is_anonymous = False
    costs = costs_of(facts_of(row), at_rest=True)
    for group in groups_of(row.works, row.movements, frozen=False).values():
        for work in group if len(group) > 1 else ():
            together = costs[work].together
            assert together is not None
            assert together.credits == total(costs[each].token or NOTHING for each in group)


@given(rows(all_over=True))
def test_a_sure_cost_is_the_works_alone(row: Made) -> None:
    """Clean costs share no movement with other work; confirmed ones come to their receipts."""
    costs = costs_of(facts_of(row), at_rest=True)
    for work, cost in costs.items():
        if cost.confidence == "clean":
            own = [each for each in row.movements if any(work.contains(other) for other in each.possible)]
            assert all(work.contains(other) for each in own for other in each.possible)
            assert cost.together is None
            assert cost.token == total(each.key for each in own)
        if cost.confidence == "confirmed":
            assert cost.token == work.receipts


@given(rows(all_over=True))
def test_a_key_used_elsewhere_is_never_clean(row: Made) -> None:
    costs = costs_of(facts_of(row, elsewhere=True), at_rest=True)
    assert "clean" not in {cost.confidence for cost in costs.values()}


def test_use_elsewhere_is_said() -> None:
    work = Work(1.0, ended=2.0, before=moved(0))
    spent = Decimal(3)
    row = Made([work], [Movement(spent, spent, (work,), moved(0), moved(3, spent=spent))])
    assert costs_of(facts_of(row), at_rest=True)[work].confidence == "clean"
    assert costs_of(facts_of(row, elsewhere=True), at_rest=True)[work].reason == ELSEWHERE


@given(rows(all_over=True))
def test_confirmed_costs_are_their_receipts(row: Made) -> None:
    for work in row.works:
        cost = confirmed(facts_of(row), work)
        assert cost.token == cost.user == work.receipts
        assert (cost.others, cost.topped_up, cost.seconds) == (NOTHING, NOTHING, work.seconds)
        assert (cost.confidence, cost.settled, cost.reason) == ("confirmed", True, CONFIRMED)


@given(amounts, amounts, amounts)
def test_only_reservations_are_outstanding(spent: Decimal, reserved: Decimal, others: Decimal) -> None:
    start = moved(0)
    assert outstanding(start, moved(1, spent=spent, reserved=reserved), frozen=False)
    assert not outstanding(start, moved(1, spent=spent, others=others), frozen=False)
    assert not outstanding(start, moved(1, topped_up=others), frozen=False)


def test_an_unread_cost_says_why() -> None:
    assert why_unread(None) == NO_READING
    assert why_unread(APIConnectionError("No answer.")) == f"{NO_READING}: No answer."
