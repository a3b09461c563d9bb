"""An observer that never returns: what waits for it, for how long, and what follows when it does return."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from evolink_nb import errors
from evolink_nb.polling.fetcher import stop_all
from evolink_nb.polling.publisher import PATIENCE
from evolink_nb.polling.reader import STOP_TIMEOUT
from tests.support.scripted import PATIENCE as LIMIT
from tests.support.scripted import READING, ScriptedClient
from tests.support.threads import running
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from evolink_nb.polling.fetcher import CreditsFetcher

MANY = 40
"""How often each call is made: were it held up each time, all would take much longer than on any machine."""


class Stuck:
    """An observer that doesn't return before `let_go`."""

    def __init__(self) -> None:
        self.called, self._end = threading.Event(), threading.Event()

    def __call__(self, _change: object) -> None:
        self.called.set()
        self._end.wait()

    def let_go(self) -> None:
        self._end.set()


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    observer = Stuck()
    yield observer
    observer.let_go()


@pytest.fixture
def held(fetcher: CreditsFetcher, stuck: Stuck) -> CreditsFetcher:
    """A fetcher whose first reading an observer holds up."""
    fetcher.observe(stuck, "credits")
    fetcher.start()
    assert stuck.called.wait(LIMIT)
    return fetcher


def seconds_of(call: Callable[[], object]) -> float:
    begun = time.monotonic()
    call()
    return time.monotonic() - begun


def test_it_keeps_no_reading_from_others(held: CreditsFetcher, client: ScriptedClient) -> None:
    """They get it though not all observers have heard of it."""
    assert held.read() == READING
    assert len(client.times) == 1


def test_it_holds_up_no_other_call(held: CreditsFetcher) -> None:
    """They wait for it once in all. What they change follows once it has returned."""
    calls: list[Callable[[], object]] = [
        lambda: held.set_message(notice="Spent."),
        lambda: held.attach("card", 5.0),
        held.notify,
        held.refresh,
        held.pause,
        held.resume,
        lambda: held.detach("card"),
    ]
    assert seconds_of(lambda: [call() for call in calls * MANY]) < MANY * PATIENCE / 2


def test_what_it_held_up_follows(held: CreditsFetcher, stuck: Stuck) -> None:
    held.set_message(notice="Spent.")
    held.attach("card", 5.0)
    assert (held.notice, held.interval) == ("", 15.0)
    stuck.let_go()
    wait_until(lambda: (held.notice, held.interval) == ("Spent.", 5.0))
    assert held.status == "live"


def test_it_holds_up_no_end(held: CreditsFetcher, stuck: Stuck) -> None:
    """Unloading and the interpreter's exit wait for it for a limited time, however many want to end it."""
    ends: list[Callable[[], object]] = [held.stop, lambda: held.detach(held), stop_all]
    assert seconds_of(lambda: [end() for end in ends * MANY]) < MANY * STOP_TIMEOUT / 2
    assert not held.running
    stuck.let_go()
    wait_until(lambda: held.status == "paused")
    wait_until(lambda: not running("evolink-nb-fetcher"))


def test_a_read_it_keeps_from_beginning(
    fetcher: CreditsFetcher, stuck: Stuck, client: ScriptedClient
) -> None:
    """Such as by an observer of a message, on whatever thread."""
    fetcher.observe(stuck, "notice")
    sender = threading.Thread(target=lambda: fetcher.set_message(notice="Spent."))
    sender.start()
    assert stuck.called.wait(LIMIT)
    fetcher.start()
    client.wait_until_asked(1)  # that reading is held up, and the next ones with it
    for _ in range(2):
        with pytest.raises(errors.EvoLinkError, match=r"An observer .* has not returned") as why:
            fetcher.read(join=False)
        assert "thread" in str(why.value.hint)
    fetcher.stop()
    with pytest.raises(errors.EvoLinkError, match=r"An observer .* has not returned"):
        fetcher.read()
    assert len(running("evolink-nb-fetcher")) == 1  # no thread for each that asks
    stuck.let_go()
    sender.join(LIMIT)
    wait_until(lambda: not running("evolink-nb-fetcher"))
    assert fetcher.read() == READING
    assert len(client.times) == 2


def test_it_may_wait_for_a_reading_elsewhere(fetcher: CreditsFetcher) -> None:
    """An observer that has another thread read, and waits for that."""
    outcomes: list[object] = []

    def read(how: bool) -> None:
        try:
            outcomes.append(fetcher.read(join=how))
        except errors.EvoLinkError as error:
            outcomes.append(type(error))

    def observe(_change: object) -> None:
        fetcher.unobserve(observe, "credits")
        for how in (True, False):
            reader = threading.Thread(target=read, args=(how,))
            reader.start()
            reader.join()

    fetcher.observe(observe, "credits")
    assert fetcher.read() == READING
    wait_until(lambda: len(outcomes) == 2)
    assert outcomes == [READING, errors.EvoLinkError]  # one that began later can't begin


def test_slow_observers_lose_no_message(fetcher: CreditsFetcher, stuck: Stuck) -> None:
    """All that came meanwhile is told, in its order."""
    seen: list[str] = []
    fetcher.observe(lambda change: seen.append(change.new), "notice")
    fetcher.observe(stuck, "credits")
    fetcher.start()
    assert stuck.called.wait(LIMIT)
    for number in range(20):
        fetcher.set_message(notice=f"{number}")
    stuck.let_go()
    wait_until(lambda: len(seen) == 20)
    assert seen == [f"{number}" for number in range(20)]
