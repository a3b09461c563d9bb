"""One read in flight and one to come: who shares which, and what each is told."""

from __future__ import annotations

from concurrent.futures import wait
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.errors import EvoLinkError
from evolink_nb.polling.single_flight import SingleFlight
from tests.support.readings import reading

if TYPE_CHECKING:
    from concurrent.futures import Future

    from evolink_nb.credits import Credits

READING = reading()
ERROR = EvoLinkError("no")


@pytest.fixture
def flight() -> SingleFlight:
    return SingleFlight()


def test_those_who_ask_share_a_read(flight: SingleFlight) -> None:
    asked = [flight.request(fresh=fresh) for fresh in (False, True, False)]
    begun = flight.begin()
    joined = flight.request(fresh=False)
    assert {id(future) for future in (*asked, joined)} == {id(begun)}
    assert flight.requested is None
    assert flight.decide(begun, READING)
    assert begun.outcome is READING
    flight.end(begun, READING)
    assert (begun.result(), flight.in_flight) == (READING, None)


def test_a_fresh_read_comes_after(flight: SingleFlight) -> None:
    first = flight.begin()
    fresh = flight.request(fresh=True)
    assert fresh is not first
    assert flight.request(fresh=True) is fresh
    assert flight.decide(first, READING)
    assert flight.request(fresh=False) is first  # what is being published will do
    flight.end(first, READING)
    assert not fresh.done()
    assert flight.begin() is fresh


def test_a_failure_is_an_exception(flight: SingleFlight) -> None:
    future = flight.begin()
    flight.decide(future, ERROR)
    flight.end(future, ERROR)
    assert future.exception() is ERROR


def test_a_cancelled_read_has_no_outcome(flight: SingleFlight) -> None:
    reads = flight.begin(), flight.request(fresh=True)
    flight.cancel()
    assert (flight.in_flight, flight.requested) == (None, None)
    assert not flight.decide(reads[0], READING)
    assert reads[0].outcome is None
    flight.end(reads[0], READING)
    assert all(future.cancelled() for future in reads)


def test_a_read_that_is_decided_is_kept(flight: SingleFlight) -> None:
    """An observer that stops the fetcher takes nothing from those who wait for the reading it was told of."""
    future = flight.begin()
    assert flight.decide(future, READING)
    flight.cancel()
    successor = flight.begin()
    flight.end(future, READING)
    assert future.result() is READING
    assert flight.in_flight is successor


def test_a_refused_request_stands(flight: SingleFlight) -> None:
    flight.refuse(ERROR)  # nothing was requested
    waiting = flight.request(fresh=True)
    flight.refuse(ERROR)
    assert waiting.exception() is ERROR
    assert flight.requested is not waiting
    assert flight.requested is not None
    assert not flight.requested.done()


def test_a_flaw_is_told_to_all(flight: SingleFlight) -> None:
    reads = flight.begin(), flight.request(fresh=True)
    flight.decide(reads[0], READING)
    flight.fail(ERROR)
    assert [future.exception() for future in reads] == [ERROR, ERROR]
    assert (flight.in_flight, flight.requested) == (None, None)
    flight.end(reads[0], READING)
    assert reads[0].exception() is ERROR


EVENTS = ["request", "fresh", "begin", "end", "fail read", "refuse", "cancel", "fail"]


@given(st.lists(st.sampled_from(EVENTS), max_size=30))
def test_no_future_stays_unresolved(events: list[str]) -> None:
    """Whatever happens, each future is resolved, or is one of the two that are still to come."""
    flight = SingleFlight()
    given_out: list[Future[Credits]] = []
    for event in events:
        match event:
            case "request" | "fresh":
                given_out.append(flight.request(fresh=event == "fresh"))
            case "begin":
                if flight.in_flight is None:
                    given_out.append(flight.begin())
            case "end" | "fail read":
                future = flight.in_flight
                if future is not None and flight.decide(future, READING):
                    flight.end(future, READING if event == "end" else ERROR)
            case "refuse":
                flight.refuse(ERROR)
            case "cancel":
                flight.cancel()
            case "fail":
                flight.fail(ERROR)
        still_to_come = {id(flight.in_flight), id(flight.requested)}
        assert all(future.done() or id(future) in still_to_come for future in given_out)
        assert flight.in_flight is None or not flight.in_flight.done()
        assert flight.requested is None or not flight.requested.done()


def test_a_cancelled_request_wakes_waiters() -> None:
    """Also one that nobody has begun, nor will."""
    flight = SingleFlight()
    requested = flight.request(fresh=True)
    flight.cancel()
    assert wait((requested,), timeout=0).done == {requested}
