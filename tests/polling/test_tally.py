"""What the card says was spent: each call once, whichever counter shows it first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.polling.tally import Tally
from tests.support.keyed_account import HUGE, KeyedAccount
from tests.support.readings import moved, reading

if TYPE_CHECKING:
    from evolink_nb.credits import Credits

Step = Callable[[KeyedAccount], None]

credits = st.decimals("0.0001", "10", places=4)
calls = st.builds(lambda amount, cost: lambda account: account.reserve(amount, cost), credits, credits)
settlements = st.sampled_from([KeyedAccount.settle, lambda account: account.settle(failed=True)])
top_ups = st.builds(lambda amount: lambda account: account.top_up(amount), credits)
limits = st.builds(lambda amount: lambda account: account.change_limit(amount * 9), credits)
scripts = st.lists(st.one_of(calls, settlements, top_ups, limits), max_size=30)
lags = st.lists(st.tuples(*[st.integers(0, 6)] * 4), max_size=80)
kinds = pytest.mark.parametrize(("unlimited", "frozen"), [(False, False), (True, False), (True, True)])


def states_of(account: KeyedAccount, script: list[Step]) -> list[Credits]:
    """Return the readings of an account after each step, until all of its calls have settled."""
    states = [account.read()]
    for step in [*script, *[KeyedAccount.settle] * len(script)]:
        step(account)
        states.append(account.read())
    return states


def late(states: list[Credits], lags: list[tuple[int, ...]]) -> list[Credits]:
    """Return what readings see whose four counters are each late by a number of states, at last by none."""
    newest, seen = [0, 0, 0, 0], []
    for at, state in enumerate(states):
        each = lags[at] if at < min(len(lags), len(states) - 1) else (0, 0, 0, 0)
        newest = [max(known, at - lag) for known, lag in zip(newest, each, strict=True)]
        token, token_used, user, user_used = (states[index] for index in newest)
        seen.append(
            replace(
                state,
                token=replace(token.token, used=token_used.token.used),
                user=replace(user.user, used=user_used.user.used),
            )
        )
    return seen


def spent_in(readings: list[Credits]) -> Decimal:
    tally = Tally(readings[0])
    return [tally.record(each) for each in readings][-1]


@kinds
@given(scripts, lags, st.lists(st.booleans()))
def test_bill_is_the_same_for_any_readings(
    unlimited: bool, frozen: bool, script: list[Step], lags: list[tuple[int, ...]], taken: list[bool]
) -> None:
    """Whichever counter is late, and however many readings are taken in between."""
    account = KeyedAccount(unlimited=unlimited, frozen=frozen)
    states = states_of(account, script)
    seen = late(states, lags)
    some = [each for each, keep in zip(seen, taken, strict=False) if keep]
    assert spent_in([states[0], *some, seen[-1]]) == account.truth
    assert spent_in(seen) == spent_in(states) == account.truth


@pytest.mark.parametrize("binding", ["user", "token"])
@given(scripts, lags)
def test_binding_half_changes_no_bill(binding: str, script: list[Step], lags: list[tuple[int, ...]]) -> None:
    """Nor do two balances that are about the same, so that each reading has another half binding."""
    account = KeyedAccount()
    account.user = HUGE + (1 if binding == "token" else 0)
    assert spent_in(late(states_of(account, script), lags)) == account.truth


def test_late_account_counts_no_call_twice() -> None:
    """A call that reserves 2 and costs 1.25 was once shown as 3.25."""
    start: dict[str, Any] = {"token_used": 100, "user_used": 200, "user": 500, "unlimited": True}
    series = [
        reading(0, **start),
        reading(5, **start | {"token_used": 102}),
        reading(10, **start | {"token_used": "101.25"}),
        reading(15, **start | {"token_used": "101.25", "user": "498.75"}),
        reading(20, **start | {"token_used": "101.25", "user": "498.75", "user_used": "201.25"}),
    ]
    tally = Tally(series[0])
    assert [tally.record(each) for each in series] == [0, 2, *[Decimal("1.25")] * 3]


@pytest.mark.parametrize("used", [Decimal(0), Decimal(2), Decimal("583.5571")])
@pytest.mark.parametrize("unlimited", [False, True])
def test_daily_reset_gives_nothing_back(used: Decimal, unlimited: bool) -> None:
    account = KeyedAccount(unlimited=unlimited, used=used)
    tally = Tally(account.read())
    for _ in range(3):
        account.reserve(Decimal(1), Decimal(1))
        account.settle()
        tally.record(account.read())
    account.reset_used()
    assert tally.record(account.read()) == 3
    account.reserve(Decimal(1), Decimal(1))
    assert tally.record(account.read()) == 4


def test_reset_of_the_account_is_no_refund() -> None:
    tally = Tally(moved(0))
    tally.record(moved(5, spent=3))
    after = replace(moved(10, spent=3), user=replace(moved(10, spent=3).user, used=Decimal(0)))
    assert tally.record(after) == 3


def test_others_count_once_settled() -> None:
    tally = Tally(moved(0))
    assert tally.record(moved(5, others=7)) == 7
    assert tally.record(moved(10, spent=2, others=7)) == 9


def test_others_beside_a_binding_key_are_out() -> None:
    start: dict[str, Any] = {"token": 50, "token_used": 10, "user": 500, "user_used": 20}
    tally = Tally(reading(0, **start))
    assert tally.record(reading(5, **start | {"user": 470, "user_used": 50})) == 0
    assert tally.record(reading(9, token=45, token_used=15, user=465, user_used=55)) == 5
    # From here on the account runs out first.
    assert tally.record(reading(15, token=45, token_used=15, user=40, user_used=480)) == 430


@pytest.mark.parametrize("change", [100, -100])
def test_another_limit_is_no_spending(change: int) -> None:
    account = KeyedAccount(frozen=True)
    account.user += 1000  # the key binds
    tally = Tally(account.read())
    account.reserve(Decimal(2), Decimal(2))
    account.settle()
    assert tally.record(account.read()) == 2
    account.change_limit(Decimal(change))
    assert tally.record(account.read()) == 2
    account.reserve(Decimal(2), Decimal(2))
    account.settle()
    assert tally.record(account.read()) == 4


def test_older_reading_changes_nothing() -> None:
    tally = Tally(moved(10))
    assert tally.record(moved(20, spent=4)) == 4
    assert tally.record(moved(15, spent=9)) == 4
    assert tally.record(moved(25, spent=5)) == 5
