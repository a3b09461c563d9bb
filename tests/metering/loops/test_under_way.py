"""Items whose charge shows late: what they may come to, and when that is known. Simulated time."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.api.calls import Call
from evolink_nb.metering.loops.under_way import Item, LagTiming, UnderWay
from tests.metering.loops.simulated_loops import KINDS, Charged, Kind, Simulation, simulate

ONE = Decimal(1)


def state(way: UnderWay) -> tuple[int, Decimal, int]:
    """How many items are under way, the dearest cost known, and how many costs are known."""
    return len(way.items), way.dearest, way.known


def record(way: UnderWay, spent: Decimal | int, at: float, unsettled: int = 0) -> None:
    """Record a reading that was requested then."""
    way.record(Decimal(spent), unsettled=Decimal(unsettled), requested_at=at)


def guarded(began: float, reserved: Decimal | None = ONE, ended: float | None = None) -> list[Call]:
    """One guarded call."""
    return [Call("key", began, ended, reserved)]


# -- one loop ----------------------------------------------------------------------------------------------


def test_a_charge_that_shows_ends_the_wait() -> None:
    way = UnderWay()
    way.add(Item(1, 10.0))
    record(way, 0, 10.1)
    assert [item.number for item in way.items] == [1]
    record(way, 2, 13.0)
    assert state(way) == (0, Decimal(2), 1)


def test_an_item_is_free_after_the_quiet() -> None:
    way = UnderWay(LagTiming(quiet=6.0))
    way.add(Item(1, 10.0))
    record(way, 0, 15.9)
    assert way.items
    record(way, 0, 16.0)
    assert state(way) == (0, Decimal(0), 1)


def test_reserved_credits_are_not_the_price() -> None:
    """Until a reservation has settled, for more or for less, the item is under way."""
    way = UnderWay()
    way.add(Item(1, 10.0))
    record(way, 1, 10.1, unsettled=1)
    assert way.items
    record(way, 3, 12.0)
    assert state(way) == (0, Decimal(3), 1)


def test_settling_that_takes_long_is_left() -> None:
    """What has not settled in the quiet time is waited for once."""
    way = UnderWay(LagTiming(quiet=6.0))
    way.add(Item(1, 10.0))
    record(way, 1, 16.0, unsettled=1)
    way.add(Item(2, 20.0))
    record(way, 2, 20.1, unsettled=2)
    assert (len(way.items), way.known) == (0, 2)


def test_a_lag_is_learned() -> None:
    way = UnderWay(LagTiming(quiet=6.0))
    way.add(Item(1, 10.0))
    record(way, 0, 10.1)
    record(way, 1, 18.0 - 3)
    assert way.quiet == 1.5 * 5


def test_prompt_accounts_need_less_quiet() -> None:
    way = UnderWay(LagTiming(quiet=6.0, prompt_quiet=1.0))
    for number in range(1, 4):
        assert way.quiet == 6.0
        way.add(Item(number, number * 10.0))
        record(way, number, number * 10 + 0.1)
    assert way.quiet == 1.0


def test_what_is_unseen_counts_carefully() -> None:
    """One price is known: the next items may be ten times as dear."""
    way = UnderWay()
    way.add(Item(1, 10.0))
    record(way, 1, 10.1)
    assert way.at_most() == 1
    way.add(Item(2, 20.0))
    record(way, 1, 20.1)
    assert way.at_most() >= 11


def test_receipts_count_at_once() -> None:
    """Once an account has charged what a receipt said, the next receipt is known before its charge."""
    way = UnderWay()
    way.add(Item(1, 10.0, guarded(9.0, ended=10.0)))
    record(way, 0, 10.1)
    record(way, 1, 13.0)
    way.add(Item(2, 20.0, guarded(19.0, Decimal(3), ended=20.0)))
    record(way, 1, 20.1)
    assert (way.at_most(), way.dearest) == (Decimal(4), Decimal(3))
    # Without a guarded call nothing was spent: all that was spent so far, receipts told.
    way.add(Item(3, 21.0))
    record(way, 1, 21.1)
    assert way.at_most() == 4
    record(way, 4, 23.0)
    assert not way.items


def test_too_low_receipts_are_not_believed() -> None:
    way = UnderWay()
    way.add(Item(1, 10.0, guarded(9.0, ended=10.0)))
    record(way, 1, 10.1, unsettled=1)
    record(way, 3, 12.0)
    way.add(Item(2, 20.0, guarded(19.0, ended=20.0)))
    record(way, 3, 20.1)
    assert way.at_most() > 4


def test_a_call_that_goes_on_is_waited_for() -> None:
    """An item that only started its call is under way until the call has ended, and a while longer."""
    way, calls = UnderWay(LagTiming(quiet=6.0)), guarded(9.0, None)
    way.add(Item(1, 10.0, calls))
    record(way, 0, 17.0)
    assert way.items
    calls[0].ended_at = 18.0
    record(way, 0, 23.9)
    assert way.items
    record(way, 0, 24.0)
    assert not way.items


# -- many loops --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("is_guarded", "free"), [(False, 0.0), (True, 0.0), (False, 0.3)])
@pytest.mark.parametrize("kind", KINDS)
def test_no_loop_goes_far_over(kind: Kind, is_guarded: bool, free: float) -> None:
    for seed in range(20):
        outcome = simulate(kind, seed, is_guarded=is_guarded, free=free)
        assert outcome.is_short, seed
        assert outcome.said_over is bool(outcome.over)


def test_a_prompt_account_never_waits() -> None:
    assert sum(simulate("prompt", seed).waited for seed in range(40)) == 0


@given(
    st.sampled_from(KINDS),
    st.lists(st.decimals("0.3", "3", places=2), min_size=20, max_size=40),
    st.integers(4, 25),
    st.integers(0, 2**32),
)
def test_no_costs_take_a_loop_far_over(kind: Kind, costs: list[Decimal], limit: int, seed: int) -> None:
    account = Charged(kind, random.Random(seed), shows_reservations=bool(seed % 2))  # noqa: S311 - as above
    outcome = Simulation(account, Decimal(limit)).run(costs)
    assert outcome.is_short
