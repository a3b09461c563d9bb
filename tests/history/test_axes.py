"""Round numbers on an axis, for any amounts."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.formatting import MINUS
from evolink_nb.history.charts.axes import Axis

amounts = st.decimals(-(10**15), 10**15, allow_nan=False, allow_infinity=False, places=4)


@given(amounts, amounts)
def test_an_axis_holds_what_is_drawn_on_it(one: Decimal, other: Decimal) -> None:
    low, high = sorted((one, other))
    axis = Axis.over(low, high)
    assert axis.low <= low + Decimal("0.000001")
    assert axis.high >= high - Decimal("0.000001")
    assert 2 <= len(axis.ticks) <= 7
    assert (axis.ticks[0], axis.ticks[-1]) == (axis.low, axis.high)
    steps = {later - earlier for earlier, later in pairwise(axis.ticks)}
    assert len(steps) == 1
    assert steps.pop().normalize().as_tuple().digits in {(1,), (2,), (5,)}
    assert axis.position(axis.low) == 0
    assert axis.position(axis.high) == 1
    assert len({axis.label(tick) for tick in axis.ticks}) == len(axis.ticks)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        ("0", "1095.3996", ["0", "500", "1,000", "1,500"]),
        ("0", "0", ["0", "0.5", "1"]),
        ("0", "7", ["0", "2", "4", "6", "8"]),
        ("-12.5", "40", [f"{MINUS}20", "0", "20", "40"]),
        ("-5", "-5", [f"{MINUS}6", f"{MINUS}4", f"{MINUS}2", "0"]),
        ("1090", "1095", ["1,090", "1,092", "1,094", "1,096"]),
        ("0", "0.0003", ["0", "0.0001", "0.0002", "0.0003"]),
        ("0", "0.1", ["0", "0.05", "0.1"]),
    ],
)
def test_ticks_are_round_numbers(low: str, high: str, labels: list[str]) -> None:
    axis = Axis.over(Decimal(low), Decimal(high))
    assert [axis.label(tick) for tick in axis.ticks] == labels
    assert axis.unit == "credits"


@pytest.mark.parametrize(
    ("high", "unit", "label"),
    [
        ("7000000", "credits", "8,000,000"),
        ("20000000", "million credits", "20"),
        ("30000000000", "billion credits", "30"),
        ("4e15", "trillion credits", "4,000"),
    ],
)
def test_large_amounts_have_short_labels(high: str, unit: str, label: str) -> None:
    axis = Axis.over(Decimal(0), Decimal(high))
    assert axis.unit == unit
    assert label in {axis.label(tick) for tick in axis.ticks}
