"""How long a server asks us to wait: in seconds, as a date by its own clock, or in words."""

from __future__ import annotations

import email.utils
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb import errors
from evolink_nb.api.freshness import ServerClock
from evolink_nb.api.responses import MAX_UNSURE_WAIT, MAX_WAIT, Response, parse_response, parse_retry_after

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
offsets = st.integers(-400_000, 400_000)


def http_date(moment: datetime) -> str:
    """Return a moment as HTTP writes it."""
    return email.utils.format_datetime(moment, usegmt=True)


def after(seconds: float) -> str:
    """Return the HTTP date so many seconds after `NOW`."""
    return http_date(NOW + timedelta(seconds=seconds))


def wait_of(headers: dict[str, str], *texts: str | None, now: datetime = NOW) -> float | None:
    return parse_retry_after(headers, *texts, now=now)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("86400", MAX_WAIT),
        ("9" * 5000, MAX_WAIT),
        *((header, None) for header in (None, "", "soon", "-5", "٣", "1e3", "nan", "inf")),
    ],
)
@pytest.mark.parametrize("date", [None, after(3600), "soon"])
def test_seconds_count_whatever_the_clocks(
    header: str | None, seconds: float | None, date: str | None
) -> None:
    headers = {"Retry-After": header, "Date": date}
    assert wait_of({name: value for name, value in headers.items() if value is not None}) == seconds


@pytest.mark.parametrize(
    "form", [email.utils.format_datetime, http_date, lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S")]
)
def test_date_is_read_in_many_forms(form: Callable[[datetime], str]) -> None:
    for seconds, wait in [(50, 50), (90, 90), (0, 0), (-90, 0), (1e8, MAX_WAIT)]:
        until = form(NOW + timedelta(seconds=seconds))
        assert wait_of({"Retry-After": until}) == min(wait, MAX_UNSURE_WAIT)
        assert wait_of({"Retry-After": until, "Date": form(NOW)}) == wait


@pytest.mark.parametrize("machine", [-3600, -1, 0, 1, 3600, 86_400])
@pytest.mark.parametrize("server", [-3600, 0, 3600])
def test_date_is_by_the_clock_of_the_server(machine: int, server: int) -> None:
    now = NOW + timedelta(seconds=machine)
    assert wait_of({"Retry-After": after(server + 20), "Date": after(server)}, now=now) == 20
    assert wait_of({"Retry-After": after(server - 20), "Date": after(server)}, now=now) == 0


@pytest.mark.parametrize(
    "date", ["", "now", "22", "Sun, 22 Nov 2026 99:99:99 GMT", f"{after(0)}, {after(0)}"]
)
def test_without_a_date_this_clock_counts(date: str) -> None:
    assert wait_of({"Retry-After": after(20), "Date": date}) == 20
    assert wait_of({"Retry-After": after(20)}, now=NOW + timedelta(seconds=15)) == 5
    assert wait_of({"Retry-After": after(20)}, now=NOW - timedelta(hours=2)) == MAX_UNSURE_WAIT


def test_time_told_earlier_is_used_for_dates() -> None:
    """A response without a date is read by the clock that earlier responses told, not by this machine's."""
    clock, wrong = ServerClock(), NOW - timedelta(hours=1)
    parse_response(Response(200, {"Date": after(0)}, b"{}", wrong, 100.0, 100.2), str, clock)
    asking = Response(503, {"Retry-After": after(130)}, b"{}", wrong, 109.9, 110.2)
    error = parse_response(asking, str, clock)
    assert isinstance(error, errors.ServerError)
    assert error.retry_after == pytest.approx(120)
    assert error.asks_to_wait


@pytest.mark.parametrize("retry_after", ["soon", "Sun, 22 Nov 999999 12:00:00 GMT", "22", "Nov", ""])
def test_unreadable_date_asks_for_no_wait(retry_after: str) -> None:
    waiting = wait_of({"Retry-After": retry_after, "Date": after(0)})
    assert waiting is None or 0 <= waiting <= MAX_WAIT


@pytest.mark.parametrize(
    ("texts", "seconds"),
    [
        (["retry after 60 seconds"], 60.0),
        (["Please Retry After 5s."], 5.0),
        ([None, "Too fast: retry after 30 seconds"], 30.0),
        (["retry after 999999 seconds"], MAX_WAIT),
        (["try again later", None], None),
        (["retry after a while"], None),
        (["retry after 1234567 seconds"], None),
    ],
)
def test_wait_may_stand_in_the_words(texts: list[str | None], seconds: float | None) -> None:
    assert wait_of({}, *texts) == seconds
    assert wait_of({"Retry-After": "2"}, *texts) == 2
    assert wait_of({"Retry-After": after(9), "Date": after(7)}, *texts) == 2


def test_error_waits_by_its_own_date() -> None:
    headers = {"Retry-After": after(3620), "Date": after(3600)}
    error = parse_response(Response(503, headers, b"{}", NOW), str)
    assert isinstance(error, errors.ServerError)
    assert error.retry_after == 20


@given(st.text(), st.text())
def test_any_header_is_a_bounded_wait(header: str, date: str) -> None:
    waiting = wait_of({"Retry-After": header, "Date": date}, header)
    assert waiting is None or 0 <= waiting <= MAX_WAIT


@given(st.integers(0, 400_000), offsets, offsets)
def test_no_clock_changes_the_wait(wait: int, server: int, machine: int) -> None:
    """What the server asks for is waited, wherever its clock and this machine's stand."""
    headers = {"Retry-After": after(server + wait), "Date": after(server)}
    assert wait_of(headers, now=NOW + timedelta(seconds=machine)) == min(wait, MAX_WAIT)


@given(st.datetimes(), st.datetimes(), st.datetimes(timezones=st.just(UTC)))
def test_any_two_dates_are_a_bounded_wait(until: datetime, date: datetime, now: datetime) -> None:
    forms = until.replace(tzinfo=UTC), date.replace(tzinfo=UTC)
    headers = dict(zip(("Retry-After", "Date"), map(http_date, forms), strict=True))
    waiting = wait_of(headers, now=now)
    assert waiting is not None
    assert 0 <= waiting <= MAX_WAIT
