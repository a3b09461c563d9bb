"""What receipts add to a cost: they must come to the very same, and change no figure."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.api.calls import Call
from evolink_nb.credits import total
from evolink_nb.metering.attribution.receipts import CONFIRMED, NO_CHARGE, explain, weigh
from evolink_nb.metering.attribution.share import Share
from evolink_nb.metering.attribution.work import Work
from evolink_nb.metering.cost import Confidence, Cost
from tests.support.readings import moved
from tests.support.rows import IDENTITY, amounts

receipts = st.lists(amounts, min_size=1, max_size=6)
shares = st.builds(Share, has_moved=st.booleans(), has_fallen=st.booleans())
MOVED = Share(has_moved=True)
FALLEN = Share(has_moved=True, has_fallen=True)
confidences: st.SearchStrategy[Confidence] = st.sampled_from(
    ["confirmed", "clean", "shared", "unsettled", "inconsistent", "unknown"]
)


def work_of(prices: list[Decimal], *, lacks: bool = False) -> Work:
    """Work that made a call for each price; the last lacks its receipt, if any does."""
    calls = [Call(IDENTITY, number, number + 1, price) for number, price in enumerate(prices)]
    if lacks:
        calls[-1].reserved = None
    return Work(0, ended=len(prices) + 1.0, calls=calls)


def cost_of(spent: Decimal, confidence: Confidence = "clean") -> Cost:
    return Cost(token=spent, user=spent, settled=confidence in {"clean", "shared"}, confidence=confidence)


@given(receipts, st.decimals("-1", "1", places=1))
def test_receipts_explain_what_they_come_to(prices: list[Decimal], off: Decimal) -> None:
    """That, and neither more nor less."""
    spent = total((*prices, off))
    explained = explain([work_of(prices)], moved(0), moved(9, spent=spent))
    assert explained == (off == 0)


@given(receipts, amounts)
def test_nothing_else_may_have_happened(prices: list[Decimal], other: Decimal) -> None:
    works, spent = [work_of(prices)], total(prices)
    assert not explain(works, moved(0), moved(9, spent=spent, others=other))
    assert not explain(works, moved(0), moved(9, spent=spent, topped_up=other))
    assert not explain(works, moved(0), moved(9, reserved=spent))
    assert not explain(works, moved(0), moved(9, spent=spent, reserved=other))


@given(receipts)
def test_calls_without_receipts_explain_none(prices: list[Decimal]) -> None:
    work, spent = work_of(prices), total(prices)
    work.calls[-1].ended_at = None
    assert not explain([work], moved(0), moved(9, spent=spent))
    assert not explain([work_of(prices, lacks=True)], moved(0), moved(9, spent=total(prices[:-1])))
    assert not explain([Work(0, ended=1.0)], moved(0), moved(9))


@given(receipts, st.integers(1, 3))
def test_a_call_in_inner_work_counts_once(prices: list[Decimal], depth: int) -> None:
    """The work around it has it too."""
    works = [work_of(prices)]
    works += [Work(0, ended=9.0, calls=works[0].calls) for _ in range(depth)]
    assert explain(works, moved(0), moved(9, spent=total(prices)))


@given(receipts, amounts, confidences, st.booleans(), shares, st.booleans())
def test_weighing_changes_no_figure(
    prices: list[Decimal], spent: Decimal, confidence: Confidence, lacks: bool, share: Share, adds_up: bool
) -> None:
    cost, work = cost_of(spent, confidence), work_of(prices, lacks=lacks)
    weighed = weigh(cost, work, share, adds_up=adds_up)
    assert (weighed.token, weighed.user, weighed.others) == (cost.token, cost.user, cost.others)
    if confidence not in {"clean", "shared"}:
        assert weighed == cost
    elif weighed.confidence == "confirmed":
        assert spent == total(prices)
        assert adds_up
        assert (share.has_moved, share.has_fallen) == (True, False)
        assert not lacks


@given(receipts)
def test_equal_receipts_confirm(prices: list[Decimal]) -> None:
    cost = weigh(cost_of(total(prices)), work_of(prices), MOVED, adds_up=True)
    assert (cost.confidence, cost.settled, cost.reason) == ("confirmed", True, CONFIRMED)


@given(receipts, amounts)
def test_more_than_the_receipts_is_shared(prices: list[Decimal], more: Decimal) -> None:
    cost = weigh(cost_of(total((*prices, more))), work_of(prices), MOVED, adds_up=False)
    assert (cost.confidence, cost.reason) == (
        "shared",
        f"{more.normalize():f} more than the receipts of its calls",
    )


@given(receipts)
def test_settled_for_less_stays_clean(prices: list[Decimal]) -> None:
    cost = cost_of(total((*prices, Decimal("-0.1"))))
    assert weigh(cost, work_of(prices), FALLEN, adds_up=False) == cost


@given(receipts)
def test_settled_for_less_confirms_none(prices: list[Decimal]) -> None:
    """Equal by chance: other calls were charged, and another call's refund or settlement hides it."""
    cost = cost_of(total(prices))
    assert weigh(cost, work_of(prices), FALLEN, adds_up=True) == cost


@pytest.mark.parametrize("confidence", ["clean", "shared"])
def test_no_charge_yet_is_never_a_zero(confidence: Confidence) -> None:
    cost = weigh(cost_of(Decimal(0), confidence), work_of([Decimal(2)]), Share(), adds_up=True)
    assert (cost.confidence, cost.settled, cost.reason) == ("unsettled", False, NO_CHARGE)
