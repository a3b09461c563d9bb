"""The simulated account keeps honest books, whatever is asked of it and whenever someone looks."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.demo import OTHER_KEY, OWN_KEY, Account
from evolink_nb.demo.account import UnknownTaskError
from evolink_nb.demo.balances import OutOfCreditsError
from evolink_nb.demo.tasks import price_of

START = {
    "token": {
        "remaining_credits": Decimal("99416.4429"),
        "used_credits": Decimal("583.5571"),
        "unlimited_credits": False,
    },
    "user": {"remaining_credits": Decimal("1095.3996"), "used_credits": Decimal("135.9048")},
}

AMOUNTS = st.decimals(min_value="0.0001", max_value="300", places=4)
CALLS = st.one_of(
    st.tuples(st.just("reserve"), AMOUNTS),
    st.tuples(st.just("spend"), AMOUNTS),
    st.tuples(st.just("top up"), AMOUNTS),
    st.tuples(st.just("images"), st.integers(1, 10)),
    st.tuples(st.just("chat"), st.integers(1, 500)),
    st.tuples(st.just("wait"), st.floats(0, 4)),
)
MANY_CALLS = st.lists(st.tuples(CALLS, st.sampled_from([OWN_KEY, OTHER_KEY])), max_size=30)


class HandClock:
    """A clock that only moves by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def account(clock: HandClock) -> Account:
    return Account(clock=clock, shortfall_rate=0, failure_rate=0)


def perform(account: Account, clock: HandClock, call: tuple[str, object], key: str) -> bool:
    """Make one call; tell whether it was accepted."""
    name, value = call
    try:
        match name, value:
            case "reserve", Decimal():
                account.reserve(value, key=key)
            case "spend", Decimal():
                account.spend(value, key=key)
            case "top up", Decimal():
                account.top_up(value)
            case "images", int():
                account.start_task("image", model="any", count=value, key=key)
            case "chat", int():
                account.complete_chat(prompt_tokens=value, max_tokens=100, key=key)
            case "wait", float():
                clock.now += value
            case _:
                raise AssertionError(call)
    except OutOfCreditsError:
        return False
    return True


def user(account: Account) -> tuple[Decimal, Decimal]:
    figures = account.balance()["user"]
    return figures["remaining_credits"], figures["used_credits"]


def token(account: Account, key: str = OWN_KEY) -> tuple[Decimal, Decimal]:
    figures = account.balance(key)["token"]
    return figures["remaining_credits"], figures["used_credits"]


def test_an_account_starts_with_the_documented_example(account: Account) -> None:
    assert account.balance() == START
    assert account.spendable() == Decimal("1095.3996")


@given(calls=MANY_CALLS)
def test_no_credit_appears_or_vanishes(calls: list[tuple[tuple[str, object], str]]) -> None:
    clock = HandClock()
    account = Account(clock=clock)
    paid_in = sum(user(account))
    limits = {key: sum(token(account, key)) for key in account.keys}
    for call, key in calls:
        accepted = perform(account, clock, call, key)
        if call[0] == "top up" and accepted:
            assert isinstance(call[1], Decimal)
            paid_in += call[1]
        assert sum(user(account)) + account.outstanding == paid_in
        assert {name: sum(token(account, name)) for name in account.keys} == limits
    account.settle_all()
    assert account.outstanding == 0
    assert user(account)[1] - Decimal("135.9048") == account.true_cost()
    assert token(account)[1] - Decimal("583.5571") == account.true_cost(OWN_KEY)


@given(calls=MANY_CALLS, seed=st.integers())
def test_the_same_seed_gives_the_same_account(calls: list[tuple[tuple[str, object], str]], seed: int) -> None:
    histories = []
    for _ in range(2):
        clock = HandClock()
        account = Account(seed=seed, clock=clock, unix_time=lambda: 1_700_000_000.0)
        history = []
        for call, key in calls:
            perform(account, clock, call, key)
            history.append((account.balance(), account.outstanding, account.settled))
        histories.append(history)
    assert histories[0] == histories[1]


def test_another_seed_gives_another_account() -> None:
    delays = {Account(seed=seed, clock=HandClock()).reserve(1).settles_at for seed in range(20)}
    assert len(delays) == 20


def test_a_reservation_shows_at_once_and_in_user_used_only_when_settled(
    account: Account, clock: HandClock
) -> None:
    reservation = account.reserve("10", cost="7.5")
    assert user(account) == (Decimal("1085.3996"), Decimal("135.9048"))
    assert token(account) == (Decimal("99406.4429"), Decimal("593.5571"))
    assert 0.5 <= reservation.settles_at <= 3
    clock.now = reservation.settles_at
    assert user(account) == (Decimal("1087.8996"), Decimal("143.4048"))
    assert token(account) == (Decimal("99408.9429"), Decimal("591.0571"))


def test_calls_settle_in_the_order_of_their_delays(clock: HandClock) -> None:
    account = Account(clock=clock)
    reservations = [account.reserve(1) for _ in range(30)]
    by_delay = sorted(reservations, key=lambda reservation: reservation.settles_at)
    assert by_delay != reservations
    clock.now = by_delay[9].settles_at
    assert list(account.settled) == by_delay[:10]
    clock.now = 100
    assert list(account.settled) == by_delay


def test_most_calls_cost_what_they_reserve_and_some_less(clock: HandClock) -> None:
    account = Account(clock=clock, user_remaining=10_000)
    costs = [account.reserve(1).cost for _ in range(300)]
    cheaper = [cost for cost in costs if cost < 1]
    assert 30 <= len(cheaper) <= 90
    assert min(costs) > 0
    assert max(costs) == 1


def test_a_balance_below_zero_is_shown_and_refuses_the_next_call(account: Account) -> None:
    account.reserve(2000)
    assert user(account)[0] == Decimal("-904.6004")
    with pytest.raises(OutOfCreditsError):
        account.reserve("0.0001")
    account.top_up(1000)
    assert account.reserve("0.0001").amount == Decimal("0.0001")


def test_without_overdraft_a_call_that_costs_more_than_is_left_is_refused(clock: HandClock) -> None:
    account = Account(clock=clock, overdraft=False)
    with pytest.raises(OutOfCreditsError):
        account.reserve(2000)
    assert account.balance() == START


def test_the_smaller_of_key_and_account_is_what_can_be_spent(clock: HandClock) -> None:
    account = Account(clock=clock, token_remaining=3)
    assert account.spendable() == 3
    account.spend(3)
    with pytest.raises(OutOfCreditsError):
        account.spend(1)
    account.top_up(5, key=OWN_KEY)
    assert account.spendable() == 5


def test_another_key_spends_from_the_same_account(account: Account) -> None:
    account.spend(4, key=OTHER_KEY)
    assert user(account) == (Decimal("1091.3996"), Decimal("139.9048"))
    assert token(account) == (Decimal("99416.4429"), Decimal("583.5571"))
    assert account.balance(OTHER_KEY)["token"]["unlimited_credits"] is True


def test_an_unlimited_key_may_run_below_zero(clock: HandClock) -> None:
    account = Account(clock=clock, unlimited=True, token_remaining=0)
    account.spend(5)
    assert token(account)[0] == -5
    assert account.spendable() == Decimal("1090.3996")


@given(calls=MANY_CALLS)
def test_frozen_counters_never_move(calls: list[tuple[tuple[str, object], str]]) -> None:
    clock = HandClock()
    account = Account(clock=clock, unlimited=True, frozen=True)
    for call, key in calls:
        perform(account, clock, call, key)
    assert token(account) == (Decimal(0), Decimal("583.5571"))


def test_only_an_unlimited_key_can_be_frozen() -> None:
    with pytest.raises(ValueError, match="unlimited"):
        Account(frozen=True)


def test_a_task_goes_from_pending_to_completed(account: Account, clock: HandClock) -> None:
    task = account.start_task("image", model="any", count=4)
    seen = []
    for step in range(101):
        clock.now = task.finishes_at * step / 100
        report = account.task(task.id)
        seen.append((report.status, report.progress, report.ready))
    progress = [entry[1] for entry in seen]
    assert list(dict.fromkeys(entry[0] for entry in seen)) == ["pending", "processing", "completed"]
    assert progress == sorted(progress)
    assert seen[0] == ("pending", 0, 0)
    assert seen[-1] == ("completed", 100, 4)
    assert account.cost_of(task.id) == task.reserved == 4 * price_of("image", "any")


def test_a_failed_task_gives_its_credits_back(clock: HandClock) -> None:
    account = Account(clock=clock, failure_rate=1)
    task = account.start_task("video", model="any")
    assert user(account)[0] < Decimal("1095.3996")
    account.settle_all()
    assert account.task(task.id).status == "failed"
    assert account.balance() == START
    assert account.cost_of(task.id) == 0


def test_a_task_that_makes_less_is_charged_for_what_it_made(clock: HandClock) -> None:
    account = Account(clock=clock, shortfall_rate=1, failure_rate=0)
    task = account.start_task("image", model="any", count=10)
    account.settle_all()
    assert 1 <= account.task(task.id).ready < 10
    assert account.cost_of(task.id) == account.task(task.id).ready * price_of("image", "any")


def test_an_unknown_task_is_told_from_a_failed_one(account: Account) -> None:
    with pytest.raises(UnknownTaskError):
        account.task("task-unified-1-abcdefgh")


@pytest.mark.parametrize("amount", ["nan", "inf", "-1", 0, "0.00001", "1e999999999", "a lot", 10**11])
def test_an_amount_that_is_no_credits_is_refused(account: Account, amount: str | int) -> None:
    for act in (account.reserve, account.spend, account.top_up):
        with pytest.raises(ValueError, match="amount"):
            act(amount)
    assert account.balance() == START


def test_many_threads_spend_every_credit_once(account: Account) -> None:
    def spend_a_hundred_times() -> None:
        for _ in range(100):
            account.spend("0.01")

    threads = [threading.Thread(target=spend_a_hundred_times) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert user(account) == (Decimal("1087.3996"), Decimal("143.9048"))
