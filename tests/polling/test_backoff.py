"""The plan for the next try, case by case. Every time is in seconds of one clock."""

from __future__ import annotations

import math
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
EVENTS = ["succeeded", "failed", "limited", "permanent", "restart", "reschedule"]
FAILURE = errors.APIConnectionError("unreachable")


def lowest(low: float, _high: float) -> float:
    return low


def highest(_low: float, high: float) -> float:
    return high


def until_next(plan: Backoff, now: float, *, requested: bool = False) -> float:
    """The seconds until the next try; infinite where only a request brings it about."""
    return plan.next_at(requested=requested) - now


def make_plan(jitter: Callable[[float, float], float] = lowest) -> Backoff:
    return Backoff(START, jitter=jitter)


def rate_limited(retry_after: float | None) -> errors.EvoLinkError:
    return errors.RateLimitError("slow down", status=429, retry_after=retry_after)


def waits(plan: Backoff, now: float) -> tuple[float, float, float]:
    """The seconds until the next try, until one that is requested, and until the server allows one."""
    return until_next(plan, now), until_next(plan, now, requested=True), plan.retry_after_left(now)


def test_the_first_try_is_due_at_once() -> None:
    assert waits(make_plan(), START) == (0, 0, 0)


@pytest.mark.parametrize(
    ("later", "left"),
    [(0, 15), (2, 13), (10, 5), (15, 0), (20, -5)],
)
def test_the_interval_counts_from_starts(later: float, left: float) -> None:
    plan = make_plan()
    plan.succeeded(START, 15)
    assert until_next(plan, START + later) == left
    assert until_next(plan, START + later, requested=True) == -later
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
def test_failures_wait_longer_each_time(interval: float, pauses: list[float]) -> None:
    for jitter, factor in ((lowest, 1.0), (highest, 1.25)):
        plan, now = make_plan(jitter), START
        for pause in pauses:
            plan.failed(now, now + 1, interval, FAILURE)
            assert until_next(plan, now + 1) == pytest.approx(pause * factor)
            # It may be requested meanwhile: there was no Retry-After.
            assert until_next(plan, now + 1, requested=True) == 0
            assert plan.retry_after_left(now + 1) == 0
            now += 1 + pause * factor


def test_a_reading_ends_backing_off() -> None:
    plan = make_plan()
    for _ in range(5):
        plan.failed(START, START, 15, FAILURE)
    plan.succeeded(START, 15)
    assert waits(plan, START) == (15, 0, 0)
    plan.failed(START + 15, START + 15, 15, FAILURE)
    assert until_next(plan, START + 15) == 15


@pytest.mark.parametrize(
    ("retry_after", "next_try", "left"),
    [(None, 15, 0), (0.0, 15, 0), (5.0, 15, 5), (60.0, 60, 60), (86_400.0, 86_400, 86_400)],
)
def test_retry_after_is_kept(retry_after: float | None, next_try: float, left: float) -> None:
    plan = make_plan()
    plan.failed(START - 3, START, 15, rate_limited(retry_after))
    assert waits(plan, START) == (next_try, left, left)
    assert waits(plan, START + 4) == (next_try - 4, left - 4, max(left - 4, 0))


def test_a_restart_keeps_retry_after() -> None:
    plan = make_plan()
    plan.failed(START, START, 15, rate_limited(60))
    plan.restart(START + 10)
    assert waits(plan, START + 10) == (50, 50, 50)
    plan.restart(START + 70)
    assert waits(plan, START + 70) == (0, -10, 0)


@pytest.mark.parametrize("error", PERMANENT_ERRORS, ids=lambda error: error.__name__)
def test_permanent_errors_wait_for_a_request(error: type[errors.APIStatusError]) -> None:
    plan = make_plan()
    plan.failed(START, START + 1, 15, error("no", status=402))
    assert waits(plan, START + 1) == (math.inf, 0, 0)
    assert waits(plan, START + 1e6)[0] == math.inf
    plan.reschedule(5, START + 2)
    assert until_next(plan, START + 2) == math.inf
    plan.restart(START + 3)
    assert until_next(plan, START + 3) == 0


@pytest.mark.parametrize("error", PERMANENT_ERRORS, ids=lambda error: error.__name__)
def test_probes_follow_permanent_errors(error: type[errors.APIStatusError]) -> None:
    """For a subscriber that must be served: ever more slowly, and never very slowly."""
    plan, now, pauses = make_plan(), START, []
    for _ in range(7):
        plan.failed(now, now, 0.2, error("no", status=402))
        pauses.append(plan.next_at(requested=False, probes=True) - now)
        assert plan.next_at(requested=False) == math.inf
        now += pauses[-1]
    assert pauses == [2, 4, 8, 16, 30, 30, 30]
    plan.succeeded(now, 0.2)
    assert plan.next_at(requested=False, probes=True) == pytest.approx(now + 0.2)


def test_probes_respect_a_retry_after() -> None:
    plan = make_plan()
    plan.failed(START, START, 1, rate_limited(60))
    assert plan.next_at(requested=False, probes=True) == START + 60


def test_retry_after_ends_with_an_answer() -> None:
    plan = make_plan()
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
def test_reschedule_counts_from_last_start(interval: float, now: float, left: float) -> None:
    plan = make_plan()
    plan.succeeded(START, 15)
    plan.reschedule(interval, START + now)
    assert until_next(plan, START + now) == left


def test_reschedule_leaves_a_backoff() -> None:
    plan = make_plan()
    plan.failed(START, START, 15, FAILURE)
    plan.failed(START + 15, START + 15, 15, FAILURE)
    plan.reschedule(1, START + 16)
    assert until_next(plan, START + 16) == 29


def test_reschedule_leaves_what_is_due() -> None:
    plan = make_plan()
    plan.reschedule(3600, START)
    assert until_next(plan, START) == 0


@given(
    st.lists(
        st.sampled_from(["succeeded", "failed", "limited", "permanent", "restart", "reschedule"]), max_size=30
    ),
    st.floats(0.1, 7200),
    st.integers(),
)
def test_any_course_keeps_the_bounds(events: list[str], interval: float, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - a test's course, not a secret
    plan, now, allowed_at = make_plan(draw.uniform), START, START
    longest = 1.25 * max(interval, MAX_PAUSE)
    for event in events:
        now += draw.uniform(0, 2 * interval)
        if event == "succeeded":
            plan.succeeded(now, interval)
            allowed_at = now
        elif event == "restart":
            plan.restart(now)
        elif event == "reschedule":
            plan.reschedule(interval, now)
        else:
            allowed_at = now + (40.0 if event == "limited" else 0.0)
            problem = {
                "failed": FAILURE,
                "limited": rate_limited(40),
                "permanent": errors.AuthenticationError("no", status=401),
            }
            plan.failed(now, now, interval, problem[event])
        wait = until_next(plan, now)
        assert plan.retry_after_left(now) == pytest.approx(max(allowed_at - now, 0))
        if wait != math.inf:
            assert now + max(wait, 0) >= allowed_at - 1e-6
            assert wait <= max(longest, 40.0) + 1e-6
