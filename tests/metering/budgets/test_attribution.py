"""Which of an account's spending is a budget's own, by receipts: against accounts whose calls are known."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.api.calls import Call
from evolink_nb.metering.budgets.by_receipts import KEPT, Attribution

amounts = st.decimals("0.1", "9", places=1)


def call(began_at: float, reserved: str | None = None, *, ended: bool = True) -> Call:
    """A call, answered at once unless it is still under way."""
    receipt = None if reserved is None else Decimal(reserved)
    return Call("account", began_at, began_at + 1 if ended else None, receipt)


def attribution_of(own: list[Call], others: list[Call]) -> Attribution:
    attribution = Attribution()
    for each in own:
        attribution.add(each, is_own=True)
    for each in others:
        attribution.add(each, is_own=False)
    return attribution


@dataclass
class Made:
    """A call as it was made: whose it is, what it costs, whether its answer has come and has a receipt."""

    is_own: bool
    price: Decimal
    is_answered: bool
    has_receipt: bool


made = st.builds(Made, st.booleans(), amounts, st.booleans(), st.booleans())


def attribution_and_spent(calls: list[Made]) -> tuple[Attribution, Decimal]:
    """The attribution of calls that were charged when they began, all seen by a reading at 100 s."""
    attribution = Attribution()
    for number, each in enumerate(calls):
        ended = float(number + 1) if each.is_answered else None
        receipt = each.price if each.is_answered and each.has_receipt else None
        attribution.add(Call("account", float(number), ended, receipt), is_own=each.is_own)
    return attribution, sum((each.price for each in calls), Decimal(0))


@given(st.lists(made, max_size=12), amounts)
def test_own_receipts_always_count(calls: list[Made], unguarded: Decimal) -> None:
    attribution, spent = attribution_and_spent(calls)
    receipts = [each.price for each in calls if each.is_own and each.is_answered and each.has_receipt]
    assert sum(receipts) <= attribution.own(spent + unguarded, 100) <= spent + unguarded


@given(st.lists(made, max_size=12), amounts)
def test_unguarded_spending_is_its_own(calls: list[Made], unguarded: Decimal) -> None:
    """Once all answers are there, all that isn't proven to be other work's counts."""
    answered = [Made(each.is_own, each.price, True, each.has_receipt) for each in calls]
    attribution, spent = attribution_and_spent(answered)
    others = [each.price for each in answered if not each.is_own and each.has_receipt]
    assert attribution.own(spent + unguarded, 100) == spent + unguarded - sum(others)


@given(st.lists(amounts, max_size=8), st.integers(1, 8))
def test_others_calls_are_not_its_own(own: list[Decimal], waiting: int) -> None:
    """Side by side: others' calls that are charged for and not answered yet are no dearer than its own."""
    price = max(own, default=Decimal(1))
    mine = [call(number, str(amount)) for number, amount in enumerate(own)]
    others = [call(50, ended=False) for _ in range(waiting)]
    attribution = attribution_of(mine, others)
    assert attribution.own(sum(own, Decimal(0)) + price * waiting, 100) == sum(own)


def test_a_call_after_the_reading_counts() -> None:
    attribution = attribution_of([call(1, "2"), call(11, "3")], [])
    assert attribution.own(Decimal(2), 10) == 5
    assert attribution.own(Decimal(5), 20) == 5


def test_a_reading_may_miss_a_charge() -> None:
    """Requested before a call ended, it shows the charge for it or not: the figure is the same."""
    attribution = attribution_of([call(1, "2"), call(8.5, "3")], [])
    assert attribution.own(Decimal(2), 10, 9) == 5
    assert attribution.own(Decimal(5), 10, 9) == 5
    # Settled for less, seen or not.
    assert attribution.own(Decimal(4), 20, 19) == 4


@given(st.lists(amounts, min_size=1, max_size=8), st.floats(0, 9), st.floats(0, 3))
def test_no_reading_lowers_own_receipts(prices: list[Decimal], requested_at: float, took: float) -> None:
    """Calls charged as they end, and a reading that shows what had ended when it was requested."""
    attribution = attribution_of([call(number, str(price)) for number, price in enumerate(prices)], [])
    shown = sum((price for number, price in enumerate(prices) if number + 1 <= requested_at), Decimal(0))
    assert attribution.own(shown, requested_at + took, requested_at) == sum(prices)


def test_others_after_the_reading_dont_count() -> None:
    attribution = attribution_of([], [call(11, "3"), call(12, ended=False)])
    assert attribution.own(Decimal(4), 10) == 4
    assert attribution.own(Decimal(7), 20) == 1


def test_without_receipts_none_is_explained() -> None:
    attribution = attribution_of([], [call(1), call(2, ended=False)])
    assert attribution.own(Decimal(4), 10) == 4
    assert attribution.is_blurred
    assert attribution.unexplained(Decimal(4), 10) == 4


def test_a_refused_call_says_no_price() -> None:
    attribution = attribution_of([call(1, "0")], [call(2, ended=False)])
    assert attribution.own(Decimal(4), 10) == 0


def test_a_call_found_twice_is_its_own() -> None:
    """One that was under way when the budget began to count, and turns out to be its own."""
    mine = call(1, "2")
    attribution = attribution_of([], [mine])
    attribution.add(mine, is_own=True)
    assert attribution.own(Decimal(2), 10) == 2


@given(st.booleans())
def test_many_calls_are_kept_as_sums(is_own: bool) -> None:
    attribution = Attribution()
    for number in range(3 * KEPT):
        attribution.add(call(number, "0.5"), is_own=is_own)
        attribution.own(Decimal(0), number + 2)
    spent = Decimal("0.5") * 3 * KEPT
    assert attribution.own(spent, 10_000) == (spent if is_own else 0)
    assert len(attribution._own.calls) + len(attribution._others.calls) <= KEPT + 2
    attribution.add(call(10_001), is_own=False)
    assert attribution.is_blurred
