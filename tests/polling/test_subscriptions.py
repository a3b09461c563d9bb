"""What subscribers want, and the cadence that follows: no thread, no clock."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.polling.subscriptions import HIDDEN_INTERVAL, MIN_INTERVAL, Subscriptions


def made(*intervals: float) -> Subscriptions:
    """Subscribers named 0, 1, …, each with its interval."""
    subscriptions = Subscriptions()
    for name, interval in enumerate(intervals):
        subscriptions.add(name, interval)
    return subscriptions


def test_without_subscribers() -> None:
    none = made()
    assert (bool(none), none.shortest_interval, none.is_paused) == (False, None, False)
    assert none.cadence(15) == 15
    assert not none.remove("a stranger")


def test_the_shortest_interval_counts() -> None:
    subscriptions = made(60, 5, 10)
    assert subscriptions.shortest_interval == 5
    assert subscriptions.remove(1)
    assert (len(subscriptions), subscriptions.shortest_interval) == (2, 10)


def test_no_interval_is_too_short() -> None:
    assert made(0, 5).shortest_interval == MIN_INTERVAL


@pytest.mark.parametrize("interval", [math.inf, math.nan, -math.inf])
def test_an_interval_without_end_is_refused(interval: float) -> None:
    subscriptions = made(5)
    with pytest.raises(ValueError, match="interval must be at least"):
        subscriptions.add("another", interval)
    assert (len(subscriptions), subscriptions.shortest_interval) == (1, 5)


def test_a_hidden_subscriber_stays_hidden() -> None:
    """A budget changes its interval at each reading, a card while it is hidden."""
    subscriptions = made(5)
    subscriptions.set_visible(0, visible=False)
    subscriptions.add(0, 1)
    assert subscriptions.cadence(1) == HIDDEN_INTERVAL
    subscriptions.remove(0)
    subscriptions.add(0, 1)
    assert subscriptions.cadence(1) == 1


def test_one_in_sight_keeps_the_cadence() -> None:
    subscriptions = made(5, 5)
    subscriptions.set_visible(0, visible=False)
    assert subscriptions.cadence(5) == 5
    subscriptions.set_visible(1, visible=False)
    assert subscriptions.cadence(5) == HIDDEN_INTERVAL
    assert subscriptions.cadence(3600) == 3600
    subscriptions.set_visible(0, visible=True)
    assert subscriptions.cadence(5) == 5


def test_a_hidden_interval_is_not_in_force() -> None:
    """The card that a cell's new one has replaced, say, until it is closed."""
    subscriptions = made(1, 30)
    assert subscriptions.set_visible(0, visible=False)
    assert subscriptions.shortest_interval == 30
    # With all of them hidden, whichever is seen next finds its own.
    assert subscriptions.set_visible(1, visible=False)
    assert subscriptions.shortest_interval == 1
    assert not subscriptions.set_visible(0, visible=True)


def test_strangers_are_not_seen_or_hidden() -> None:
    subscriptions = made(5)
    subscriptions.set_visible("a stranger", visible=False)
    assert "a stranger" not in subscriptions
    assert subscriptions.cadence(5) == 5


def test_one_that_ignores_pauses_lifts_them() -> None:
    subscriptions = made(5)
    subscriptions.paused = True
    paused = [subscriptions.is_paused]
    subscriptions.add("budget", 1, ignores_pause=True)
    paused.append(subscriptions.is_paused)
    subscriptions.remove("budget")
    paused.append(subscriptions.is_paused)
    assert paused == [True, False, True]


def test_budgets_and_fresh_ones_are_fresh() -> None:
    subscriptions, found = made(60), []
    for options in ({}, {"is_fresh": True}, {}, {"ignores_pause": True}):
        subscriptions.add("a card", 60, **options)
        found.append((subscriptions.are_fresh, subscriptions.must_be_served))
    assert found == [(False, False), (True, False), (False, False), (True, True)]


def test_a_pause_ends_with_its_subscribers() -> None:
    subscriptions = made(5)
    subscriptions.paused = True
    subscriptions.clear()
    assert (len(subscriptions), subscriptions.is_paused) == (0, False)


def test_hidden_interval_is_over_a_minute() -> None:
    assert HIDDEN_INTERVAL > 60


names = st.integers(0, 3)
changes = st.one_of(
    st.tuples(st.just("add"), names, st.floats(0, 1000), st.booleans()),
    st.tuples(st.just("remove"), names),
    st.tuples(st.just("visible"), names, st.booleans()),
)


@given(st.lists(changes, max_size=20), st.floats(MIN_INTERVAL, 1000))
def test_any_course_agrees_with_its_records(course: list[tuple[object, ...]], interval: float) -> None:
    subscriptions, expected = Subscriptions(), dict[object, list[object]]()
    subscriptions.paused = True
    for change in course:
        match change:
            case ("add", name, float(seconds), bool(ignores)):
                subscriptions.add(name, seconds, ignores_pause=ignores)
                visible = expected[name][1] if name in expected else True
                expected[name] = [max(seconds, MIN_INTERVAL), visible, ignores]
            case ("remove", name):
                assert subscriptions.remove(name) is (expected.pop(name, None) is not None)
            case ("visible", name, bool(visible)):
                subscriptions.set_visible(name, visible=visible)
                if name in expected:
                    expected[name][1] = visible
    intervals, visibles, ignoring = zip(*expected.values(), strict=True) if expected else ((), (True,), ())
    wanted = [each for each, visible in zip(intervals, visibles, strict=False) if visible] or intervals
    assert subscriptions.shortest_interval == min(wanted, default=None)
    assert subscriptions.is_paused is not any(ignoring)
    assert subscriptions.cadence(interval) == (interval if any(visibles) else max(interval, HIDDEN_INTERVAL))
