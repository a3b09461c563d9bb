"""What a key has spent, against an account whose counters misbehave and whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.credits import Credits, difference
from evolink_nb.polling.spending import Spending
from tests.support.keyed_account import KeyedAccount
from tests.support.readings import moved, reading

Step = Callable[[KeyedAccount], None]

credits = st.decimals("0.0001", "10", places=4)
kinds = st.sampled_from([(False, False), (False, True), (True, False), (True, True)])
starts = st.sampled_from([Decimal(0), Decimal(2), Decimal("583.5571")])


def _call(amount: Decimal, cost: Decimal) -> Step:
    return lambda account: account.reserve(amount, cost)


calls = st.builds(_call, credits, credits)
settlements = st.sampled_from([KeyedAccount.settle, lambda account: account.settle(failed=True)])
top_ups = st.builds(lambda amount: lambda account: account.top_up(1000 + amount), credits)
others = st.builds(lambda amount: lambda account: account.spend_as_other(amount * 5), credits)
limits = st.builds(lambda amount: lambda account: account.change_limit(amount * 9), credits)
cuts = st.builds(lambda amount: lambda account: account.change_limit(-amount * 9), credits)
refunds = st.builds(lambda amount: lambda account: account.refund_earlier(amount, shows=True), credits)
resets = st.just(KeyedAccount.reset_used)
toggles = st.just(KeyedAccount.toggle_limit)


def _script(*kinds: st.SearchStrategy[Step]) -> st.SearchStrategy[list[Step]]:
    return st.lists(st.one_of(*kinds), max_size=40)


def _run(account: KeyedAccount, script: list[Step]) -> Spending:
    spending = Spending(account.read())
    for step in script:
        step(account)
        spending.record(account.read())
    return spending


# -- alone on the account ----------------------------------------------------------------------------------


@given(kinds, starts, _script(calls, settlements, top_ups))
def test_alone_it_is_exact_at_each_step(kind: tuple[bool, bool], used: Decimal, script: list[Step]) -> None:
    """Calls reserve, and settle for more, for less or for nothing; the account is topped up."""
    account = KeyedAccount(unlimited=kind[0], frozen=kind[1], used=used)
    spending = Spending(account.read())
    for step in script:
        step(account)
        assert spending.record(account.read()) == account.truth


@given(kinds, starts, _script(calls, settlements, top_ups, others, limits, cuts, refunds, resets))
def test_it_is_never_less_than_the_truth(kind: tuple[bool, bool], used: Decimal, script: list[Step]) -> None:
    """Whatever happens to the counters, in any order."""
    account = KeyedAccount(unlimited=kind[0], frozen=kind[1], used=used)
    spending = Spending(account.read())
    for step in script:
        step(account)
        assert spending.record(account.read()) >= account.truth


@given(
    st.booleans(),
    starts,
    _script(calls, settlements, top_ups, others, limits, cuts, refunds, resets, toggles),
)
def test_a_moving_counter_counts_once(unlimited: bool, used: Decimal, script: list[Step]) -> None:
    """The work spends first, so the key's own counter is known to move; others don't count then."""
    account = KeyedAccount(unlimited=unlimited, used=used)
    spending = _run(account, [_call(Decimal(1), Decimal(1)), *script])
    assert account.truth <= spending.spent <= account.reserved


@given(
    st.booleans(),
    _script(calls, settlements, top_ups),
    st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), max_size=60),
)
def test_counters_may_lag_one_another(unlimited: bool, script: list[Step], lags: list[list[int]]) -> None:
    account = KeyedAccount(unlimited=unlimited)
    states = [account.read()]
    for step in [_call(Decimal(1), Decimal(1)), *script]:
        step(account)
        states.append(account.read())
    spending = Spending(states[0])
    newest = [0, 0, 0, 0]
    for at, _ in enumerate(states):
        lag = lags[at] if at < len(lags) else [0, 0, 0, 0]
        newest = [max(known, at - late) for known, late in zip(newest, lag, strict=True)]
        spending.record(_mixed(states, newest, at))
    for extra in (1, 2):
        spending.record(replace(states[-1], monotonic=states[-1].monotonic + extra))
    assert account.truth <= spending.spent <= account.reserved


def _mixed(states: list[Credits], newest: list[int], at: int) -> Credits:
    """A reading whose four counters are each as of another moment."""
    token, token_used, user, user_used = (states[index] for index in newest)
    return reading(
        states[at].monotonic,
        token=token.token.remaining,
        token_used=token_used.token.used,
        unlimited=token.token.unlimited,
        user=user.user.remaining,
        user_used=user_used.user.used,
    )


# -- one thing at a time -----------------------------------------------------------------------------------


@pytest.mark.parametrize("used", [Decimal(0), Decimal("583.5571")])
@pytest.mark.parametrize("unlimited", [False, True])
def test_a_daily_reset_takes_nothing_back(used: Decimal, unlimited: bool) -> None:
    account = KeyedAccount(unlimited=unlimited, used=used)
    spending = Spending(account.read())
    for _ in range(3):
        account.reserve(Decimal(1), Decimal(1))
        account.settle()
        spending.record(account.read())
    account.reset_used()
    assert spending.record(account.read()) == 3
    account.reserve(Decimal(1), Decimal(1))
    assert spending.record(account.read()) == 4


def test_spending_beside_a_reset_counts() -> None:
    """The counter is set to 0 and moves on before the next reading."""
    account = KeyedAccount(unlimited=True)
    spending = _run(account, [_call(Decimal(3), Decimal(3))])
    account.reset_used()
    account.reserve(Decimal(2), Decimal(2))
    assert spending.record(account.read()) == 5


def test_a_limited_keys_balance_counts() -> None:
    """Its used credits stand still while its remaining ones fall."""
    account = KeyedAccount(frozen=True)
    spending = _run(account, [_call(Decimal(4), Decimal(3))])
    assert spending.spent == 4
    account.settle()
    assert spending.record(account.read()) == 3


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("change", [100, -100])
def test_a_changed_limit_is_no_spending(change: int, frozen: bool) -> None:
    account = KeyedAccount(frozen=frozen)
    spending = _run(account, [_call(Decimal(2), Decimal(2))])
    account.change_limit(Decimal(change))
    assert spending.record(account.read()) == 2
    account.reserve(Decimal(2), Decimal(2))
    assert spending.record(account.read()) == 4


def test_a_lowered_limit_stays_no_spending() -> None:
    """Not even once others have spent as much on the account."""
    account = KeyedAccount()
    spending = _run(account, [_call(Decimal(2), Decimal(2))])
    account.change_limit(Decimal(-100))
    spending.record(account.read())
    account.spend_as_other(Decimal(100))
    assert spending.record(account.read()) == 2


@pytest.mark.parametrize("unlimited", [False, True])
def test_a_limit_may_be_set_or_removed(unlimited: bool) -> None:
    account = KeyedAccount(unlimited=unlimited)
    spending = _run(account, [_call(Decimal(2), Decimal(2)), KeyedAccount.toggle_limit])
    assert spending.spent == 2
    account.reserve(Decimal(3), Decimal(3))
    assert spending.record(account.read()) == 5


@pytest.mark.parametrize("shows", [False, True])
@pytest.mark.parametrize("unlimited", [False, True])
def test_an_earlier_refund_raises_no_limit(unlimited: bool, shows: bool) -> None:
    account = KeyedAccount(unlimited=unlimited)
    spending = _run(account, [_call(Decimal(4), Decimal(4)), KeyedAccount.settle])
    account.refund_earlier(Decimal(3), shows=shows)
    assert spending.record(account.read()) == 4
    account.reserve(Decimal(1), Decimal(1))
    assert spending.record(account.read()) == 5


def test_calls_settle_beside_others() -> None:
    """Once others have spent, what is left over no longer shows whose calls have settled."""
    account = KeyedAccount(unlimited=True)
    spending = _run(account, [_call(Decimal(1), Decimal(1)), KeyedAccount.settle])
    account.spend_as_other(Decimal(50))
    assert spending.record(account.read()) == 1
    for _ in range(5):
        account.reserve(Decimal("2.5"), Decimal(1))
        spending.record(account.read())
        account.settle()
        spending.record(account.read())
    assert spending.spent == 6


def test_others_dont_count_if_it_moves() -> None:
    before = [moved(0), moved(1, spent=1, unlimited=True)]
    spending = Spending(moved(2, spent=1, unlimited=True), earlier=before)
    assert spending.record(moved(3, spent=1, others=50, unlimited=True)) == 0
    assert not spending.is_account_wide


def test_a_frozen_key_spends_as_its_account() -> None:
    account = KeyedAccount(unlimited=True, frozen=True)
    spending = _run(account, [_call(Decimal(4), Decimal(3))])
    assert spending.is_account_wide
    assert spending.spent == 4
    account.settle()
    assert spending.record(account.read()) == 3
    account.top_up(Decimal(100))
    assert spending.record(account.read()) == 3


# -- readings ----------------------------------------------------------------------------------------------


def test_an_older_reading_is_ignored() -> None:
    spending = Spending(moved(10))
    spending.record(moved(12, spent=2))
    assert spending.record(moved(11, spent=1)) == 2
    assert spending.record_all([moved(10), moved(12, spent=2), moved(13, spent=3)]) == 3
    assert spending.latest == moved(13, spent=3)


def test_dust_is_neither_spent_nor_a_reset() -> None:
    spending = Spending(reading(0, token_used="0.3", unlimited=True))
    for at in range(1, 50):
        noise = Decimal("0.3") + Decimal("1e-17") * (-1) ** at
        assert spending.record(reading(at, token_used=noise, unlimited=True)) == 0


def test_the_ambient_precision_is_unused() -> None:
    with localcontext() as context:
        context.prec = 2
        spending = Spending(moved(0))
        spent = spending.record(moved(1, spent="1234.5678"))
    assert difference(spent, Decimal("1234.5678")) == 0
