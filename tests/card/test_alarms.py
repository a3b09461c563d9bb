"""Limits as users write them, and the level of a reading."""

from __future__ import annotations

from decimal import Context, Decimal, FloatOperation, Inexact, Rounded, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.card.alarms import AlarmLatch, Limits, Threshold
from tests.support.readings import reading

# -- limits as users write them ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "credits"),
    [
        (50, "50"),
        ("50", "50"),
        (" 12.5 ", "12.5"),
        (0.1, "0.1"),
        (Decimal("7.10"), "7.1"),
        (Decimal("1E+3"), "1000"),
        (1e-05, "0.00001"),
        (1e16, "1" + "0" * 16),
        (".5", "0.5"),
    ],
)
def test_a_bare_number_is_credits(limit: Any, credits: str) -> None:
    assert Threshold.parse(limit) == Threshold(credits=Decimal(credits))


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("30 min", 1800),
        ("2h", 7200),
        (" 1.5 h ", 5400),
        ("1d", 86_400),
        ("0.5d", 43_200),
    ],
)
def test_a_number_with_a_unit_is_a_runway(limit: str, seconds: float) -> None:
    assert Threshold.parse(limit) == Threshold(seconds=seconds)


@pytest.mark.parametrize(
    "limit",
    [
        *("", " ", "low", "h", "2 weeks", "2H", "-5", "0", "0h", "1.2.3", ".", "1,000", "1e3", "50 credits"),
        *("nan", "inf", "\u0665", "5\n6", "2h 30min"),
        *(0, -1, 0.0, float("nan"), float("inf"), Decimal(-1), Decimal("NaN"), True, None, [50], object()),
    ],
)
def test_other_limits_are_refused_by_name(limit: Any) -> None:
    with pytest.raises(ValueError, match="is not a limit: write 50 or 2h") as refused:
        Threshold.parse(limit)
    assert str(refused.value).startswith(repr(limit))
    for limits in [(limit, None), (None, limit)]:
        if limit is not None:
            with pytest.raises(ValueError, match="is not a limit"):
                Limits.parse(*limits)


@given(st.text(max_size=20) | st.floats() | st.decimals(allow_nan=True) | st.integers())
def test_a_limit_is_read_or_refused(limit: Any) -> None:
    try:
        threshold = Threshold.parse(limit)
    except ValueError:
        return
    amount = threshold.seconds if threshold.credits is None else threshold.credits
    assert (threshold.credits is None) != (threshold.seconds is None)
    assert amount is not None
    assert amount > 0


@pytest.mark.parametrize(
    ("warn_below", "critical_below", "words"),
    [
        (None, None, ""),
        (50, None, "low below 50"),
        (None, "30 min", "very low below 30 min"),
        (1250.5, "1.5h", "low below 1,250.5, very low below 1 h 30 min"),
    ],
)
def test_limits_read_well(warn_below: Any, critical_below: Any, words: str) -> None:
    assert str(Limits.parse(warn_below, critical_below)) == words


# -- levels --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spendable", "runway", "level"),
    [
        ("100", None, "ok"),
        ("100", 5.0, "ok"),
        ("99.9999", None, "low"),
        ("10", None, "low"),
        ("9.9999", None, "critical"),
        ("0", None, "critical"),
        ("-0.0001", None, "overdrawn"),
    ],
)
def test_credit_limits_look_at_the_spendable(spendable: str, runway: float | None, level: str) -> None:
    limits = Limits.parse(100, 10)
    assert limits.level_of(reading(user=spendable), runway) == level
    assert limits.level_of(reading(token=spendable), runway) == level
    assert limits.level_of(reading(token=spendable, unlimited=True), runway) == "ok"


@pytest.mark.parametrize(
    ("runway", "level"),
    [(None, "ok"), (7200.0, "ok"), (7199.9, "low"), (1800.0, "low"), (1799.9, "critical"), (0.0, "critical")],
)
def test_time_limits_look_at_the_runway(runway: float | None, level: str) -> None:
    assert Limits.parse("2h", "30 min").level_of(reading(), runway) == level


@pytest.mark.parametrize(
    ("spendable", "warn_below", "level"),
    [
        ("10", None, "ok"),
        ("10", 10, "ok"),
        ("9.9999", 10, "low"),
        ("9.9999", Decimal(10), "low"),
        ("9.9999", 9.99, "ok"),
        ("0", None, "critical"),
        ("0", 10, "critical"),
        ("-0.0001", None, "overdrawn"),
        ("-5", 10, "overdrawn"),
    ],
)
def test_the_level_follows_the_spendable(
    spendable: str, warn_below: Decimal | float | None, level: str
) -> None:
    limits = Limits.parse(warn_below, None)
    assert limits.level_of(reading(user=spendable)) == level
    assert limits.level_of(reading(token=spendable)) == level
    assert limits.level_of(reading(token=spendable, unlimited=True)) == "ok"


def test_the_worse_of_two_limits_counts() -> None:
    limits = Limits.parse(100, "30 min")
    assert limits.level_of(reading(user="99"), 1000) == "critical"
    assert limits.level_of(reading(user="101"), 1000) == "critical"
    assert limits.level_of(reading(user="99"), 2000) == "low"
    assert Limits.parse("30 min", 100).level_of(reading(user="99"), None) == "critical"


def test_without_limits_only_empty_is_bad() -> None:
    levels = [Limits().level_of(reading(user=left), 1.0) for left in ("0.0001", "0", "-0.0001")]
    assert levels == ["ok", "critical", "overdrawn"]


@pytest.mark.parametrize(
    "context", [Context(prec=3), Context(prec=3, traps=[Inexact, Rounded, FloatOperation])]
)
def test_the_ambient_context_changes_nothing(context: Context) -> None:
    limits = Limits.parse("1000.0001", 12.3456)
    with localcontext(context):
        assert Limits.parse("1000.0001", 12.3456) == limits
        levels = [limits.level_of(reading(user=left)) for left in ("1000.0001", "1000", "12.3456", "12.3455")]
        assert levels == ["ok", "low", "low", "critical"]
        assert AlarmLatch().update(limits, reading(user="1100.0001"), None) is None
        assert str(limits) == "low below 1,000.0001, very low below 12.3456"


def test_dust_crosses_no_limit() -> None:
    """A gateway that computes in doubles answers a hair less than 100."""
    assert Limits.parse(100, None).level_of(reading(user="99.99999999999999")) == "ok"
