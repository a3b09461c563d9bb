"""What is shown of one half, decided without a page."""

from __future__ import annotations

from decimal import Context, Decimal, FloatOperation, Inexact, Rounded, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.card.gauge import Gauge
from evolink_nb.credits import Credits, TokenCredits, UserCredits
from tests.support.clock import BEGINNING
from tests.support.readings import reading

STRICT = Context(prec=3, traps=[Inexact, Rounded, FloatOperation])


def gauge(remaining: str | Decimal, used: str | Decimal) -> Gauge:
    """The gauge of an account."""
    user = UserCredits(Decimal(remaining), Decimal(used))
    return Gauge.of(Credits(TokenCredits(Decimal(0), Decimal(0), unlimited=True), user, BEGINNING), "user")


def test_before_a_reading_it_is_empty() -> None:
    assert (Gauge.of(None, "user"), Gauge.of(None, "token")) == (Gauge(binding=True), Gauge())
    assert (Gauge().remaining, Gauge().share, Gauge().spoken) == ("", "0", "not read yet")


def test_the_documented_example() -> None:
    assert Gauge.of(reading(), "user") == Gauge(
        binding=True,
        remaining="1,095.3996",
        remaining_value=Decimal("1095.3996"),
        unit="credits left",
        total="1,231.3044",
        used="135.9048",
        used_value=Decimal("135.9048"),
        share="89",
        maximum="1231.3044",
        now="1095.3996",
        spoken="1,095.3996 of 1,231.3044 credits left",
    )


def test_an_unlimited_key_has_an_empty_bar() -> None:
    shown = Gauge.of(reading(token="-922337203685477.5807", unlimited=True), "token")
    assert (shown.remaining, shown.remaining_value, shown.total) == ("∞", None, "")
    assert (shown.share, shown.now, shown.maximum, shown.spoken) == ("0", "0", "1", "no limit of its own")
    assert (shown.used, shown.binding) == ("583.5571", False)


@pytest.mark.parametrize(
    ("remaining", "used", "share", "now", "maximum", "unit"),
    [
        ("0", "0", "0", "0", "1", "credits left"),
        ("0", "5", "0", "0", "5", "credits left"),
        ("5", "0", "100", "5", "5", "credits left"),
        ("1", "2", "33.3", "1", "3", "credits left"),
        ("2", "1", "66.7", "2", "3", "credits left"),
        ("0.25", "99.75", "0.3", "0.25", "100", "credits left"),  # a tie goes up
        ("-1", "5", "0", "0", "4", "overdrawn"),
        ("-5", "1", "0", "0", "1", "overdrawn"),
        ("9", "-4", "100", "9", "9", "credits left"),
    ],
)
def test_the_bar_and_the_meter(
    remaining: str, used: str, share: str, now: str, maximum: str, unit: str
) -> None:
    shown = gauge(remaining, used)
    assert (shown.share, shown.now, shown.maximum, shown.unit) == (share, now, maximum, unit)


amounts = st.decimals(-(10**30), 10**30, allow_nan=False, places=6) | st.decimals(-1000, 1000, places=4)


@given(amounts, amounts)
def test_the_share_is_exact(remaining: Decimal, used: Decimal) -> None:
    shown = gauge(remaining, used)
    total = Fraction(remaining) + Fraction(used)
    exact = min(max(Fraction(remaining) / total, Fraction(0)), Fraction(1)) if total > 0 else Fraction(0)
    assert abs(Fraction(shown.share) - exact * 100) <= Fraction("0.05")
    assert 0 <= Decimal(shown.now) <= Decimal(shown.maximum)


@given(amounts, amounts)
def test_the_ambient_context_changes_nothing(remaining: Decimal, used: Decimal) -> None:
    expected = gauge(remaining, used)
    with localcontext(STRICT):
        assert gauge(remaining, used) == expected
