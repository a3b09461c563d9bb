"""Whose turn it is to read: one process's, for all that read the key."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from evolink_nb import CreditsFetcher, CreditsWidget, EvoLinkClient
from evolink_nb.credits import Credits
from evolink_nb.errors import APIConnectionError, RateLimitError
from evolink_nb.history.current import current
from evolink_nb.history.reader import reader_of
from evolink_nb.history.sharing.leases import find_lease
from evolink_nb.history.sharing.shared_readings import LeasedReadings
from evolink_nb.history.sharing.sharing import HistoryReadings, share_readings, source_of
from evolink_nb.history.storage.location import find_location
from evolink_nb.history.storage.store import Store
from evolink_nb.polling.sharing import Duty, News, Wait, sharing
from tests.support.environment import account_of
from tests.support.histories import reading, source
from tests.support.waiting import LIMIT, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evolink_nb.demo import DemoServer
    from evolink_nb.history.storage.location import Location

EVERY = 600.0
"""An interval that doesn't pass during a test, in seconds."""


@pytest.fixture
def two(team: Location) -> tuple[LeasedReadings, LeasedReadings]:
    """Two processes that read the same key, each with a connection of its own."""
    one, other = (LeasedReadings(source(), Store(team)) for _ in range(2))
    return one, other


def test_one_reads_for_both(two: tuple[LeasedReadings, LeasedReadings]) -> None:
    one, other = two
    duty = one.turn(EVERY, None)
    assert isinstance(duty, Duty)
    assert isinstance(other.turn(EVERY, None), Wait)
    taken = reading(0, "1.5")
    one.publish(duty, taken, 0.2)
    news = other.turn(EVERY, None)
    assert isinstance(news, News)
    assert isinstance(news.outcome, Credits)
    assert news.outcome.user == taken.user
    assert 0 <= news.age < 60
    assert news.took == pytest.approx(0.2)


def test_the_same_is_no_news_again(two: tuple[LeasedReadings, LeasedReadings]) -> None:
    one, other = two
    duty = one.turn(EVERY, None)
    assert isinstance(duty, Duty)
    one.publish(duty, reading(0, 1), 0.0)
    other.turn(EVERY, None)
    wait = other.turn(EVERY, reading(0, 1))
    assert isinstance(wait, Wait)
    # It looks again once the holder reads next.
    assert EVERY - 60 < wait.seconds <= EVERY


def test_all_hear_of_an_answer_that_all_get(two: tuple[LeasedReadings, LeasedReadings]) -> None:
    one, other = two
    duty = one.turn(EVERY, None)
    assert isinstance(duty, Duty)
    one.publish(duty, RateLimitError("Slow down.", status=429, retry_after=60.0), 0.0)
    news = other.turn(EVERY, None)
    assert isinstance(news, News)
    assert isinstance(news.outcome, RateLimitError)
    assert 0 < (news.outcome.retry_after or 0) <= 60


def test_a_failure_of_its_own_frees_it(two: tuple[LeasedReadings, LeasedReadings]) -> None:
    """A machine without a network must not keep the others from reading."""
    one, other = two
    duty = one.turn(EVERY, None)
    assert isinstance(duty, Duty)
    one.publish(duty, APIConnectionError("EvoLink could not be reached."), 0.0)
    assert isinstance(other.turn(EVERY, None), Duty)


def test_a_holder_that_is_gone_is_known(two: tuple[LeasedReadings, LeasedReadings]) -> None:
    one, other = two
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host, _, name = one._holder.rsplit(":", 2)
    one._holder = f"{host}:{ended.pid}:{name}"
    assert isinstance(one.turn(EVERY, None), Duty)
    assert isinstance(other.turn(EVERY, None), Duty)


def test_a_shorter_interval_takes_over(two: tuple[LeasedReadings, LeasedReadings]) -> None:
    one, other = two
    assert isinstance(one.turn(EVERY, None), Duty)
    assert isinstance(other.turn(EVERY / 2, None), Duty)
    assert isinstance(one.turn(EVERY, None), Wait)


def test_a_released_one_passes_on(two: tuple[LeasedReadings, LeasedReadings]) -> None:
    one, other = two
    duty = one.turn(EVERY, None)
    assert isinstance(duty, Duty)
    one.publish(duty, reading(0, 1), 0.0)
    assert not isinstance(other.turn(EVERY, None), Duty)
    other.release()
    assert not isinstance(other.turn(EVERY, None), Duty)
    one.release()
    assert isinstance(other.turn(EVERY, None), Duty)


def test_a_release_ends_no_wait(two: tuple[LeasedReadings, LeasedReadings]) -> None:
    """EvoLink has asked everybody to wait, and not only who read."""
    one, other = two
    duty = one.turn(EVERY, None)
    assert isinstance(duty, Duty)
    one.publish(duty, RateLimitError("Slow down.", status=429, retry_after=60.0), 0.0)
    one.release()
    assert not isinstance(other.turn(EVERY, None), Duty)


def test_a_turn_that_comes_late_is_no_turn(team: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process has read for itself by then: who waits for what it reads would wait for nothing."""
    monkeypatch.setattr("evolink_nb.history.sharing.sharing.DEADLINE", 0.0)
    current.use(team)
    mine = source()
    readings = HistoryReadings(mine, current.required_writer())
    assert readings.turn(EVERY, None) is None
    store = Store(team)

    def is_free_again() -> bool:
        with store.begin(reads_only=True) as connection:
            lease = find_lease(connection, store.keys.fingerprint_of(mine))
            return lease is not None and not lease.is_held(store.now(connection))

    wait_until(is_free_again)
    current.use(None)


# -- in fetchers ------------------------------------------------------------------------------------------


@pytest.fixture
def shared(team: Location, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Share readings through an empty database of each kind, however slow this machine is."""
    monkeypatch.setattr("evolink_nb.history.sharing.sharing.DEADLINE", LIMIT)
    current.use(team)
    share_readings()
    yield
    sharing.use(None)
    current.stop(timeout=10.0)
    current.use(None)


@pytest.fixture
def client(demo_server: DemoServer) -> Iterator[EvoLinkClient]:
    """A client of the simulated account."""
    with EvoLinkClient(demo_server.key, base_url=demo_server.url) as client:
        yield client


@pytest.mark.usefixtures("shared")
def test_fetchers_share_one_request(demo_server: DemoServer, client: EvoLinkClient) -> None:
    fetchers = [CreditsFetcher(client, EVERY) for _ in range(5)]
    fetchers[0].start()
    wait_until(lambda: fetchers[0].credits is not None)
    for fetcher in fetchers[1:]:
        fetcher.start()
    wait_until(lambda: all(fetcher.credits is not None for fetcher in fetchers))
    assert demo_server.requests_seen["/v1/credits"] == 1
    mine, other = fetchers[0].credits, fetchers[-1].credits
    assert mine is not None
    assert other is not None
    assert (mine.user, mine.token, mine.simulated) == (other.user, other.token, other.simulated)
    # Never newer than it is, by this process's clock.
    assert other.monotonic <= fetchers[-1].clock.monotonic()
    assert other.requested_at <= other.monotonic
    for fetcher in fetchers:
        fetcher.stop()


@pytest.mark.usefixtures("shared")
def test_what_is_asked_for_is_read(demo_server: DemoServer, client: EvoLinkClient) -> None:
    first, second = CreditsFetcher(client, EVERY), CreditsFetcher(client, EVERY)
    first.start()
    wait_until(lambda: first.credits is not None)
    demo_server.account.spend(1)
    assert second.read().user.used == first.read(join=False).user.used
    assert demo_server.requests_seen["/v1/credits"] == 3
    first.stop()


@pytest.mark.usefixtures("shared")
def test_a_budget_reads_for_itself(demo_server: DemoServer, client: EvoLinkClient) -> None:
    first, second = CreditsFetcher(client, EVERY), CreditsFetcher(client, EVERY)
    first.start()
    wait_until(lambda: first.credits is not None)
    second.attach("a budget", 0.2, ignores_pause=True)
    wait_until(lambda: demo_server.requests_seen["/v1/credits"] >= 4)
    second.detach("a budget")
    first.stop()


@pytest.mark.usefixtures("shared")
def test_a_fresh_one_reads_for_itself(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """Though another process has just read, and is going to; and others take nothing from it."""
    first, second = CreditsFetcher(client, EVERY), CreditsFetcher(client, EVERY)
    first.start()
    wait_until(lambda: first.credits is not None)
    second.attach("a card", 0.2, fresh=True)
    wait_until(lambda: demo_server.requests_seen["/v1/credits"] >= 4)
    assert len(first.readings) == 1
    second.detach("a card")
    first.stop()


@pytest.mark.usefixtures("shared")
def test_a_fresh_card_shows_its_own_reading(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """Also where the fetcher already shows what another process has read."""
    first, second = CreditsFetcher(client, EVERY), CreditsFetcher(client, EVERY)
    first.start()
    wait_until(lambda: first.credits is not None)
    second.start()
    wait_until(lambda: second.credits is not None)
    demo_server.account.spend(1)
    card = CreditsWidget(second, interval=EVERY, fresh=True)
    wait_until(lambda: demo_server.requests_seen["/v1/credits"] == 2)
    wait_until(lambda: card.user_used is not None and card.user_used > float(first.readings[-1].user.used))
    card.close()
    second.stop()
    first.stop()


@pytest.mark.usefixtures("shared")
def test_who_reads_no_more_gives_it_back(client: EvoLinkClient) -> None:
    """So that the next need not wait until it expires."""
    fetcher, card = CreditsFetcher(client, EVERY), "a card"
    fetcher.attach(card, EVERY)
    wait_until(lambda: reader_of(client) is not None)
    fetcher.detach(card)
    assert reader_of(client) is None
    fetcher.start()
    wait_until(lambda: reader_of(client) is not None)
    fetcher.pause()
    wait_until(lambda: reader_of(client) is None)
    fetcher.stop()


def test_a_process_that_ends_gives_it_back(
    tmp_path: Path, demo_server: DemoServer, client: EvoLinkClient
) -> None:
    place = tmp_path / "history.db"
    environment = {**os.environ, **account_of(demo_server), "EVOLINK_NB_HISTORY": str(place)}
    program = """
import evolink_nb.history.sharing.shared_readings  # a file's first reading waits for no import
from evolink_nb.history.sharing import sharing
from evolink_nb import CreditsFetcher, EvoLinkClient
sharing.DEADLINE = 60.0  # however slow this machine is
fetcher = CreditsFetcher(EvoLinkClient(), 600)
fetcher.start()
while fetcher.credits is None:
    fetcher.wait(1)
"""
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    store = Store(find_location(str(place)))
    with store.begin(reads_only=True) as connection:
        lease = find_lease(connection, store.keys.fingerprint_of(source_of(client)))
        assert lease is not None
        assert not lease.is_held(store.now(connection))


def test_a_server_that_is_gone_is_no_loss(client: EvoLinkClient) -> None:
    """Without a database each reads for itself."""
    current.use(find_location("postgresql://evolink@127.0.0.1:9/none"))
    share_readings()
    fetcher = CreditsFetcher(client, EVERY)
    fetcher.start()
    wait_until(lambda: fetcher.credits is not None)
    fetcher.stop()
    sharing.use(None)
    current.use(None)


READ = """
import sys
from evolink_nb import CreditsFetcher, EvoLinkClient
fetcher = CreditsFetcher(EvoLinkClient(), float(sys.argv[1]))
fetcher.observe(lambda change: print(fetcher.status, flush=True), "revision")
fetcher.start()
sys.stdin.read()
fetcher.stop()
"""


def test_a_killed_holder_is_replaced(team: Location, demo_server: DemoServer) -> None:
    place = team.url or str(team.path)
    environment = {**os.environ, **account_of(demo_server), "EVOLINK_NB_HISTORY": place}
    command = [sys.executable, "-c", READ, "1"]
    pipe = subprocess.PIPE
    first = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)
    with first:
        assert first.stdout is not None
        first.stdout.readline()
        with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) as second:
            assert second.stdout is not None
            second.stdout.readline()
            first.send_signal(signal.SIGKILL)
            first.wait()
            seen = demo_server.requests_seen["/v1/credits"]
            wait_until(lambda: demo_server.requests_seen["/v1/credits"] >= seen + 2)
            second.communicate("")
