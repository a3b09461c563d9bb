"""The plan for the next try, case by case. Every time is in seconds of one clock."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb import errors
from evolink_nb.polling.backoff import MAX_PAUSE, PERMANENT_ERRORS, Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

START = 1000.0
FAILURE = errors.APIConnectionError("unreachable")


def lowest(low: float, _high: float) -> float:
    return low


def highest(_low: float, high: float) -> float:
    return high


def schedule(jitter: Callable[[float, float], float] = lowest) -> Backoff:
    return Backoff(START, jitter=jitter)


def rate_limited(retry_after: float | None) -> errors.EvoLinkError:
    return errors.RateLimitError("slow down", status=429, retry_after=retry_after)


def waits(plan: Backoff, now: float) -> tuple[float | None, float | None, float]:
    """The seconds until the next try, until one that a person asks for, and until the server allows one."""
    return plan.seconds_left(now, asked=False), plan.seconds_left(now, asked=True), plan.retry_after_left(now)


def test_the_first_try_is_due_at_once() -> None:
    assert waits(schedule(), START) == (0, 0, 0)


@pytest.mark.parametrize(
    ("later", "left"),
    [(0, 15), (2, 13), (10, 5), (15, 0), (20, -5)],
)
def test_after_a_reading_the_next_is_due_one_interval_after_it_started(later: float, left: float) -> None:
    plan = schedule()
    plan.succeeded(START, 15)
    assert plan.seconds_left(START + later, asked=False) == left
    assert plan.seconds_left(START + later, asked=True) == -later
    assert plan.retry_after_left(START + later) == 0


@pytest.mark.parametrize(
    ("interval", "pauses"),
    [
        (15, [15, 30, 60, 120, 240, 300, 300]),
        (0.1, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 102.4]),
        (200, [200, 300, 300]),
        (3600, [3600, 3600]),
    ],
)
def test_failures_in_a_row_wait_longer_each_time(interval: float, pauses: list[float]) -> None:
    for jitter, factor in ((lowest, 1.0), (highest, 1.25)):
        plan, now = schedule(jitter), START
        for pause in pauses:
            plan.failed(now, now + 1, interval, FAILURE)
            assert plan.seconds_left(now + 1, asked=False) == pytest.approx(pause * factor)
            # A person may ask meanwhile: no server asked to be left alone.
            assert plan.seconds_left(now + 1, asked=True) == 0
            assert plan.retry_after_left(now + 1) == 0
            now += 1 + pause * factor


def test_a_reading_ends_the_backing_off() -> None:
    plan = schedule()
    for _ in range(5):
        plan.failed(START, START, 15, FAILURE)
    plan.succeeded(START, 15)
    assert waits(plan, START) == (15, 0, 0)
    plan.failed(START + 15, START + 15, 15, FAILURE)
    assert plan.seconds_left(START + 15, asked=False) == 15


@pytest.mark.parametrize(
    ("retry_after", "next_try", "peace"),
    [(None, 15, 0), (0.0, 15, 0), (5.0, 15, 5), (60.0, 60, 60), (86_400.0, 86_400, 86_400)],
)
def test_a_server_that_asks_for_peace_gets_it(
    retry_after: float | None, next_try: float, peace: float
) -> None:
    plan = schedule()
    plan.failed(START - 3, START, 15, rate_limited(retry_after))
    assert waits(plan, START) == (next_try, peace, peace)
    assert waits(plan, START + 4) == (next_try - 4, peace - 4, max(peace - 4, 0))


def test_starting_anew_does_not_break_the_peace() -> None:
    plan = schedule()
    plan.failed(START, START, 15, rate_limited(60))
    plan.restart(START + 10)
    assert waits(plan, START + 10) == (50, 50, 50)
    plan.restart(START + 70)
    assert waits(plan, START + 70) == (0, -10, 0)


@pytest.mark.parametrize("error", PERMANENT_ERRORS, ids=lambda error: error.__name__)
def test_what_needs_a_person_waits_for_one(error: type[errors.APIStatusError]) -> None:
    plan = schedule()
    plan.failed(START, START + 1, 15, error("no", status=402))
    assert waits(plan, START + 1) == (None, 0, 0)
    assert waits(plan, START + 1e6)[0] is None
    plan.follow(5, START + 2)
    assert plan.seconds_left(START + 2, asked=False) is None
    plan.restart(START + 3)
    assert plan.seconds_left(START + 3, asked=False) == 0


def test_a_peace_that_was_asked_for_ends_with_the_next_answer() -> None:
    plan = schedule()
    plan.failed(START, START, 15, rate_limited(600))
    plan.failed(START + 600, START + 601, 15, FAILURE)
    assert waits(plan, START + 601) == (30, 0, 0)
    plan.failed(START + 631, START + 631, 15, rate_limited(600))
    plan.succeeded(START + 1231, 15)
    assert waits(plan, START + 1231) == (15, 0, 0)


@pytest.mark.parametrize(
    ("interval", "now", "left"),
    [
        (5, 2, 3),
        (60, 2, 58),
        (1, 2, -1),  # overdue by the new cadence
        (60, 15, 0),  # due already: it stands
        (60, 20, -5),
    ],
)
def test_another_interval_counts_from_the_last_reading(interval: float, now: float, left: float) -> None:
    plan = schedule()
    plan.succeeded(START, 15)
    plan.follow(interval, START + now)
    assert plan.seconds_left(START + now, asked=False) == left


def test_another_interval_leaves_a_plan_made_after_a_failure() -> None:
    plan = schedule()
    plan.failed(START, START, 15, FAILURE)
    plan.failed(START + 15, START + 15, 15, FAILURE)
    plan.follow(1, START + 16)
    assert plan.seconds_left(START + 16, asked=False) == 29


def test_the_first_try_stands_whatever_the_interval() -> None:
    plan = schedule()
    plan.follow(3600, START)
    assert plan.seconds_left(START, asked=False) == 0


@given(
    st.lists(st.sampled_from(["succeeded", "failed", "limited", "person", "restart", "follow"]), max_size=30),
    st.floats(0.1, 7200),
    st.integers(),
)
def test_whatever_happens_the_peace_is_kept_and_no_try_is_far_off(
    events: list[str], interval: float, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311 - a test's course, not a secret
    plan, now, peaceful_until = schedule(draw.uniform), START, START
    longest = 1.25 * max(interval, MAX_PAUSE)
    for event in events:
        now += draw.uniform(0, 2 * interval)
        if event == "succeeded":
            plan.succeeded(now, interval)
            peaceful_until = now
        elif event == "restart":
            plan.restart(now)
        elif event == "follow":
            plan.follow(interval, now)
        else:
            peaceful_until = now + (40.0 if event == "limited" else 0.0)
            problem = {
                "failed": FAILURE,
                "limited": rate_limited(40),
                "person": errors.AuthenticationError("no", status=401),
            }
            plan.failed(now, now, interval, problem[event])
        left = plan.seconds_left(now, asked=False)
        assert plan.retry_after_left(now) == pytest.approx(max(peaceful_until - now, 0))
        if left is not None:
            assert now + max(left, 0) >= peaceful_until - 1e-6
            assert left <= max(longest, 40.0) + 1e-6
