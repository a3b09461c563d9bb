"""How long a fetcher lives, and how it ends: with its subscribers, or where a read is interrupted."""

from __future__ import annotations

import _thread
import asyncio
import gc
import threading
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from evolink_nb import errors
from evolink_nb.api.client import EvoLinkClient
from evolink_nb.polling.fetcher import CreditsFetcher, stop_all
from tests.support.interrupt import interrupt_main_thread
from tests.support.scripted import (
    PATIENCE,
    READING,
    ScriptedClient,
    at_once,
    fetcher_threads,
    status_error,
)

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.clock import FakeClock


def test_stop_gives_up_a_read(demo_server: DemoServer, reader: EvoLinkClient) -> None:
    fetcher = CreditsFetcher(reader, 60)
    before = fetcher.read()
    reader.timeout = 600
    demo_server.fault(latency=600)
    fetcher.start()
    demo_server.wait_for_requests(2)
    fetcher.stop(timeout=PATIENCE)  # without an answer
    assert fetcher_threads() == []
    assert (fetcher.credits, fetcher.error, fetcher.status) == (before, None, "paused")


@pytest.mark.parametrize("comes", ["before", "after"])
def test_detach_keeps_a_read_waited_for(fetcher: CreditsFetcher, client: ScriptedClient, comes: str) -> None:
    """Whether the fetcher's own thread reads, or the one that wants to know."""
    spent = replace(READING, token=replace(READING.token, used=READING.token.used + 7))
    client.then(READING, spent)
    if comes == "before":
        fetcher.attach("one", 15)
        fetcher.wait(PATIENCE)
    else:
        fetcher.read()
    client.gate.clear()
    found: list[object] = []
    waits = threading.Thread(target=lambda: found.append(fetcher.read(join=False)))
    waits.start()
    client.wait_until_asked(2)
    if comes == "after":
        fetcher.attach("one", 15)
    fetcher.detach("one")
    closed = client.gate.is_set()
    client.gate.set()
    waits.join(PATIENCE)
    assert (found, closed, fetcher.running) == ([spent], False, False)


def test_stop_is_told_to_those_who_wait(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
    fetcher.start()
    fetcher.wait(PATIENCE)
    client.gate.clear()
    found: list[str] = []

    def read() -> None:
        try:
            fetcher.read()
        except errors.EvoLinkError as error:
            found.append(error.message)

    waits = threading.Thread(target=read)
    waits.start()
    client.wait_until_asked(2)
    fetcher.stop()
    waits.join(PATIENCE)
    assert found == ["The fetcher was stopped before it had a reading."]


def test_a_thread_that_can_not_start(
    fetcher: CreditsFetcher, client: ScriptedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller gets an error, none waits, and all is as if it had not been tried."""

    def fail(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    def attach() -> None:
        fetcher.attach("one", 15)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        for call in (attach, fetcher.start, fetcher.read, fetcher.refresh):
            with pytest.raises(errors.EvoLinkError, match="can't start new thread"):
                call()
    assert (fetcher.running, fetcher.status, client.times) == (False, "loading", [])
    assert fetcher.read() == READING
    assert (client.times, fetcher_threads()) == ([0], [])


def test_it_can_be_started_again(fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock) -> None:
    fetcher.start()
    clock.advance(1)
    fetcher.stop()
    assert (fetcher.running, fetcher.status, fetcher.credits) == (False, "paused", READING)
    fetcher.stop()
    fetcher.start()
    clock.advance(1)
    assert client.times == [0, 1]
    assert fetcher.status == "live"
    assert len(fetcher_threads()) == 1


def test_a_failure_outlasts_the_stop(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
    client.then(status_error(errors.AuthenticationError, 401))
    fetcher.start()
    fetcher.wait(PATIENCE)
    fetcher.stop()
    assert fetcher.status == "unauthorized"


@pytest.mark.parametrize("trait", ["credits", "status", "revision"])
def test_an_observer_may_stop_it(fetcher: CreditsFetcher, client: ScriptedClient, trait: str) -> None:
    fetcher.observe(lambda _change: fetcher.stop(), trait)
    fetcher.start()
    for thread in fetcher_threads():
        thread.join(PATIENCE)
    assert fetcher_threads() == []
    assert (fetcher.running, fetcher.status, client.times) == (False, "paused", [0])


def test_it_lives_with_its_last_subscriber(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
    fetcher.attach("one", 15)
    fetcher.attach("one", 15)
    fetcher.attach("another", 15)
    fetcher.detach("one")
    fetcher.detach("one")
    fetcher.detach("a stranger")
    fetcher.wait(PATIENCE)
    running = [fetcher.running]
    fetcher.detach("another")
    running.append(fetcher.running)
    assert (running, client.times) == ([True, False], [0])


def test_the_shortest_interval_counts(fetcher: CreditsFetcher) -> None:
    intervals = []
    for subscriber, interval in (("slow", 60), ("fast", 5), ("middling", 10), ("too fast", 0.001)):
        fetcher.attach(subscriber, interval)
        intervals.append(fetcher.interval)
    for subscriber in ("too fast", "fast", "middling"):
        fetcher.detach(subscriber)
        intervals.append(fetcher.interval)
    assert intervals == [60, 5, 5, 0.1, 5, 10, 60]


def test_many_threads_may_come_and_go(fetcher: CreditsFetcher) -> None:
    failures: list[BaseException] = []

    def come_and_go() -> None:
        try:
            for _ in range(200):
                subscriber = object()
                fetcher.attach(subscriber, 15)
                fetcher.detach(subscriber)
        except Exception as error:
            failures.append(error)
            raise

    fetcher.start()
    at_once(8, come_and_go)
    assert failures == []
    assert len(fetcher_threads()) == 1


def test_a_process_has_one_for_each_account(demo_server: DemoServer) -> None:
    def shared(key: str, base_url: str) -> CreditsFetcher:
        return CreditsFetcher.shared(EvoLinkClient(key, base_url=base_url))

    one = shared(demo_server.key, demo_server.url)
    assert shared(demo_server.key, f"{demo_server.url}/v1/") is one
    assert shared(demo_server.key_of("other"), demo_server.url) is not one
    assert shared(demo_server.key, demo_server.url.replace("127.0.0.1", "localhost")) is not one


def test_a_shared_one_keeps_its_reading(reader: EvoLinkClient) -> None:
    fetcher = CreditsFetcher.shared(reader)
    fetcher.attach("a card", 15)
    fetcher.wait(PATIENCE)
    fetcher.detach("a card")
    again = CreditsFetcher.shared(reader)
    assert (again is fetcher, again.running, again.credits is not None) == (True, False, True)


def test_stop_all_forgets_all(client: ScriptedClient, reader: EvoLinkClient) -> None:
    own, shared = CreditsFetcher(client), CreditsFetcher.shared(reader)
    own.start()
    shared.start()
    assert len(fetcher_threads()) == 2
    stop_all()
    assert (own.running, shared.running, fetcher_threads()) == (False, False, [])
    assert CreditsFetcher.shared(reader) is not shared


@pytest.mark.parametrize("use", ["kept", "read", "failed", "made"])
def test_nothing_of_a_fetcher_stays(demo_server: DemoServer, use: str) -> None:
    """Once it was stopped with all others, and its caller let go of it."""

    def used() -> list[weakref.ref[object]]:
        client = EvoLinkClient(demo_server.key, base_url=demo_server.url)
        fetcher = CreditsFetcher.shared(client, 60)
        if use == "kept":
            fetcher.start()
            fetcher.wait(PATIENCE)
        elif use == "read":
            fetcher.read()
        elif use == "failed":
            demo_server.fault(status=429)
            with pytest.raises(errors.RateLimitError):
                fetcher.read()
        stop_all()
        return [weakref.ref(each) for each in (client, fetcher, fetcher._reader, fetcher._publisher)]

    kept = used()
    gc.collect()
    assert [reference() for reference in kept] == [None] * 4


@pytest.mark.parametrize("ask", ["read", "refresh"])
def test_an_interrupted_read_leaves_no_trace(
    fetcher: CreditsFetcher, client: ScriptedClient, ask: str
) -> None:
    before = fetcher.read()
    client.gate.clear()

    def interrupt() -> None:
        client.wait_until_asked(2)
        interrupt_main_thread()

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        getattr(fetcher, ask)()
    interrupter.join(PATIENCE)
    assert (fetcher.credits, fetcher.status, fetcher_threads()) == (before, "live", [])
    assert fetcher.read().user.remaining == READING.user.remaining


def test_an_interrupt_beside_a_wait_ends_it(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
    """One that comes just before a wait begins doesn't wake it; nor does one that is only noted."""
    before = fetcher.read()
    client.gate.clear()

    def note_interrupt() -> None:
        client.wait_until_asked(2)
        _thread.interrupt_main()

    interrupter = threading.Thread(target=note_interrupt)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        fetcher.read()
    interrupter.join(PATIENCE)
    assert (fetcher.credits, fetcher.status, fetcher_threads()) == (before, "live", [])


def test_it_reads_without_threads(client: ScriptedClient) -> None:
    """As where the platform has none: in the event loop, and in the call that waits."""

    async def run() -> None:
        fetcher = CreditsFetcher(client, 0.1, threads=False)
        assert fetcher.read() == READING
        assert (fetcher.status, len(client.times)) == ("live", 1)
        fetcher.attach("card", 0.1)
        fetcher.refresh()
        fetcher.wait(PATIENCE)
        while len(client.times) < 4:  # noqa: ASYNC110 - nothing to be told by
            await asyncio.sleep(0.01)
        assert fetcher_threads() == []
        assert fetcher.read(join=False).user == READING.user
        fetcher.detach("card")
        assert (fetcher.running, fetcher.status) == (False, "paused")

    asyncio.run(asyncio.wait_for(run(), PATIENCE))


def test_without_threads_a_loop_must_run(client: ScriptedClient) -> None:
    fetcher = CreditsFetcher(client, threads=False)
    for call in (fetcher.start, fetcher.read):
        with pytest.raises(errors.EvoLinkError, match="no running event loop"):
            call()
    assert not fetcher.running
