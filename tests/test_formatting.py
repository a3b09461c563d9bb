"""Rates and sparklines read well; `tests/browser` compares all of it with what the browser makes."""

from __future__ import annotations

from decimal import Context, Decimal, FloatOperation, Inexact, Rounded, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.formatting import format_amount, format_rate, format_time, plain_amount, sparkline

points = st.lists(
    st.tuples(
        st.integers(1_795_000_000_000, 1_795_000_900_000).map(float),
        st.decimals(-1000, 100_000, places=4).map(float) | st.integers(0, 8).map(float),
    ),
    max_size=60,
).map(sorted)


@given(points)
def test_a_sparkline_stays_in_its_box(points: list[tuple[float, float]]) -> None:
    path = sparkline(points)
    if len(points) < 2:
        assert path == ""
        return
    spots = [tuple(map(float, spot.split())) for spot in path.removeprefix("M").split("L")]
    assert len(spots) == len(points)
    assert all(0 <= x <= 100 and 4 <= y <= 36 for x, y in spots)
    assert spots[0][0] == 0
    heights = [amount for _, amount in points]
    if max(heights) > min(heights):
        assert spots[heights.index(max(heights))][1] == 4
        assert spots[heights.index(min(heights))][1] == 36
    else:
        assert {y for _, y in spots} == {20}


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        (1 / 60, "1 / min"),
        (0.2065, "12.4 / min"),
        (0.01, "36 / h"),
        (0.001, "3.6 / h"),
        (1.005 / 60, "1.01 / min"),
        (9.996 / 60, "10 / min"),
        (16.66, "1,000 / min"),
        (2000.0, "120,000 / min"),
        (1e-7, "0.00036 / h"),
    ],
)
def test_rates_have_three_figures(rate: float, shown: str) -> None:
    assert format_rate(rate) == shown


@given(st.floats(1e-9, 1e9))
def test_rates_are_near_the_true_rate(rate: float) -> None:
    amount, unit = format_rate(rate).replace(",", "").split(" / ")
    assert float(amount) / {"min": 60, "h": 3600}[unit] == pytest.approx(rate, rel=0.005001)


STRICT = Context(prec=3, traps=[Inexact, Rounded, FloatOperation])


@given(
    st.decimals(-(10**31), 10**31, allow_nan=False, places=6),
    st.floats(1e-9, 1e9),
    st.lists(st.tuples(st.floats(0, 1e12), st.floats(-1e9, 1e9)), max_size=5).map(sorted),
)
def test_the_ambient_context_changes_nothing(
    amount: Decimal, rate: float, points: list[tuple[float, float]]
) -> None:
    expected = [format_amount(amount), plain_amount(amount), format_rate(rate), sparkline(points)]
    with localcontext(STRICT):
        assert [
            format_amount(amount),
            plain_amount(amount),
            format_rate(rate),
            sparkline(points),
        ] == expected


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**31), max_value=10**31))
def test_four_decimals_are_shown_exactly(amount: Decimal) -> None:
    shown = format_amount(amount)
    assert Decimal(shown.replace(",", "").replace("\N{MINUS SIGN}", "-")) == amount
    assert "." not in shown or not shown.endswith("0")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-3, "0 s"),
        (0.9, "0 s"),
        (12.7, "12 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (5304, "1 h 28 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d"),
        (90_000, "1 d 1 h"),
        (1e7, "115 d 17 h"),
    ],
)
def test_times_have_their_two_largest_units(seconds: float, shown: str) -> None:
    assert format_time(seconds) == shown
