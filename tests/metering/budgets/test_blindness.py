"""For how long a budget may be unable to read, decided without a thread, a server or a clock."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.errors import AuthenticationError, EvoLinkError
from evolink_nb.metering.budgets.blindness import Blindness, Sight

READ, FAIL, REFUSE, WAIT = "read", "fail", "refuse", "wait"


def started(max_blind: float = 30.0) -> Blindness:
    blindness = Blindness(max_blind, failures=3)
    blindness.start(0.0)
    return blindness


def observed(blindness: Blindness, what: str, now: float) -> Sight:
    """Have it observe one read."""
    error = {
        READ: None,
        FAIL: EvoLinkError("No answer."),
        REFUSE: AuthenticationError("Refused.", status=401),
        WAIT: EvoLinkError("Slow down."),
    }[what]
    return blindness.observe(error, now, has_read=what == READ, is_rate_limited=what == WAIT)


@pytest.mark.parametrize("what", [REFUSE, WAIT])
def test_some_failures_last_at_once(what: str) -> None:
    assert observed(started(), what, 1) is Sight.BLIND


def test_others_last_after_several() -> None:
    blindness = started()
    assert [observed(blindness, FAIL, now) for now in (1, 2, 3)] == [
        Sight.FAILING,
        Sight.FAILING,
        Sight.BLIND,
    ]
    assert observed(blindness, READ, 4) is Sight.SEEING
    assert observed(blindness, FAIL, 5) is Sight.FAILING


def test_the_same_failure_counts_once() -> None:
    blindness, error = started(), EvoLinkError("No answer.")
    for now in range(1, 10):
        sight = blindness.observe(error, now, has_read=False, is_rate_limited=False)
        assert sight is Sight.FAILING


def test_it_is_over_after_so_many_seconds() -> None:
    """As of the last reading, whenever the first failure was noticed."""
    blindness = started()
    observed(blindness, READ, 5)
    observed(blindness, REFUSE, 15)
    assert blindness.seconds_left(15) == 20
    assert observed(blindness, REFUSE, 34.9) is Sight.BLIND
    assert blindness.unread(34.9) is None
    assert observed(blindness, REFUSE, 35) is Sight.OVER
    unread = blindness.unread(36)
    assert unread is not None
    assert (unread.reason, unread.seconds) == ("Refused.", 31)


def test_a_process_held_up_is_not_blind() -> None:
    """One failure after a pause of the whole process says little; the next one tells."""
    blindness = started()
    assert observed(blindness, FAIL, 100) is Sight.FAILING
    assert observed(blindness, FAIL, 101) is Sight.OVER


def test_a_read_that_hangs_is_blindness() -> None:
    """Its one failure comes late, and none after it."""
    blindness, error = started(max_blind=5), EvoLinkError("No answer in time.")
    sights = [
        blindness.observe(error, now, has_read=False, is_rate_limited=False) for now in (10, 11, 12, 13)
    ]
    assert sights == [Sight.FAILING, Sight.FAILING, Sight.OVER, Sight.OVER]


def test_it_may_be_blind_for_ever() -> None:
    blindness = started(math.inf)
    observed(blindness, REFUSE, 1)
    assert observed(blindness, REFUSE, 1e9) is Sight.BLIND
    assert blindness.seconds_left(1e9) == math.inf


@given(st.lists(st.tuples(st.sampled_from([READ, FAIL, REFUSE, WAIT]), st.floats(0.01, 20)), max_size=40))
def test_it_is_over_only_without_a_reading(script: list[tuple[str, float]]) -> None:
    blindness, now, read_at, failures = started(), 0.0, 0.0, 0
    for what, pause in script:
        now += pause
        sight = observed(blindness, what, now)
        if what == READ:
            read_at, failures = now, 0
            assert sight is Sight.SEEING
        else:
            failures += 1
            assert sight is not Sight.SEEING
            assert (sight is not Sight.OVER) or now - read_at >= 30
            assert sight is Sight.OVER or now - read_at < 30 or failures == 1
        assert blindness.seconds(now) == pytest.approx(now - read_at)
