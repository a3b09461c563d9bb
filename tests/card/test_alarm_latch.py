"""Each alarm fires once until the balance recovers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.card.alarms import LEVELS, REARM_MARGIN, Alarm, AlarmLatch, Limit, Limits
from tests.support.readings import reading


def fired(
    limits: Limits, readings: Sequence[str | tuple[str, float | None]], latch: AlarmLatch | None = None
) -> list[str | None]:
    """The level of the alarm that each reading (what is left, and for how long) raises; None where none."""
    latch = latch or AlarmLatch()
    levels: list[str | None] = []
    for left in readings:
        spendable, runway = left if isinstance(left, tuple) else (left, None)
        alarm = latch.update(limits, reading(user=spendable), runway)
        assert alarm is None or alarm.credits == reading(user=spendable)
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


def test_armed_until_fired_or_recovered() -> None:
    limits, latch = Limits.parse(100, None), AlarmLatch()
    armed = [latch.armed]
    for left in ("200", "99", "105", "110"):
        latch.update(limits, reading(user=left), None)
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
        credits = reading(user=spendable)
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
        (1000, "-1234.5", None, "Overdrawn: more was spent than was available."),
    ],
)
def test_an_alarm_names_the_crossed_limit(
    warn_below: Limit, left: str, runway: float | None, message: str
) -> None:
    limits = Limits.parse(warn_below, 10)
    credits = reading(user=left)
    expected = Alarm(limits.level_of(credits, runway), credits, message)
    assert AlarmLatch().update(limits, credits, runway) == expected
