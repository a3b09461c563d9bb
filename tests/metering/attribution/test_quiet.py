"""How long an account must rest: learned from its lags, and never less than the setting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.metering.attribution.quiet import (
    LAG_MARGIN,
    LAGS_KEPT,
    MAX_QUIET,
    QUIET,
    QuietTime,
    QuietTimes,
)

settings = st.floats(0, 60)
lags = st.lists(st.floats(0, 120), max_size=8)


def learned(setting: float, seen: list[float]) -> QuietTime:
    quiet = QuietTime(setting)
    for lag in seen:
        quiet.learn(lag)
    return quiet


def test_it_begins_with_the_default() -> None:
    assert QuietTime().seconds == QuietTimes().of("account").seconds == QUIET


@given(settings, lags)
def test_it_never_falls_below_its_setting(setting: float, seen: list[float]) -> None:
    assert setting <= learned(setting, seen).seconds <= max(setting, MAX_QUIET)


@given(settings, lags)
def test_what_is_learned_is_kept(setting: float, seen: list[float]) -> None:
    """However short later lags are: each one seen is outlasted, up to the most that is ever waited."""
    quiet, longest = QuietTime(setting), 0.0
    for lag in seen:
        quiet.learn(lag)
        assert quiet.seconds >= longest
        longest = quiet.seconds
        assert quiet.seconds >= min(lag, MAX_QUIET)


@given(settings, lags, st.randoms())
def test_the_order_of_lags_does_not_matter(setting: float, seen: list[float], chance: object) -> None:
    mixed = [*seen]
    chance.shuffle(mixed)  # type: ignore[attr-defined]  # one of Hypothesis's
    assert learned(setting, mixed).seconds == learned(setting, seen).seconds


@given(lags, st.data())
def test_what_was_not_its_own_is_unlearned(seen: list[float], data: st.DataObject) -> None:
    """In any order: what is left is as if those had never been seen."""
    quiet, left = learned(QUIET, seen), [*seen]
    for lag in data.draw(st.permutations(seen)):
        left.remove(lag)
        assert quiet.longest_without(lag) == max(left, default=0.0)
        quiet.unlearn(lag)
        assert quiet.longest_lag == max(left, default=0.0)


def test_only_so_many_lags_are_kept() -> None:
    seen = [float(lag) for lag in range(1000)]
    quiet = learned(QUIET, seen)
    for lag in reversed(seen[-LAGS_KEPT:]):
        quiet.unlearn(lag)
    assert quiet.longest_lag == seen[-LAGS_KEPT - 1]
    quiet.unlearn(quiet.longest_lag)
    assert quiet.longest_lag == 0


@given(st.floats(QUIET + 0.1, MAX_QUIET / LAG_MARGIN))
def test_a_longer_lag_is_outlasted(lag: float) -> None:
    assert learned(QUIET, [lag]).seconds > lag


@given(lags, settings, settings)
def test_accounts_keep_what_they_learned(seen: list[float], before: float, after: float) -> None:
    """Each its own, whatever the setting is changed to."""
    times = QuietTimes()
    times.begin_with(before)
    one, other = times.of("one"), times.of("other")
    for lag in seen:
        one.learn(lag)
    times.begin_with(after)
    assert times.of("one") is one
    assert one.seconds == learned(after, seen).seconds
    assert other.seconds == times.of("new").seconds == after
