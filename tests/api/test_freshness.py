"""Whether an answer is as new as its request, told from headers and from the server's own clock."""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb import errors
from evolink_nb.api.freshness import MAX_REPEAT, MAX_SKEW, ServerClock
from evolink_nb.api.responses import Response, parse_response
from tests.support.failing_server import READING, response

START = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
BODY = response(READING).partition(b"\r\n\r\n")[2]


def dated(seconds: float) -> dict[str, str]:
    """Return the header of an answer made so many seconds after `START` by the server's clock."""
    return {"Date": email.utils.format_datetime(START + timedelta(seconds=int(seconds // 1)), usegmt=True)}


def ages(*answers: tuple[float, float]) -> list[bool]:
    """Return for each answer, made and asked for at these seconds, whether it is found to be old."""
    clock = ServerClock()
    return [clock.why_old(dated(made), asked, asked + 0.1) is not None for made, asked in answers]


@pytest.mark.parametrize(
    "headers",
    [
        {"Age": "3"},
        {"Age": " 86400"},
        {"Age": "7, 0"},
        {"Age": "9" * 5000},
        {"X-Cache": "HIT from proxy"},
        {"X-Cache-Status": "STALE"},
        {"CF-Cache-Status": "hit"},
        {"X-From-Cache": "1"},
        {"Cache-Status": "ExampleCache; hit; ttl=30"},
        {"Cache-Status": "Origin; fwd=miss, Edge; hit"},
        {"Cache-Status": "Edge;hit=?1"},
    ],
)
def test_cache_that_says_so_is_believed(headers: dict[str, str]) -> None:
    assert ServerClock().why_old(headers, 10.0, 10.5)
    answer = parse_response(Response(200, headers, BODY, START, 10.0, 10.5), str)
    assert type(answer) is errors.InvalidResponseError
    assert "came from a cache" in answer.message
    assert answer.hint


@pytest.mark.parametrize(
    "headers",
    [
        {},
        *({"Age": age} for age in ("0", "2", "-5", "soon", "", "٣")),
        {"X-Cache": "MISS from proxy"},
        {"CF-Cache-Status": "DYNAMIC"},
        {"X-Cache": "no hit"},
        {"Cache-Status": "ExampleCache; fwd=miss; stored"},
        {"Cache-Status": "hit; fwd=uri-miss"},
        {"Cache-Status": "Edge; hit=?0"},
        {"Date": "soon"},
    ],
)
def test_new_answer_is_not_called_old(headers: dict[str, str]) -> None:
    # The request took 2.5 s: an answer 2 s old may have been made for it.
    assert ServerClock().why_old(headers, 10.0, 12.5) is None


def test_same_date_later_is_an_old_answer() -> None:
    assert ages((0, 0), (0, 1.5), (0, 4), (0, 60)) == [False, False, True, True]


def test_older_date_is_an_old_answer() -> None:
    assert ages((100, 0), (40, 15), (115, 15)) == [False, True, False]
    # A cache that is renewed every 30 s.
    assert ages((0, 0), (0, 15), (30, 30), (30, 45)) == [False, True, False, True]


def test_cache_renewed_behind_us_is_old() -> None:
    """Each answer is the one to the request before: it moves on like a clock that was set back."""
    assert ages((0, 0), (0, 15), (15, 30), (30, 45), (45, 60)) == [False, True, True, True, True]


def test_clock_set_back_costs_one_reading() -> None:
    assert ages((0, 0), (15, 15), (-3570, 30), (-3555, 45), (-3540, 60)) == [False, False, True, False, False]
    # As does one that ran ahead and was corrected, and then runs on.
    assert ages((3600, 0), (15, 15), (30, 30), (45, 45)) == [False, True, False, False]


def test_clock_set_forward_costs_no_reading() -> None:
    assert ages((0, 0), (3615, 15), (3630, 30)) == [False, False, False]


def test_server_time_goes_on_by_our_clock() -> None:
    clock = ServerClock()
    assert clock.now(5.0) is None
    clock.why_old(dated(50), 0.0, 1.0)
    assert clock.now(11.0) == START + timedelta(seconds=60)


@given(
    st.floats(-1e6, 1e6),
    st.lists(
        st.tuples(st.floats(0, 2000), st.floats(0, 10), st.floats(0, 1), st.floats(0, MAX_SKEW - 2)),
        max_size=30,
    ),
)
def test_answers_in_time_are_never_old(
    offset: float, requests: list[tuple[float, float, float, float]]
) -> None:
    """Wherever the server's clock stands, and with servers whose clocks differ a little."""
    clock, now = ServerClock(), 0.0
    for pause, duration, part, skew in requests:
        requested_at = now + pause
        made_at = offset + requested_at + duration * part + skew
        now = requested_at + duration
        # Two servers whose clocks differ can give one second twice; that costs a reading, if it comes to it.
        found = clock.why_old(dated(made_at), requested_at, now)
        assert found in {None, "its Date is that of an earlier answer"}


@given(st.floats(-1e6, 1e6), st.lists(st.tuples(st.floats(0, 2000), st.floats(0, 10)), max_size=30))
def test_one_server_in_time_is_never_old(offset: float, requests: list[tuple[float, float]]) -> None:
    clock, now = ServerClock(), 0.0
    for pause, duration in requests:
        requested_at, now = now + pause, now + pause + duration
        assert clock.why_old(dated(offset + requested_at + duration / 2), requested_at, now) is None


@given(st.floats(-1e6, 1e6), st.floats(MAX_REPEAT + 0.1, 1e5), st.floats(0, 5))
def test_kept_answer_is_always_old(offset: float, later: float, duration: float) -> None:
    clock = ServerClock()
    assert clock.why_old(dated(offset), 0.0, duration) is None
    assert clock.why_old(dated(offset), duration + later, 2 * duration + later)
