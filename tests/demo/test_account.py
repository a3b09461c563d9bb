"""The simulated account neither loses nor makes a credit, whatever is asked of it, whenever it is read."""

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
from tests.support.clock import SteppedClock

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


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def account(clock: SteppedClock) -> Account:
    return Account(clock=clock.monotonic, shortfall_rate=0, failure_rate=0)


def perform(account: Account, clock: SteppedClock, call: tuple[str, object], key: str) -> bool:
    """Make one call; return whether it was accepted."""
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
                clock.seconds += value
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


def test_starts_as_documented(account: Account) -> None:
    assert account.balance() == START
    assert account.spendable() == Decimal("1095.3996")


@given(calls=MANY_CALLS)
def test_no_credit_appears_or_vanishes(calls: list[tuple[tuple[str, object], str]]) -> None:
    clock = SteppedClock()
    account = Account(clock=clock.monotonic)
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
def test_same_seed_gives_same_account(calls: list[tuple[tuple[str, object], str]], seed: int) -> None:
    histories = []
    for _ in range(2):
        clock = SteppedClock()
        account = Account(seed=seed, clock=clock.monotonic, unix_time=lambda: 1_700_000_000.0)
        history = []
        for call, key in calls:
            perform(account, clock, call, key)
            history.append((account.balance(), account.outstanding, account.settled))
        histories.append(history)
    assert histories[0] == histories[1]


def test_seeds_give_different_accounts() -> None:
    delays = {Account(seed=seed, clock=SteppedClock().monotonic).reserve(1).settles_at for seed in range(20)}
    assert len(delays) == 20


def test_reservation_shows_at_once(account: Account, clock: SteppedClock) -> None:
    """A reservation shows at once, but in `user.used` only when it has settled."""
    reservation = account.reserve("10", cost="7.5")
    assert user(account) == (Decimal("1085.3996"), Decimal("135.9048"))
    assert token(account) == (Decimal("99406.4429"), Decimal("593.5571"))
    assert 0.5 <= reservation.settles_at <= 3
    clock.seconds = reservation.settles_at
    assert user(account) == (Decimal("1087.8996"), Decimal("143.4048"))
    assert token(account) == (Decimal("99408.9429"), Decimal("591.0571"))


def test_calls_settle_by_their_delays(clock: SteppedClock) -> None:
    account = Account(clock=clock.monotonic)
    reservations = [account.reserve(1) for _ in range(30)]
    by_delay = sorted(reservations, key=lambda reservation: reservation.settles_at)
    assert by_delay != reservations
    clock.seconds = by_delay[9].settles_at
    assert list(account.settled) == by_delay[:10]
    clock.seconds = 100
    assert list(account.settled) == by_delay


def test_some_calls_cost_less(clock: SteppedClock) -> None:
    """Most calls cost what they reserve, and some less."""
    account = Account(clock=clock.monotonic, user_remaining=10_000)
    costs = [account.reserve(1).cost for _ in range(300)]
    cheaper = [cost for cost in costs if cost < 1]
    assert 30 <= len(cheaper) <= 90
    assert min(costs) > 0
    assert max(costs) == 1


def test_overdrawn_account_refuses_calls(account: Account) -> None:
    """A balance below zero is shown, and the next call is refused."""
    account.reserve(2000)
    assert user(account)[0] == Decimal("-904.6004")
    with pytest.raises(OutOfCreditsError):
        account.reserve("0.0001")
    account.top_up(1000)
    assert account.reserve("0.0001").amount == Decimal("0.0001")


def test_no_overdraft_refuses_large_call(clock: SteppedClock) -> None:
    """Without overdraft, a call that costs more than is left is refused."""
    account = Account(clock=clock.monotonic, overdraft=False)
    with pytest.raises(OutOfCreditsError):
        account.reserve(2000)
    assert account.balance() == START


def test_smaller_limit_is_spendable(clock: SteppedClock) -> None:
    """The smaller of the key's limit and the account's balance can be spent."""
    account = Account(clock=clock.monotonic, token_remaining=3)
    assert account.spendable() == 3
    account.spend(3)
    with pytest.raises(OutOfCreditsError):
        account.spend(1)
    account.top_up(5, key=OWN_KEY)
    assert account.spendable() == 5


def test_other_key_shares_the_account(account: Account) -> None:
    account.spend(4, key=OTHER_KEY)
    assert user(account) == (Decimal("1091.3996"), Decimal("139.9048"))
    assert token(account) == (Decimal("99416.4429"), Decimal("583.5571"))
    assert account.balance(OTHER_KEY)["token"]["unlimited_credits"] is True


def test_unlimited_key_may_go_below_zero(clock: SteppedClock) -> None:
    account = Account(clock=clock.monotonic, unlimited=True, token_remaining=0)
    account.spend(5)
    assert token(account)[0] == -5
    assert account.spendable() == Decimal("1090.3996")


@given(calls=MANY_CALLS)
def test_frozen_counters_never_move(calls: list[tuple[tuple[str, object], str]]) -> None:
    clock = SteppedClock()
    account = Account(clock=clock.monotonic, unlimited=True, frozen=True)
    for call, key in calls:
        perform(account, clock, call, key)
    assert token(account) == (Decimal(0), Decimal("583.5571"))


def test_only_unlimited_keys_freeze() -> None:
    with pytest.raises(ValueError, match="unlimited"):
        Account(frozen=True)


def test_task_runs_to_completion(account: Account, clock: SteppedClock) -> None:
    """A task goes from pending through processing to completed."""
    task = account.start_task("image", model="any", count=4)
    seen = []
    for step in range(101):
        clock.seconds = task.finishes_at * step / 100
        report = account.task(task.id)
        seen.append((report.status, report.progress, report.ready))
    progress = [entry[1] for entry in seen]
    assert list(dict.fromkeys(entry[0] for entry in seen)) == ["pending", "processing", "completed"]
    assert progress == sorted(progress)
    assert seen[0] == ("pending", 0, 0)
    assert seen[-1] == ("completed", 100, 4)
    assert account.cost_of(task.id) == task.reserved == 4 * price_of("image", "any")


def test_failed_task_is_refunded(clock: SteppedClock) -> None:
    account = Account(clock=clock.monotonic, failure_rate=1)
    task = account.start_task("video", model="any")
    assert user(account)[0] < Decimal("1095.3996")
    account.settle_all()
    assert account.task(task.id).status == "failed"
    assert account.balance() == START
    assert account.cost_of(task.id) == 0


def test_task_is_charged_for_what_it_made(clock: SteppedClock) -> None:
    account = Account(clock=clock.monotonic, shortfall_rate=1, failure_rate=0)
    task = account.start_task("image", model="any", count=10)
    account.settle_all()
    assert 1 <= account.task(task.id).ready < 10
    assert account.cost_of(task.id) == account.task(task.id).ready * price_of("image", "any")


def test_unknown_task_is_an_error(account: Account) -> None:
    with pytest.raises(UnknownTaskError):
        account.task("task-unified-1-abcdefgh")


@pytest.mark.parametrize("amount", ["nan", "inf", "-1", 0, "0.00001", "1e999999999", "a lot", 10**11])
def test_invalid_amounts_are_refused(account: Account, amount: str | int) -> None:
    for act in (account.reserve, account.spend, account.top_up):
        with pytest.raises(ValueError, match="amount"):
            act(amount)
    assert account.balance() == START


def test_threads_spend_each_credit_once(account: Account) -> None:
    def spend_a_hundred_times() -> None:
        for _ in range(100):
            account.spend("0.01")

    threads = [threading.Thread(target=spend_a_hundred_times) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert user(account) == (Decimal("1087.3996"), Decimal("143.9048"))
