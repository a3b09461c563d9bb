"""Rates and sparklines read well; `tests/browser` compares all of it with what the browser makes."""

from __future__ import annotations

from decimal import Context, Decimal, FloatOperation, Inexact, Rounded, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.formatting import (
    MIN_SCALE,
    format_amount,
    format_rate,
    format_time,
    plain_amount,
    shorten,
    sparkline,
)

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
    high, low = (spots[heights.index(end)][1] for end in (max(heights), min(heights)))
    assert high + low == pytest.approx(40, abs=0.1)
    if max(heights) - min(heights) >= abs(heights[-1]) * MIN_SCALE and max(heights) > min(heights):
        assert (high, low) == (4, 36)
    elif max(heights) == min(heights):
        assert {y for _, y in spots} == {20}


def test_a_tiny_fall_is_drawn_as_no_crash() -> None:
    assert sparkline([(0.0, 1000.0003), (1.0, 1000.0)]) == "M0.0 20.0L100.0 20.0"
    assert sparkline([(0.0, 1005.0), (1.0, 1000.0)]) == "M0.0 12.0L100.0 28.0"
    assert sparkline([(0.0, 1010.0), (1.0, 1000.0)]) == "M0.0 4.0L100.0 36.0"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0", "0"),
        ("999.9999", "999.9999"),
        ("<0.0001", "<0.0001"),
        ("1,000", "1,000"),
        ("of 1,231.3044", "of 1,231"),
        ("\N{MINUS SIGN}1,234.5678", "\N{MINUS SIGN}1,234"),
        ("999,999.9999", "999,999"),
        ("1,217,283.9409", "1.217\N{NO-BREAK SPACE}M"),
        ("12,345,678,901.5", "12.345\N{NO-BREAK SPACE}B"),
        ("1,000,000,000,000", "1.000\N{NO-BREAK SPACE}T"),
        ("123,456,789,012,345,678", "123.456e15"),
        ("\N{INFINITY}", "\N{INFINITY}"),
        ("", ""),
    ],
)
def test_long_amounts_are_shortened(text: str, shown: str) -> None:
    assert shorten(text) == shown


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
