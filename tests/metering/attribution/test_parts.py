"""How a movement that can belong to several stretches of work is put down to them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.api.calls import Call
from evolink_nb.credits import total
from evolink_nb.metering.attribution.parts import parts_of
from evolink_nb.metering.attribution.work import Work

CENTS = st.integers(1, 10_000).map(lambda units: Decimal(units) / 100)


def test_a_charge_is_its_likeliest() -> None:
    first, second = Work(0.0), Work(1.0)
    assert parts_of([(Decimal(3), (second, first))]) == [{second: 3, first: 0}]


def test_a_fall_is_spread_over_charges() -> None:
    first, second = Work(0.0), Work(1.0)
    charges = [(Decimal(1), (first,)), (Decimal(3), (second,))]
    assert parts_of([*charges, (Decimal(-2), (first, second))])[-1] == {
        first: Decimal("-0.5"),
        second: Decimal("-1.5"),
    }


def test_receipts_are_the_last_to_fall() -> None:
    """A chat reserves the most it may cost and tells no price; an image tells its price."""
    image, chat = Work(0.0), Work(1.0)
    image.calls.append(_call(Decimal(1)))
    charges = [(Decimal(1), (image,)), (Decimal("2.4"), (chat,))]
    assert parts_of([*charges, (Decimal("-1.9"), (image, chat))])[-1] == {image: 0, chat: Decimal("-1.9")}
    assert parts_of([*charges, (Decimal("-2.9"), (image, chat))])[-1] == {
        image: Decimal("-0.5"),
        chat: Decimal("-2.4"),
    }


def test_no_candidate_has_no_part() -> None:
    assert parts_of([(Decimal(3), ())]) == [{}]


@given(st.lists(CENTS, min_size=2, max_size=8), st.data())
def test_parts_add_up_and_none_is_below_0(charges: list[Decimal], data: st.DataObject) -> None:
    works = [Work(float(number)) for number in range(len(charges))]
    movements: list[tuple[Decimal, Sequence[Work]]] = [
        (charge, (work,)) for charge, work in zip(charges, works, strict=True)
    ]
    left = total(charges)
    for _ in range(data.draw(st.integers(1, 4))):
        fall = min(data.draw(CENTS), left)
        left = total((left, -fall))
        movements.append((-fall, tuple(data.draw(st.permutations(works)))))
    found = parts_of(movements)
    assert [total(parts.values()) for parts in found] == [amount for amount, _ in movements]
    sums = {work: total(parts.get(work, Decimal(0)) for parts in found) for work in works}
    assert min(sums.values()) >= 0


def _call(reserved: Decimal) -> Call:
    call = Call("key")
    call.reserved = reserved
    return call
