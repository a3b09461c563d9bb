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
from evolink_nb.metering.loops.spend import LoopSpend, Over, Verdict
from evolink_nb.metering.loops.text import (
    affordability,
    bar_facts,
    cost_text,
    encodable,
    joined,
    over_text,
    settled_text,
    why_stopped,
)
from tests.support.readings import moved, reading

if TYPE_CHECKING:
    from evolink_nb.credits import Credits

prices = st.decimals("0", "5", places=4)
limits = st.decimals("0.0001", "20", places=4)


def after(spent: Decimal | int | str = 0, at: float = 0.0) -> Credits:
    """A reading of a key and an account that had 100 credits and have spent some."""
    left, used = 100 - Decimal(spent), Decimal(spent)
    return reading(at, token=left, token_used=used, user=left, user_used=used)


class Loop:
    """A loop of an account that charges at once, read after each item."""

    def __init__(self, limit: Decimal | int | None = None, length: int | None = None) -> None:
        self.spend = LoopSpend(None if limit is None else Decimal(limit), length)
        self.readings = [after()]
        self.spend.start(self.readings[0])
        self.spent = Decimal(0)
        self.items = 0

    def item(self, cost: Decimal | int | str) -> None:
        """Do an item of this cost, and read until it counts."""
        self.spent += Decimal(cost)
        self.items += 1
        self.spend.end_item(self.items, float(self.items * 10))
        self.read(self.items * 10 + 0.1)
        if not Decimal(cost):
            self.read(self.items * 10 + 8)

    def read(self, at: float) -> None:
        """Read what has been spent."""
        self.readings.append(after(self.spent, at))
        self.spend.record(self.readings, self.items)


def spend_of(*costs: int | str, limit: Decimal | int | None = None, length: int | None = None) -> LoopSpend:
    """A loop of these items, read after each."""
    loop = Loop(limit, length)
    for cost in costs:
        loop.item(cost)
    return loop.spend


@given(st.lists(prices, max_size=30), limits, st.none() | prices.filter(bool))
def test_only_a_dearer_item_goes_over(costs: list[Decimal], limit: Decimal, expected: Decimal | None) -> None:
    loop = Loop(limit)
    spend = loop.spend
    spend.expected = expected
    spent, dearest = Decimal(0), Decimal(0)
    for item, cost in enumerate(costs, 1):
        known = dearest or expected or Decimal(0)
        # Neither later than it must, nor sooner.
        may_go = spent < limit and spent + known <= limit
        assert spend.decide() is (Verdict.GO if may_go else Verdict.STOP)
        if not may_go:
            assert why_stopped(spend)
            return
        spent += cost
        if spent > limit:
            assert cost > known
        loop.item(cost)
        if spent > limit:
            assert spend.over == Over(item, item, cost, is_dearest=cost > dearest)
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
    assert spend_of(90).decide() is Verdict.GO
    assert LoopSpend(Decimal(1)).decide() is Verdict.GO  # not read yet


def test_earlier_runs_count_at_first() -> None:
    loop = Loop(5)
    loop.spend.expected = Decimal(6)
    assert loop.spend.decide() is Verdict.STOP
    assert why_stopped(loop.spend) == "0 of 5 credits spent; an item cost 6 in earlier runs."
    loop.item(1)
    assert loop.spend.decide() is Verdict.GO


def test_an_item_half_done_has_no_price() -> None:
    loop = Loop(5)
    loop.item(2)
    loop.spent = Decimal(4)
    loop.read(12)
    assert (loop.spend.spent, loop.spend.dearest, loop.spend.items) == (Decimal(4), Decimal(2), 1)


def test_an_item_left_counts_if_it_cost() -> None:
    loop = Loop(50)
    loop.item(2)
    loop.readings.append(after(2, 12))
    loop.spend.record(loop.readings, 1, begun=2)
    assert loop.spend.items == 1
    loop.readings.append(after(4, 13))
    loop.spend.record(loop.readings, 1, begun=2)
    assert (loop.spend.items, loop.spend.per_item) == (2, Decimal(2))


def test_dust_stops_no_loop() -> None:
    loop = Loop(3)
    loop.item("1.0000000000000002")
    loop.item(1)
    assert loop.spend.decide() is Verdict.GO
    loop.item("1.0000000000000002")
    assert loop.spend.decide() is Verdict.STOP
    assert loop.spend.over is None
    assert loop.spend.over_by == 0


def test_what_is_reserved_may_come_back() -> None:
    """A loop that has reserved its limit waits: calls may settle for less."""
    spend = LoopSpend(Decimal(4))
    readings = [moved(0), moved(1, reserved=4), moved(3, spent=1)]
    spend.start(readings[0])
    spend.end_item(1, 0.9)
    spend.record(readings[:2], 1)
    assert (spend.decide(), spend.is_used_up) == (Verdict.WAIT, True)
    spend.record(readings, 1)
    assert (spend.decide(), spend.spent, spend.dearest) == (Verdict.GO, Decimal(1), Decimal(1))


def test_a_tiny_limit_allows_an_item() -> None:
    assert spend_of(limit=Decimal("0.0000001")).decide() is Verdict.GO


def test_a_coarse_context_changes_nothing() -> None:
    spend, readings = LoopSpend(Decimal(100), 3), [after(), after("33.3333", 1), after("66.6666", 2)]
    spend.start(readings[0])
    with localcontext() as context:
        context.prec = 2
        for items in (1, 2):
            spend.end_item(items, items - 0.5)
            spend.record(readings[: items + 1], items)
        assert spend.spent == Decimal("66.6666")
        assert spend.projected == Decimal("99.9999")
        assert spend.decide() is Verdict.GO


def test_a_counter_set_back_stops_nothing() -> None:
    """A key's used credits set to 0 each day, and a limit that is changed: what was spent stays spent."""
    spend = LoopSpend(Decimal(5))
    states = [(90, 10, 100), (87, 13, 97), (86, 0, 96), (186, 0, 96), (185, 1, 95), (185, 1, 95)]
    readings = [
        reading(at * 10, token=left, token_used=used, user=user, user_used=200 - user)
        for at, (left, used, user) in enumerate(states)
    ]
    spend.start(readings[0])
    for items in range(1, len(states)):
        if items < len(states) - 1:
            spend.end_item(items, items * 10 - 0.5)
        spend.record(readings[: items + 1], items)
    assert spend.spent == 5
    assert spend.decide() is Verdict.STOP


# -- words -------------------------------------------------------------------------------------------------


def test_the_bar_says_what_is_known() -> None:
    assert joined(bar_facts(LoopSpend(None))) == "balance not read"
    assert joined(bar_facts(spend_of(length=4))) == "100 left"
    assert joined(bar_facts(spend_of(1, 2, length=4))) == "3 spent · 1.5 each · ≈ 6 total · 97 left"
    assert joined(bar_facts(spend_of(1, 2, length=2))) == "3 spent · 1.5 each · 97 left"
    assert joined(bar_facts(spend_of(1), unread_for=75.0)).endswith("99 left · not read for 1 min")


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
    assert cost_text(spend, settled, is_fresh=True, is_pending=False) == "3 credits, 1.5 each"
    assert cost_text(spend, Cost(), is_fresh=True, is_pending=True).endswith("; not settled yet")
    shared = replace(settled, confidence="shared", reason="others spent")
    said = cost_text(spend, shared, is_fresh=True, is_pending=False)
    assert said == "3 credits, 1.5 each; shared: others spent"
    said = cost_text(spend, settled, is_fresh=False, is_pending=False)
    assert said.endswith("; read after item 2, and not since")
    unread = cost_text(LoopSpend(None), Cost(reason="no answer"), is_fresh=False, is_pending=True)
    assert unread == "cost unknown: no answer"


def test_no_charge_yet_is_no_zero() -> None:
    spend = Loop().spend
    assert cost_text(spend, Cost(), is_fresh=True, is_pending=True) == "no charge seen yet"
    settled = Cost(settled=True, confidence="clean")
    assert cost_text(spend, settled, is_fresh=True, is_pending=False) == "0 credits"


def test_what_settled_later_is_said() -> None:
    cost = Cost(token=Decimal(6), user=Decimal(6), settled=True, confidence="clean")
    assert settled_text(cost, 3, None) == "6 credits, 2 each"
    assert settled_text(cost, 3, Decimal(5)) == "6 credits, 2 each, 1 credit over max_credits"
    frozen = replace(cost, token=None, confidence="shared", reason="it stands still")
    assert settled_text(frozen, 3, None) == "6 credits (account), 2 each; shared: it stands still"
    assert settled_text(Cost(reason="no answer"), 3, None) == "cost unknown: no answer"


def test_the_item_that_went_over_is_named() -> None:
    assert why_stopped(spend_of(1, 6, limit=5)) == (
        "7 of 5 credits spent; 2 credits over max_credits: item 2 cost 6, more than any before it."
    )
    assert why_stopped(spend_of(6, limit=5)).endswith("1 credit over max_credits: item 1 alone cost 6.")


def test_items_charged_late_are_named() -> None:
    loop = Loop(5)
    loop.item(1)
    loop.spend.end_item(2, 20)
    loop.spend.end_item(3, 20.1)
    loop.spent, loop.items = Decimal(7), 3
    loop.read(23)
    assert over_text(loop.spend) == "2 credits over max_credits: items 2 to 3 were charged late."


def test_signs_a_stream_lacks_are_replaced() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    assert encodable("≈ 1 · \N{MINUS SIGN}2 · 余额", stream) == "about 1 | -2 | ??"
