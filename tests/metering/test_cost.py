"""What two readings say of a cost, against the table of what can happen between them."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.metering.cost import STILL_MOVING, Cost, assess, is_frozen, is_same
from tests.support.readings import moved, reading

BEFORE = moved()
NOTHING = Decimal(0)
amounts = st.decimals("0.0001", "500", places=4)
maybe = st.just(Decimal(0)) | amounts


def between(*, stable: bool = True, shared: str | None = None, **events: Any) -> Cost:
    """The cost of what happened, seen at once."""
    return assess(BEFORE, moved(5, **events), seconds=2.0, stable=stable, shared=shared)


@given(spent=maybe, topped_up=maybe)
def test_own_settled_calls_are_clean(spent: Decimal, topped_up: Decimal) -> None:
    cost = between(spent=spent, topped_up=topped_up)
    assert (cost.token, cost.user, cost.others, cost.topped_up) == (spent, spent, NOTHING, topped_up)
    assert (cost.confidence, cost.settled, cost.seconds) == ("clean", True, 2.0)


@given(spent=maybe, others=amounts, topped_up=maybe)
def test_others_spending_is_shared(spent: Decimal, others: Decimal, topped_up: Decimal) -> None:
    cost = between(spent=spent, others=others, topped_up=topped_up)
    assert (cost.token, cost.user, cost.others, cost.topped_up) == (spent, spent + others, others, topped_up)
    assert (cost.confidence, cost.settled) == ("shared", True)


@given(spent=maybe, reserved=amounts, others=maybe, topped_up=maybe)
def test_what_is_reserved_is_never_settled(
    spent: Decimal, reserved: Decimal, others: Decimal, topped_up: Decimal
) -> None:
    cost = between(spent=spent, reserved=reserved, others=others, topped_up=topped_up)
    assert cost.token == spent + reserved
    if others < reserved or topped_up < reserved:
        # Errors that cancel can't be seen, as the module says.
        assert (cost.confidence, cost.settled) == ("unsettled", False)


@given(spent=amounts)
def test_one_reading_alone_is_not_sure(spent: Decimal) -> None:
    cost = between(spent=spent, stable=False)
    assert (cost.confidence, cost.reason, cost.settled) == ("unsettled", STILL_MOVING, False)


@given(spent=amounts, topped_up=amounts, others=maybe)
def test_known_overlap_is_shared_and_untold(spent: Decimal, topped_up: Decimal, others: Decimal) -> None:
    cost = between(spent=spent, others=others, topped_up=topped_up, shared="a reason")
    assert (cost.token, cost.confidence, cost.reason) == (spent, "shared", "a reason")
    if others:
        assert (cost.others, cost.topped_up) == (None, None)


def test_a_changed_limit_is_inconsistent() -> None:
    """A limit that changes is inconsistent."""
    assert assess(BEFORE, moved(unlimited=True), seconds=1, stable=True).confidence == "inconsistent"
    lowered = reading(token="99000")
    assert assess(BEFORE, lowered, seconds=1, stable=True).reason == (
        "the key's balance fell by more than it spent"
    )


def test_a_falling_counter_is_inconsistent() -> None:
    """A counter that falls is inconsistent."""
    cost = assess(moved(spent=3), moved(spent=1), seconds=1, stable=True)
    assert (cost.confidence, cost.settled) == ("inconsistent", False)


def test_a_frozen_key_leaves_the_account() -> None:
    """A frozen counter leaves the account's."""
    before, after = reading(unlimited=True), reading(unlimited=True, user="1093", user_used="137")
    assert is_frozen(before, after)
    assert not is_frozen(before, before)
    cost = assess(before, after, seconds=1, stable=True)
    # The balance fell by more than was settled: the rest is reserved, and counts as it would on a key.
    assert (cost.token, cost.user, cost.others) == (None, Decimal("2.3996"), None)


# What a gateway that computes in doubles adds to a counter.
dust = st.decimals("-1e-9", "1e-9", allow_nan=False).filter(bool)


@given(dust, dust)
def test_dust_is_no_difference(own: Decimal, account: Decimal) -> None:
    dusty = reading(
        token_used=Decimal("584.9171") + own,
        token=Decimal("99415.0829") - own,
        user_used=Decimal("137.2648") + account,
        user=Decimal("1094.0396") - account,
    )
    assert is_same(moved(spent="1.36"), dusty)
    cost = assess(BEFORE, dusty, seconds=1, stable=True)
    assert (cost.confidence, cost.settled, cost.others, cost.topped_up) == ("clean", True, NOTHING, NOTHING)


@pytest.mark.parametrize("ambient", [Context(prec=3), Context(prec=6, traps=[Inexact])])
def test_the_ambient_context_changes_nothing(ambient: Context) -> None:
    after = moved(5, spent="1.2345", topped_up="1000.0001")
    with localcontext(ambient):
        cost = assess(BEFORE, after, seconds=1, stable=True)
    assert (cost.token, cost.topped_up) == (Decimal("1.2345"), Decimal("1000.0001"))
    assert cost.confidence == "clean"
