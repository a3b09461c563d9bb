"""When a fetcher asks."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from traitlets import TraitError

from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.clock import BEGINNING, FakeClock
from tests.support.scripted import (
    READING,
    ScriptedClient,
    at_once,
    wait_for,
)

if TYPE_CHECKING:
    from evolink_nb.api.client import EvoLinkClient
    from evolink_nb.credits import Credits
    from evolink_nb.demo import DemoServer


def test_it_reads_once_an_interval(fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock) -> None:
    assert (client.times, fetcher.status, fetcher.running) == ([], "loading", False)
    fetcher.start()
    for _ in range(31):
        clock.advance(1)
    assert client.times == [0, 15, 30]
    assert (fetcher.status, fetcher.running) == ("live", True)
    assert fetcher.updated_at == BEGINNING + timedelta(seconds=30)


def test_slow_reads_keep_the_interval(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock
) -> None:
    fetcher.start()
    clock.advance(0)
    client.gate.clear()
    fetcher.refresh()
    client.wait_until_asked(2)
    clock.pass_unnoticed(4)
    client.gate.set()
    assert clock.sleeps_for() == 11


def test_refresh_begins_the_interval_anew(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock
) -> None:
    fetcher.start()
    clock.advance(5)
    fetcher.refresh()
    clock.advance(14)
    assert client.times == [0, 5]
    clock.advance(1)
    assert client.times == [0, 5, 20]


def test_refresh_joins_a_read_in_flight(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock
) -> None:
    client.gate.clear()
    fetcher.start()
    client.wait_until_asked(1)
    at_once(20, fetcher.refresh)
    client.gate.set()
    clock.advance(15)
    assert client.times == [0, 15]


def test_refresh_alone_waits_for_its_read(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
    fetcher.refresh()
    assert (fetcher.credits, fetcher.status, fetcher.running) == (READING, "live", False)
    assert client.times == [0]


def test_twenty_threads_share_one_read(demo_server: DemoServer, reader: EvoLinkClient) -> None:
    fetcher = CreditsFetcher(reader)
    demo_server.fault(latency=0.5)
    readings: list[Credits] = []
    at_once(20, lambda: readings.append(fetcher.read()))
    assert len(readings) == 20
    assert {id(reading) for reading in readings} == {id(fetcher.credits)}
    assert demo_server.requests_seen["/v1/credits"] == 1


def test_polling_shows_what_was_spent(demo_server: DemoServer, reader: EvoLinkClient) -> None:
    fetcher = CreditsFetcher(reader, 0.1)
    fetcher.start()
    demo_server.wait_for_requests(2)
    demo_server.account.spend(5)
    spent = Decimal("1090.3996")
    wait_for(fetcher, lambda: fetcher.credits is not None and fetcher.credits.user.remaining == spent)
    assert fetcher.credits is not None
    assert fetcher.credits.simulated


def test_new_intervals_count_from_last_read(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock
) -> None:
    fetcher.start()
    clock.advance(10)
    fetcher.interval = 60
    clock.advance(20)
    assert client.times == [0]
    fetcher.interval = 5
    clock.advance(5)
    assert client.times == [0, 30, 35]


def test_the_first_read_waits_for_nothing(clock: FakeClock) -> None:
    for _ in range(20):
        client = ScriptedClient(clock)
        fetcher = CreditsFetcher(client, 3600, clock=clock)
        for subscriber, interval in (("one", 60), ("another", 15)):
            fetcher.attach(subscriber, interval)
        assert clock.sleeps_for() == 15
        assert client.times == [0]
        fetcher.stop()


@pytest.mark.parametrize("seconds", [0, -1, 0.05, float("inf"), float("nan")])
def test_a_senseless_interval_is_refused(fetcher: CreditsFetcher, seconds: float) -> None:
    with pytest.raises(TraitError, match="interval must be at least"):
        fetcher.interval = seconds
    assert fetcher.interval == 15
