"""When a watch raises an alarm: once an episode."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.card.alarms import Threshold
from evolink_nb.cli.alarm_message import body_of, text_of
from evolink_nb.cli.episodes import UNREAD_AFTER, Episodes, Event
from tests.support.histories import reading

LIMIT = Threshold.parse(50)
RUNWAY = Threshold.parse("2h")


def told(limit: Threshold | None, lefts: list[Decimal | int | str]) -> list[list[Event]]:
    episodes = Episodes(limit, 0.0)
    return [episodes.record(reading(0, 1000 - Decimal(left)), None, 0.0) for left in lefts]


def test_an_alarm_comes_once() -> None:
    assert told(LIMIT, [60, 49, 48, 10]) == [[], [Event.BELOW], [], []]


def test_a_small_rise_is_no_recovery() -> None:
    assert told(LIMIT, [49, 51, 49, 55, 49]) == [[Event.BELOW], [], [], [Event.RECOVERED], [Event.BELOW]]


def test_without_a_limit_nothing_left_counts() -> None:
    assert told(None, [1, 0, "-3", 1]) == [[], [Event.BELOW], [], [Event.RECOVERED]]


def test_an_unknown_runway_changes_nothing() -> None:
    episodes = Episodes(RUNWAY, 0.0)
    runways = [None, 7000.0, None, 7300.0, 8000.0]
    assert [episodes.record(reading(0, 1), runway, 0.0) for runway in runways] == [
        [],
        [Event.BELOW],
        [],
        [],
        [Event.RECOVERED],
    ]


def test_silence_is_an_alarm_too() -> None:
    episodes = Episodes(LIMIT, 0.0)
    assert episodes.miss(UNREAD_AFTER - 1) == []
    assert episodes.miss(UNREAD_AFTER) == [Event.UNREADABLE]
    assert episodes.miss(UNREAD_AFTER + 1) == []
    assert episodes.record(reading(0, 990), None, UNREAD_AFTER + 2) == [Event.READABLE, Event.BELOW]


@given(st.lists(st.integers(-10, 200), max_size=40))
def test_alarms_and_recoveries_alternate(lefts: list[int]) -> None:
    events = [event for events in told(LIMIT, list(lefts)) for event in events]
    assert all(one is not other for one, other in itertools.pairwise(events))
    assert not events or events[0] is Event.BELOW


@pytest.mark.parametrize(
    ("event", "runway", "text"),
    [
        (Event.BELOW, None, "EvoLink: 49.5 credits left, below 50 credits."),
        (Event.BELOW, 3600.0, "EvoLink: 49.5 credits left, about 1 h at this rate, below 50 credits."),
        (Event.RECOVERED, None, "EvoLink: 49.5 credits left again."),
        (Event.UNREADABLE, None, "EvoLink's balance can't be read."),
        (Event.READABLE, None, "EvoLink's balance can be read again: 49.5 credits left."),
    ],
)
def test_an_alarm_is_one_plain_line(event: Event, runway: float | None, text: str) -> None:
    assert text_of(event, reading(0, "950.5"), runway, LIMIT) == text


def test_a_body_has_every_digit() -> None:
    taken = reading(0, Decimal("950.123456789012345678"))
    body = body_of(Event.BELOW, "text", taken, runway=7.2, burn_rate=0.5, limit=RUNWAY, account="lab", key="")
    found = json.loads(body, parse_float=Decimal)
    assert found["reading"]["data"]["user"]["used_credits"] == Decimal("950.123456789012345678")
    assert (found["event"], found["below"], found["runway_seconds"]) == ("below", "2 h", 7)
    assert (found["account"], found["key"], found["burn_rate_per_hour"]) == ("lab", None, 1800)
