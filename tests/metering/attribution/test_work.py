"""What one stretch of work can have done, by when it called and when it waited."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.api.calls import Call
from evolink_nb.metering.attribution.work import MIN_PAID_CALL_SECONDS, Work, gaps_between

times = st.integers(0, 40)
spans = st.lists(st.tuples(times, times).map(sorted), max_size=6)


@given(spans, times, times)
def test_gaps_are_what_no_span_covers(spans: list[list[int]], one: int, other: int) -> None:
    begin, end = sorted((one, other))
    free = [second for second in range(begin, end) if not any(a <= second < b for a, b in spans)]
    beginnings = [second for second in free if second - 1 not in free]
    gaps = gaps_between([(start, stop) for start, stop in spans], begin, end)
    assert (sum(gaps), len(gaps)) == (len(free), len(beginnings))


def work(*calls: tuple[float, float], seconds: float, computed: float = 0.0) -> Work:
    """Work that began at 0 s, with guarded calls between these times."""
    made = [Call("account", begin, end, Decimal(1)) for begin, end in calls]
    return Work(0.0, ended=seconds, computed=computed, calls=made)


SHORT = MIN_PAID_CALL_SECONDS * 0.9
LONG = MIN_PAID_CALL_SECONDS * 1.1


@pytest.mark.parametrize(
    ("work", "is_guarded_only"),
    [
        (work(seconds=0.01), True),
        (work(seconds=0.05), False),
        (work(seconds=5.0, computed=5.0), True),
        (work((SHORT, 2), seconds=2 + SHORT), True),
        (work((LONG, 2), seconds=2), False),
        (work((LONG, 2), seconds=2, computed=LONG), True),
        (work((0, 1), (1 + LONG, 2), seconds=2), False),
        (work((0, 2), (1, 3), (3, 4), seconds=4 + LONG), False),
        # Many waits, each too short for another call: for the interpreter's lock, on a busy machine.
        (work(*((n + SHORT, n + 1) for n in range(50)), seconds=50), True),
    ],
)
def test_a_long_gap_may_hold_another_call(work: Work, *, is_guarded_only: bool) -> None:
    assert work.is_guarded_only is is_guarded_only


def test_running_work_may_still_call() -> None:
    assert not Work(0.0).is_guarded_only
