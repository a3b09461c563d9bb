"""Burn rate and runway: right where the readings carry them, silent where they don't."""

from __future__ import annotations

import decimal
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolink_nb.credits import Credits, TokenCredits, UserCredits
from evolink_nb.demo import Account
from evolink_nb.demo.account import OTHER_KEY
from evolink_nb.polling import forecast
from evolink_nb.polling.forecast import MAX_STEP, MEMORY, MIN_STEPS, runway
from evolink_nb.polling.tally import Tally
from tests.support.readings import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

KEYS: dict[str, dict[str, Any]] = {
    "limited, the account binds": {},
    "limited, the key binds": {"user_remaining": "500000000", "token_remaining": "50000000"},
    "unlimited": {"unlimited": True},
    "unlimited, its counters frozen": {"unlimited": True, "frozen": True},
}
any_key = pytest.mark.parametrize("kind", KEYS)

# Rates at which four decimals still tell the time between readings to well within 1 %.
rates = st.decimals("0.05", "100", places=4)
cadences = st.integers(2, 120)
counts = st.integers(12, 60)
few = settings(max_examples=25)


def spending(readings: Sequence[Credits]) -> list[Decimal]:
    """Return what was spent as of each reading."""
    tally = Tally(readings[0])
    return [tally.record(each) for each in readings]


def burn_rate(readings: Sequence[Credits]) -> float | None:
    """Return the rate at the last of these readings."""
    times = [each.monotonic for each in readings]
    return forecast.burn_rate(list(zip(times, spending(readings), strict=True)) if readings else [])


class Record:
    """An account whose calls reserve and settle, and the readings taken of it while time goes by."""

    def __init__(self, kind: str = "limited, the account binds", **options: Any) -> None:
        self.seconds = 0.0
        start: dict[str, Any] = {"user_remaining": "50000000", "token_remaining": "500000000", **KEYS[kind]}
        self.account = Account(clock=lambda: self.seconds, **(start | options))
        self.readings: list[Credits] = []
        self.read()

    def read(self) -> None:
        balance = self.account.balance()
        token = balance["token"]
        self.readings.append(
            reading(
                self.seconds,
                token=token["remaining_credits"],
                token_used=token["used_credits"],
                unlimited=token["unlimited_credits"],
                user=balance["user"]["remaining_credits"],
                user_used=balance["user"]["used_credits"],
            )
        )

    def go_on(self, steps: int, seconds: float, work: Callable[[], object] = lambda: None) -> None:
        """Take so many readings, so far apart, with `work` done before each."""
        for _ in range(steps):
            self.seconds += seconds
            work()
            self.read()

    def burn(self, rate: Decimal, seconds: float, *, key: str = "own") -> Callable[[], object]:
        """What spends `rate` credits a second, with a reading every so many seconds."""
        return lambda: self.account.spend(rate * Decimal(seconds), key=key)

    @property
    def spent(self) -> Decimal:
        return spending(self.readings)[-1]


# -- the rate ------------------------------------------------------------------------------------------


@any_key
@given(rates, cadences, counts)
@few
def test_a_steady_burn_is_its_rate(kind: str, rate: Decimal, seconds: int, steps: int) -> None:
    record = Record(kind)
    record.go_on(steps, seconds, record.burn(rate, seconds))
    assert burn_rate(record.readings) == pytest.approx(float(rate), rel=0.01)
    assert record.spent == record.account.true_cost()


@any_key
@given(rates, cadences, counts, st.decimals("0.0001", "100000", places=4), st.data())
@few
def test_a_top_up_changes_nothing(
    kind: str, rate: Decimal, seconds: int, steps: int, amount: Decimal, data: st.DataObject
) -> None:
    if "frozen" in kind:
        # Where the balance still fell, such a key leaves nothing to tell a top-up by.
        amount += rate * seconds
    record = Record(kind)
    burn = record.burn(rate, seconds)
    topped_up = data.draw(st.integers(0, steps - 1), label="topped up in step")
    record.go_on(topped_up, seconds, burn)
    record.account.top_up(amount, key=data.draw(st.sampled_from([None, "own"]), label="limit raised too"))
    record.go_on(steps - topped_up, seconds, burn)
    assert burn_rate(record.readings) == pytest.approx(float(rate), rel=0.01)
    assert record.spent == record.account.true_cost()


@pytest.mark.parametrize("kind", [kind for kind in KEYS if "frozen" not in kind])
@given(
    st.lists(st.tuples(st.decimals("0.01", "100", places=4), st.integers(0, 10)), min_size=1, max_size=30),
    st.integers(1, 60),
)
@few
def test_settling_for_less_is_counted(kind: str, calls: list[tuple[Decimal, int]], seconds: int) -> None:
    """Calls reserve, and most settle a reading or more later for a share of it, some for nothing."""
    record = Record(kind, settle_after=(0.5, 3.0 * seconds))
    for amount, share in calls:
        record.go_on(1, seconds, lambda a=amount, s=share: record.account.reserve(a, cost=a * s / 10))  # type: ignore[misc]
    record.go_on(4, seconds)
    assert record.account.outstanding == 0
    assert record.spent == record.account.true_cost()


@any_key
@given(rates, st.integers(2, 60), st.sampled_from([2, 5, 10]))
@few
def test_the_rate_is_that_of_final_costs(kind: str, rate: Decimal, seconds: int, times: int) -> None:
    """Each call holds `times` what it costs, and settles before the next reading: one is always held."""
    record = Record(kind, settle_after=(seconds / 2, seconds / 2))
    cost = rate * seconds
    record.go_on(40, seconds, lambda: record.account.reserve(cost * times, cost=cost))
    assert burn_rate(record.readings[1:]) == pytest.approx(float(rate), rel=0.01)


def test_a_frozen_key_uses_the_account() -> None:
    """What it gives back can't be told from a top-up: it is counted as settled, never as earned."""
    record = Record("unlimited, its counters frozen", settle_after=(5, 5))
    record.go_on(1, 1, lambda: record.account.reserve(10, cost=2))
    record.go_on(1, 10)
    assert Decimal(2) <= record.spent <= Decimal(12)


@given(rates, rates, cadences, counts)
@few
def test_others_count_if_the_account_binds(mine: Decimal, theirs: Decimal, seconds: int, steps: int) -> None:
    for kind in KEYS:
        record = Record(kind)
        burns = record.burn(mine, seconds), record.burn(theirs, seconds, key=OTHER_KEY)
        record.go_on(steps, seconds, lambda burns=burns: [burn() for burn in burns])  # type: ignore[misc]
        rate = mine if kind == "limited, the key binds" else mine + theirs
        assert burn_rate(record.readings) == pytest.approx(float(rate), rel=0.01)


def test_only_others_spend_credits() -> None:
    for kind, rate in [("limited, the account binds", 0.5), ("limited, the key binds", None)]:
        record = Record(kind)
        record.go_on(20, 5, record.burn(Decimal("0.5"), 5, key=OTHER_KEY))
        assert burn_rate(record.readings) == pytest.approx(rate)


@given(rates, st.integers(5, 60))
@few
def test_the_half_that_binds_may_change(rate: Decimal, seconds: int) -> None:
    record = Record(user_remaining="50000000", token_remaining="60000000")
    burn = record.burn(rate, seconds)
    record.go_on(10, seconds, burn)
    record.account.top_up(40_000_000)
    record.go_on(10, seconds, burn)
    assert [each.binding for each in record.readings] == ["user"] * 11 + ["token"] * 10
    assert burn_rate(record.readings) == pytest.approx(float(rate), rel=0.01)
    assert record.spent == record.account.true_cost()


def with_limit(credits: Credits, remaining: Decimal, *, unlimited: bool = False) -> Credits:
    return replace(credits, token=TokenCredits(remaining, credits.token.used, unlimited))


@pytest.mark.parametrize("before", ["unlimited", "limited, the account binds", "limited, the key binds"])
@pytest.mark.parametrize("after", [Decimal(50), Decimal(0), Decimal(10**9)])
def test_another_limit_is_no_spending(before: str, after: Decimal) -> None:
    record = Record(before)
    record.go_on(10, 5, record.burn(Decimal("0.2"), 5))
    half = len(record.readings) // 2
    changed = [with_limit(each, after) for each in record.readings[half:]]
    series = [*record.readings[:half], *changed]
    assert burn_rate(series) == pytest.approx(0.2)
    assert spending(series) == [Decimal(number) for number in range(11)]
    lifted = [with_limit(each, after, unlimited=True) for each in record.readings[half:]]
    assert burn_rate([*record.readings[:half], *lifted]) == pytest.approx(0.2)


@any_key
@given(rates, st.integers(int(MAX_STEP) + 1, 10**6), st.decimals("0", "50000", places=4))
@few
def test_a_sleep_says_nothing_about_now(kind: str, rate: Decimal, asleep: int, spent_asleep: Decimal) -> None:
    """Whatever went on in the hours of sleep, others' spending and top-ups: the rate is that of now."""
    record = Record(kind)
    burn = record.burn(rate, 5)
    record.go_on(20, 5, burn)
    record.seconds += asleep
    if spent_asleep:
        record.account.spend(spent_asleep)
    record.read()
    record.go_on(20, 5, burn)
    assert burn_rate(record.readings) == pytest.approx(float(rate), rel=0.01)


def test_recent_steps_count_more() -> None:
    record = Record()
    record.go_on(60, 5, record.burn(Decimal(1), 5))
    slow = burn_rate(record.readings)
    record.go_on(60, 5, record.burn(Decimal(10), 5))
    fast = burn_rate(record.readings)
    assert slow == pytest.approx(1)
    assert fast is not None
    assert 6 < fast < 10  # a plain mean is 5.5


# -- silence -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "seconds"),
    [(0, 5), (1, 60), (MIN_STEPS - 1, 60), (19, 1), (30, MAX_STEP + 1), (3, 0), (50, 0)],
)
def test_too_little_data_gives_no_rate(steps: int, seconds: float) -> None:
    record = Record()
    record.go_on(steps, seconds, lambda: record.account.spend(5))
    assert burn_rate(record.readings) is None


def test_the_first_rate_comes_in_time() -> None:
    for steps, seconds in [(MIN_STEPS, 20), (20, 1), (MIN_STEPS, MAX_STEP / 2)]:
        record = Record()
        record.go_on(steps, seconds, record.burn(Decimal(1), seconds))
        assert burn_rate(record.readings) == pytest.approx(1)


def test_no_readings_give_no_rate() -> None:
    assert burn_rate([]) is None


@any_key
def test_nothing_spent_gives_no_rate(kind: str) -> None:
    record = Record(kind)
    record.go_on(50, 5)
    assert burn_rate(record.readings) is None
    record.account.top_up(1000, key="own")
    record.go_on(50, 5)
    assert burn_rate(record.readings) is None
    assert record.spent == 0


@any_key
def test_a_rate_is_forgotten(kind: str) -> None:
    record = Record(kind)
    record.go_on(20, 5, record.burn(Decimal(1), 5))
    seen = []
    for _ in range(int(MEMORY / 15) + 2):
        record.go_on(1, 15)
        seen.append(burn_rate(record.readings))
    known = [rate for rate in seen if rate is not None]
    assert known == sorted(known, reverse=True)
    assert len(known) < len(seen)
    assert seen[-1] is None


def test_a_gateways_rounding_is_no_spending() -> None:
    """Some compute in doubles, and their balance wavers in its last digits."""
    record = Record()
    record.go_on(20, 5)
    dusty = [
        replace(
            each,
            user=UserCredits(each.user.remaining - number * Decimal("2.7755575615628914e-17"), Decimal(0)),
        )
        for number, each in enumerate(record.readings)
    ]
    assert burn_rate(dusty) is None


@pytest.mark.parametrize("days", [-5, 5], ids=["back", "forth"])
def test_a_clock_that_is_set_changes_nothing(days: int) -> None:
    """Lengths and ages come from the monotonic clock; the time of day is for showing only."""
    record = Record()
    record.go_on(40, 5, record.burn(Decimal(1), 5))
    set_amid = [
        replace(each, read_at=each.read_at + timedelta(days=days)) if number > 20 else each
        for number, each in enumerate(record.readings)
    ]
    assert burn_rate(set_amid) == burn_rate(record.readings) == pytest.approx(1)


def test_readings_out_of_order_harm_nothing() -> None:
    record = Record()
    record.go_on(20, 5, record.burn(Decimal(1), 5))
    late = replace(record.readings[-1], monotonic=record.seconds - 3600)
    record.go_on(20, 5, record.burn(Decimal(1), 5))
    series = [*record.readings[:21], late, *record.readings[21:]]
    assert burn_rate(series) == pytest.approx(1, rel=0.01)
    assert burn_rate([*record.readings, late]) is None


@pytest.mark.parametrize("traps", [[], [decimal.Inexact, decimal.Rounded]])
def test_the_ambient_context_changes_nothing(traps: list[Any]) -> None:
    record = Record()
    record.go_on(20, 5, record.burn(Decimal("1.2345"), 5))
    rate, spent = burn_rate(record.readings), spending(record.readings)
    with decimal.localcontext(decimal.Context(prec=3, traps=traps)):
        assert burn_rate(record.readings) == rate
        assert spending(record.readings) == spent


def test_dust_of_doubles_is_no_spending() -> None:
    """A gateway that computes in doubles answers 135.90479999999999 in one counter, 135.9048 in another."""
    dust = Decimal("0.00000000000001")
    earlier = reading(0)
    later = reading(5, user=earlier.user.remaining - dust, token_used=earlier.token.used + dust)
    assert spending([earlier, later]) == [0, 0]


amounts = st.decimals("-1e12", "1e12", places=4)
any_readings = st.lists(
    st.builds(
        reading,
        st.floats(0, 86_400),
        token=amounts,
        token_used=amounts,
        unlimited=st.booleans(),
        user=amounts,
        user_used=amounts,
    ),
    max_size=8,
)


@given(any_readings)
def test_any_readings_give_a_rate_or_none(readings: list[Credits]) -> None:
    for series in (readings, sorted(readings, key=lambda each: each.monotonic)):
        rate = burn_rate(series)
        assert rate is None or 0 < rate < float("inf")


@given(any_readings)
def test_any_readings_give_a_finite_sum(readings: list[Credits]) -> None:
    for spent in spending([reading(0), *readings]):
        assert spent.is_finite()
        assert spent >= 0


# -- the runway ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spendable", "rate", "seconds"),
    [
        ("100", 2.0, 50.0),
        ("0.0001", 0.0001, 1.0),
        ("100", None, None),
        ("0", 1.0, None),
        ("-5", 1.0, None),
    ],
)
def test_the_runway_is_spendable_by_rate(spendable: str, rate: float | None, seconds: float | None) -> None:
    assert runway(Decimal(spendable), rate) == seconds
