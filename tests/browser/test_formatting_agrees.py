"""Numbers and times read the same in Python and in the browser."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from evolink_nb.formatting import format_amount, format_rate, format_time, plain_amount, shorten, sparkline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from playwright.sync_api import Page

# A batch goes to the browser at once: a few thousand numbers in all, and a short list when one differs.
batches = settings(max_examples=60)


def in_browser(page: Page, function: str, values: Sequence[Any]) -> list[str]:
    """What `card.js` makes of each value."""
    texts = page.evaluate("([name, values]) => values.map((value) => card[name](value))", [function, values])
    assert isinstance(texts, list)
    return texts


def agree(page: Page, function: str, values: Sequence[Any], ours: Callable[[Any], str]) -> None:
    theirs = dict(zip(values, in_browser(page, function, values), strict=True))
    assert theirs == {value: ours(value) for value in values}


def decimal(number: float) -> Decimal:
    """The number as its shortest digits say, which is what the kernel had before it became a float."""
    return Decimal(repr(number))


amounts = (
    st.decimals(-(10**10), 10**10, places=4).map(float)
    | st.decimals(-1000, 1000, places=5).map(float)
    | st.floats(-1e6, 1e6)
    | st.floats(-1e-3, 1e-3)
    | st.floats(-1e20, 1e20)
)


@given(st.lists(amounts, min_size=1, max_size=200))
@example([0.0, -0.0, 5e-324, -5e-324, 0.00005, 0.000049999, -0.00005, 0.0001, 1e-7, 999.99995, 999999.99999])
@example([1231.30445, -1231.30445, 0.00015, 0.00025, 2.00005, 8.00015, 1e15 + 0.3, 123456789012.34565])
@example([1e30, -922337203685477.5807, 9.2e18, 1e21, 1095.3996, 99416.4429, -12.5, 100.0, 7.1])
@batches
def test_amounts_read_the_same(card_js: Page, numbers: list[float]) -> None:
    agree(card_js, "formatAmount", numbers, lambda number: format_amount(decimal(number)))


@given(st.lists(amounts, min_size=1, max_size=200))
@example(
    [999.9999, 1000.0, -1000.5, 999999.9999, 1e6, -1217283.9409, 1e9, 1e12, 1e15, 1e18, 1e20, 9.99999999e8]
)
@batches
def test_short_amounts_read_the_same(card_js: Page, numbers: list[float]) -> None:
    texts = [f"of {format_amount(decimal(number))}" for number in numbers]
    agree(card_js, "shorten", list(dict.fromkeys(texts)), shorten)


plain = (
    st.decimals(-(10**10), 10**10, places=4).map(float)
    | st.floats(-1e20, 1e20)
    | st.integers(-(2**53), 2**53)
)


@given(st.lists(plain, min_size=1, max_size=200))
@example([0.0, -0.0, 1e-5, 1e-6, 1e-7, 1.5e-10, 2.7755575615628914e-17, 5e-324, 123456789012345680.0])
@batches
def test_plain_numbers_agree(card_js: Page, numbers: list[float]) -> None:
    """To the twentieth decimal."""
    texts = in_browser(card_js, "plainAmount", numbers)
    for number, text in zip(numbers, texts, strict=True):
        ours = plain_amount(decimal(float(number)))
        assert "e" not in text
        if abs(number) >= 1e-6 or number == 0:
            assert text == ours
        else:
            assert math.isclose(float(text), number, abs_tol=1e-20)
        assert not ("." in text and text.endswith("0"))


times = st.floats(-10, 100_000) | st.integers(0, 10**9) | st.floats(0, 1e12)


@given(st.lists(times, min_size=1, max_size=200))
@example([-1, -0.5, 0, 0.9, 59, 59.999, 60, 3599, 3600, 3660, 5304, 86399, 86400, 89999, 90000, 1e7])
@batches
def test_durations_read_the_same(card_js: Page, seconds: list[float]) -> None:
    agree(card_js, "formatTime", seconds, format_time)


rates = (
    st.floats(1e-9, 1e-3)
    | st.floats(1e-3, 1e3)
    | st.floats(1e3, 1e9)
    # As the kernel sends them.
    | st.floats(1e-6, 1e3).map(lambda rate: float(f"{rate:.6g}"))
    | st.integers(1, 10**6).map(lambda number: number / 60_000)
)


@given(st.lists(rates, min_size=1, max_size=200))
@example([1 / 60, 0.016666666666666666, 0.0166666, 0.2065, 9.996 / 60, 999.6 / 60, 99995 / 60, 12.35 / 60])
@example([1.005 / 60, 1.0049 / 3600, 0.01675, 1e-7, 1.0e-12, 59.95, 16.658333333333335, 0.1, 1000 / 60])
@batches
def test_rates_read_the_same(card_js: Page, numbers: list[float]) -> None:
    agree(card_js, "formatRate", numbers, format_rate)


points = st.lists(
    st.tuples(
        st.integers(1_795_000_000_000, 1_795_000_900_000).map(float),
        st.decimals(-1000, 100_000, places=4).map(float) | st.integers(0, 8).map(float),
    ),
    max_size=60,
).map(sorted)


@given(st.lists(points, min_size=1, max_size=20))
@example(
    [[(float(number), float(number)) for number in range(17)], [(0.0, 1.0), (0.0, 1.0)], [(0.0, 1.0)], []]
)
@batches
def test_sparklines_agree(card_js: Page, series: list[list[tuple[float, float]]]) -> None:
    drawn = in_browser(card_js, "sparkline", [[list(point) for point in points] for points in series])
    assert drawn == [sparkline(points) for points in series]
