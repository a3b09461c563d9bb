"""Levels and alarms: what is low, and that each alarm fires once until the balance recovers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal, FloatOperation, Inexact, Rounded, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.card.alarms import LEVELS, REARM_MARGIN, Alarm, AlarmLatch, Limit, Limits, Threshold
from evolink_nb.credits import Credits, TokenCredits, UserCredits


def reading(
    spendable: Decimal | str = "1000",
    token: str = "99416.4429",  # noqa: S107 - a token's credits, not a password
    *,
    unlimited: bool = False,
) -> Credits:
    return Credits(
        TokenCredits(Decimal(token), Decimal("583.5571"), unlimited),
        UserCredits(Decimal(spendable), Decimal("135.9048")),
        datetime(2026, 11, 22, 12, 30, tzinfo=UTC),
    )


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
    assert limits.level_of(reading(spendable), runway) == level
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
    assert limits.level_of(reading(spendable)) == level
    assert limits.level_of(reading(token=spendable)) == level
    assert limits.level_of(reading(token=spendable, unlimited=True)) == "ok"


def test_the_worse_of_two_limits_counts() -> None:
    limits = Limits.parse(100, "30 min")
    assert limits.level_of(reading("99"), 1000) == "critical"
    assert limits.level_of(reading("101"), 1000) == "critical"
    assert limits.level_of(reading("99"), 2000) == "low"
    assert Limits.parse("30 min", 100).level_of(reading("99"), None) == "critical"


def test_without_limits_only_empty_is_bad() -> None:
    levels = [Limits().level_of(reading(left), 1.0) for left in ("0.0001", "0", "-0.0001")]
    assert levels == ["ok", "critical", "overdrawn"]


# -- alarms --------------------------------------------------------------------------------------------


def fired(
    limits: Limits, readings: Sequence[str | tuple[str, float | None]], latch: AlarmLatch | None = None
) -> list[str | None]:
    """The level of the alarm that each reading (what is left, and for how long) raises; None where none."""
    latch = latch or AlarmLatch()
    levels: list[str | None] = []
    for left in readings:
        spendable, runway = left if isinstance(left, tuple) else (left, None)
        alarm = latch.update(limits, reading(spendable), runway)
        assert alarm is None or alarm.credits == reading(spendable)
        levels.append(alarm.level if alarm else None)
    return levels


def test_one_level_fires_once() -> None:
    assert fired(Limits.parse(100, None), ["200", "99", "98", "50", "99"]) == [None, "low", None, None, None]


def test_each_worse_level_fires_once() -> None:
    left = ["99", "98", "9", "8", "50", "9", "-1", "-2", "5", "-1"]
    levels = fired(Limits.parse(100, 10), left)
    assert levels == ["low", None, "critical", None, None, None, "overdrawn", None, None, None]


def test_a_long_fall_fires_for_the_worst() -> None:
    assert fired(Limits.parse(100, 10), ["200", "5", "50"]) == [None, "critical", None]
    assert fired(Limits.parse(100, 10), ["-5", "5", "50"]) == ["overdrawn", None, None]


def test_only_recovery_arms_it_again() -> None:
    limits = Limits.parse(100, 10)
    # Above the critical limit is better, but not good; just above the limit is wavering.
    for not_good in ("11", "99.9999", "100", "109.9999"):
        assert fired(limits, ["9", not_good, "9"]) == ["critical", None, None], not_good
    assert fired(limits, ["9", "110", "99", "9"]) == ["critical", None, "low", "critical"]
    assert REARM_MARGIN == 1.1


def test_the_first_reading_may_fire() -> None:
    assert fired(Limits.parse(100, None), ["99"]) == ["low"]
    assert fired(Limits(), ["0", "-1", "0"]) == ["critical", "overdrawn", None]


def test_a_wavering_runway_fires_once() -> None:
    limits = Limits.parse("1h", None)
    wavering = [("900", 3590.0), ("899", 3610.0), ("898", 3950.0), ("897", 3500.0)]
    assert fired(limits, wavering) == ["low", None, None, None]
    assert fired(limits, [*wavering, ("9000", 3961.0), ("890", 3599.0)])[4:] == [None, "low"]


def test_an_unknown_runway_is_no_recovery() -> None:
    limits = Limits.parse("2h", "1h")
    assert fired(limits, [("9", None), ("9", 3000.0), ("9", None), ("9", 3000.0)]) == [
        None,
        "critical",
        None,
        None,
    ]
    assert fired(limits, [("9", 3000.0), ("900", None), ("900", 9e9), ("9", 3000.0)]) == [
        "critical",
        None,
        None,
        "critical",
    ]
    # A limit in credits needs no runway to be left behind.
    assert fired(Limits.parse(100, None), ["99", "200", "99"]) == ["low", None, "low"]


def test_armed_until_fired_and_when_recovered() -> None:
    limits, latch = Limits.parse(100, None), AlarmLatch()
    armed = [latch.armed]
    for left in ("200", "99", "105", "110"):
        latch.update(limits, reading(left), None)
        armed.append(latch.armed)
    assert armed == [True, True, False, False, True]


def test_changed_limits_apply_at_once() -> None:
    latch = AlarmLatch()
    assert fired(Limits.parse(100, None), ["150", "99"], latch) == [None, "low"]
    assert fired(Limits.parse(100, 99.5), ["99"], latch) == ["critical"]
    assert fired(Limits.parse(50, None), ["99"], latch) == [None]
    assert fired(Limits.parse(100, None), ["99"], latch) == ["low"]


amounts = st.decimals(-10, 300, places=1)
runways = st.none() | st.integers(0, 30_000)


@given(st.lists(st.tuples(amounts, runways), max_size=40), st.booleans())
def test_levels_fire_once_and_in_order(readings: list[tuple[Decimal, int | None]], by_time: bool) -> None:
    limits = Limits.parse(*(("2h", "30 min") if by_time else (100, 10)))
    latch = AlarmLatch()
    episode: list[str] = []
    for spendable, runway in readings:
        credits = reading(spendable)
        alarm = latch.update(limits, credits, runway)
        if alarm is not None:
            assert alarm.level == limits.level_of(credits, runway)
            episode.append(alarm.level)
        good = spendable > 0 and (runway or 0) >= 7920.001 if by_time else spendable >= 110
        if good:
            episode = []
        places = [LEVELS.index(level) for level in episode]
        assert places == sorted(set(places))
        # Whatever is bad has been told, as bad as it is or worse.
        worst = max(places, default=0)
        assert LEVELS.index(limits.level_of(credits, runway)) <= worst


@pytest.mark.parametrize(
    ("warn_below", "left", "runway", "message"),
    [
        (1000, "999", None, "Low: less than 1,000 credits left."),
        ("2h", "999", 5400.0, "Low: less than 2 h left at this rate."),
        (1000, "9", None, "Very low: less than 10 credits left."),
        ("2h", "9", 40.0, "Very low: less than 10 credits left."),
        (1000, "0", None, "Nothing is left to spend."),
        (1000, "-1234.5", None, "Overdrawn: more was spent than there was."),
    ],
)
def test_an_alarm_names_the_crossed_limit(
    warn_below: Limit, left: str, runway: float | None, message: str
) -> None:
    limits = Limits.parse(warn_below, 10)
    credits = reading(left)
    expected = Alarm(limits.level_of(credits, runway), credits, message)
    assert AlarmLatch().update(limits, credits, runway) == expected


@pytest.mark.parametrize(
    "context", [Context(prec=3), Context(prec=3, traps=[Inexact, Rounded, FloatOperation])]
)
def test_the_ambient_context_changes_nothing(context: Context) -> None:
    limits = Limits.parse("1000.0001", 12.3456)
    with localcontext(context):
        assert Limits.parse("1000.0001", 12.3456) == limits
        levels = [limits.level_of(reading(left)) for left in ("1000.0001", "1000", "12.3456", "12.3455")]
        assert levels == ["ok", "low", "low", "critical"]
        assert AlarmLatch().update(limits, reading("1100.0001"), None) is None
        assert str(limits) == "low below 1,000.0001, very low below 12.3456"


def test_dust_crosses_no_limit() -> None:
    """A gateway that computes in doubles answers a hair less than 100."""
    assert Limits.parse(100, None).level_of(reading("99.99999999999999")) == "ok"
