"""A loop's arithmetic and words: no server, thread or bar."""

from __future__ import annotations

import io
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.metering.cost import Cost
from evolink_nb.metering.loop_spend import LoopSpend
from evolink_nb.metering.loop_text import affordability, bar_text, cost_text, encodable, why_stopped
from tests.support.readings import reading

if TYPE_CHECKING:
    from evolink_nb.credits import Credits

prices = st.decimals("0", "5", places=4)
limits = st.decimals("0.0001", "20", places=4)


def after(spent: Decimal | int | str = 0) -> Credits:
    """A reading of a key and an account that had 100 credits and have spent some."""
    left, used = 100 - Decimal(spent), Decimal(spent)
    return reading(token=left, token_used=used, user=left, user_used=used)


def spend_of(*costs: int | str, limit: Decimal | int | None = None, length: int | None = None) -> LoopSpend:
    """A loop of these items, read after each."""
    spend = LoopSpend(None if limit is None else Decimal(limit), length)
    spend.record(after(), after(), 0)
    spent = Decimal(0)
    for item, cost in enumerate(costs, 1):
        spent += Decimal(cost)
        spend.record(after(), after(spent), item)
    return spend


@given(st.lists(prices, max_size=30), limits, st.none() | prices.filter(bool))
def test_only_a_dearer_item_goes_over(costs: list[Decimal], limit: Decimal, expected: Decimal | None) -> None:
    spend = LoopSpend(limit)
    spend.expected = expected
    spend.record(after(), after(), 0)
    spent, dearest = Decimal(0), Decimal(0)
    for item, cost in enumerate(costs, 1):
        known = dearest or expected or Decimal(0)
        # Neither later than it must, nor sooner.
        assert spend.may_continue() is (spent < limit and spent + known <= limit)
        if not spend.may_continue():
            assert why_stopped(spend)
            return
        spent += cost
        if spent > limit:
            assert cost > known
        spend.record(after(), after(spent), item)
        if spent > limit:
            assert spend.over == ((item, cost) if cost > dearest else None)
            assert spend.over_by == spent - limit
        dearest = max(dearest, cost)
        assert spend.dearest == dearest


@given(st.lists(prices, min_size=1, max_size=20), st.integers(1, 40))
def test_the_projection_is_the_mean_of_all(costs: list[Decimal], length: int) -> None:
    spend = spend_of(*map(str, costs), length=length)
    spent = sum(costs, Decimal(0))
    if not spent:
        assert (spend.per_item, spend.projected) == (None, None)
        return
    assert spend.per_item is not None
    assert spend.projected is not None
    assert float(spend.per_item) == pytest.approx(float(spent) / len(costs))
    assert float(spend.projected) == pytest.approx(float(spent) / len(costs) * max(length, len(costs)))


def test_without_a_limit_nothing_stops() -> None:
    assert spend_of(90).may_continue()
    assert LoopSpend(Decimal(1)).may_continue()  # not read yet


def test_earlier_runs_count_at_first() -> None:
    spend = spend_of(limit=5)
    spend.expected = Decimal(6)
    assert not spend.may_continue()
    assert why_stopped(spend) == "0 of 5 credits spent, and an item cost 6 in earlier runs."
    spend.record(after(), after(1), 1)
    assert spend.may_continue()


def test_an_item_half_done_has_no_price() -> None:
    spend = spend_of(2, limit=5)
    spend.record(after(), after(4), 1)
    assert (spend.spent, spend.dearest, spend.items) == (Decimal(4), Decimal(2), 1)


def test_dust_stops_no_loop() -> None:
    spend = spend_of("1.0000000000000002", "1", limit=3)
    assert spend.may_continue()
    spend.record(after(), after("3.0000000000000004"), 3)
    assert not spend.may_continue()
    assert spend.over is None
    assert spend.over_by == 0


def test_a_tiny_limit_allows_an_item() -> None:
    assert spend_of(limit=Decimal("0.0000001")).may_continue()


def test_a_coarse_context_changes_nothing() -> None:
    spend, readings = LoopSpend(Decimal(100), 3), [after(spent) for spent in (0, "33.3333", "66.6666")]
    with localcontext() as context:
        context.prec = 2
        for items, each in enumerate(readings):
            spend.record(readings[0], each, items)
        assert spend.spent == Decimal("66.6666")
        assert spend.projected == Decimal("99.9999")
        assert spend.may_continue()


# -- words -------------------------------------------------------------------------------------------------


def test_the_bar_says_what_is_known() -> None:
    assert bar_text(LoopSpend(None)) == "balance not read"
    assert bar_text(spend_of(length=4)) == "100 left"
    assert bar_text(spend_of(1, 2, length=4)) == "3 spent · 1.5 each · ≈ 6 total · 97 left"
    assert bar_text(spend_of(1, 2, length=2)) == "3 spent · 1.5 each · 97 left"
    assert bar_text(spend_of(1), unread_for=75.0).endswith("99 left · not read for 1 min")


@pytest.mark.parametrize(
    ("limit", "length", "said"),
    [
        (None, 100, "100 items ≈ 150 credits, 90 left, enough for about 60."),
        (20, 10, "10 items ≈ 15 credits, 90 left and 20 allowed, enough for all."),
        (200, None, "90 left and 200 allowed, enough for about 60."),
    ],
)
def test_earlier_runs_say_what_is_enough(limit: int | None, length: int | None, said: str) -> None:
    spend = spend_of(limit=limit, length=length)
    line = affordability(spend, Decimal(90), Decimal("1.5"))
    assert line == f"In earlier runs an item cost 1.5 credits: {said}"


def test_a_closing_line_says_how_sure() -> None:
    spend, settled = spend_of(1, 2), Cost(settled=True, confidence="clean")
    assert cost_text(spend, settled, is_of_key=True, is_fresh=True) == "3 credits, 1.5 each"
    assert cost_text(spend, Cost(), is_of_key=True, is_fresh=True).endswith("; not settled yet")
    shared = replace(settled, confidence="shared", reason="others spent")
    said = cost_text(spend, shared, is_of_key=False, is_fresh=True)
    assert said == "3 credits (account), 1.5 each; shared: others spent"
    said = cost_text(spend, settled, is_of_key=True, is_fresh=False)
    assert said.endswith("; read after item 2, and not since")
    unread = cost_text(LoopSpend(None), Cost(reason="no answer"), is_of_key=True, is_fresh=False)
    assert unread == "cost unknown: no answer"


def test_the_item_that_went_over_is_named() -> None:
    assert why_stopped(spend_of(1, 6, limit=5)).endswith("; item 2 cost 6, more than any before it.")
    assert why_stopped(spend_of(6, limit=5)) == "6 of 5 credits spent; item 1 alone cost 6."


def test_signs_a_stream_lacks_are_replaced() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    assert encodable("≈ 1 · \N{MINUS SIGN}2 · 余额", stream) == "about 1 | -2 | ??"
