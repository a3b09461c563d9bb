"""The fetcher: when it asks, what it tells, what it survives, and how it ends."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from traitlets import HasTraits, TraitError, Unicode, dlink

from evolink_nb import errors
from evolink_nb.api.client import EvoLinkClient
from evolink_nb.credits import Credits, TokenCredits, UserCredits
from evolink_nb.polling.backoff import MAX_PAUSE
from evolink_nb.polling.fetcher import CreditsFetcher, stop_all
from tests.support.clock import BEGINNING, FakeClock
from tests.support.interrupt import interrupt_main_thread

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer

PATIENCE = 10.0

READING = Credits(
    token=TokenCredits(remaining=Decimal("99416.4429"), used=Decimal("583.5571"), unlimited=False),
    user=UserCredits(remaining=Decimal("1095.3996"), used=Decimal("135.9048")),
    read_at=BEGINNING,
)

Outcome = Credits | BaseException | None


class ScriptedClient:
    """Answers with `READING`, or with what `then` was told, and notes the clock's time of each request.

    While `gate` is clear a request waits at it, as at a server that does not answer.
    """

    identity = "scripted"

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.times: list[float] = []
        self.gate = threading.Event()
        self.gate.set()
        self._outcomes: list[Outcome] = []
        self._asked = threading.Condition()

    def then(self, *outcomes: Outcome) -> None:
        self._outcomes += outcomes

    def get_credits(self) -> Credits:
        with self._asked:
            self.times.append(self.clock.monotonic())
            outcome = self._outcomes.pop(0) if self._outcomes else replace(READING, read_at=self.clock.now())
            self._asked.notify_all()
        assert self.gate.wait(PATIENCE)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome  # type: ignore[return-value]  # None is what a broken client answers

    def close(self) -> None:
        self.gate.set()

    def wait_until_asked(self, times: int) -> None:
        with self._asked:
            assert self._asked.wait_for(lambda: len(self.times) >= times, PATIENCE)


class Jitter:
    """Draws the lower bound, and keeps which bounds it was asked to draw between."""

    def __init__(self) -> None:
        self.bounds: set[tuple[float, float]] = set()

    def __call__(self, low: float, high: float) -> float:
        self.bounds.add((low, high))
        return low


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    yield
    stop_all()
    assert fetcher_threads() == []


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def client(clock: FakeClock) -> ScriptedClient:
    return ScriptedClient(clock)


@pytest.fixture
def jitter() -> Jitter:
    return Jitter()


@pytest.fixture
def fetcher(client: ScriptedClient, clock: FakeClock, jitter: Jitter) -> CreditsFetcher:
    return CreditsFetcher(client, 15.0, clock=clock, jitter=jitter)


def fetcher_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "evolink-nb-fetcher"]


def status_error(kind: type[errors.APIStatusError], status: int, **fields: Any) -> errors.APIStatusError:
    return kind("no", status=status, **fields)


def unavailable() -> errors.ServerError:
    return errors.ServerError("no", status=503)


def at_once(count: int, call: Callable[[], object]) -> None:
    """Make `count` calls from as many threads, and wait for their end."""
    together = threading.Barrier(count)
    threads = [threading.Thread(target=lambda: (together.wait(PATIENCE), call())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def wait_for(fetcher: CreditsFetcher, holds: Callable[[], bool]) -> None:
    """Wait until something holds, looked at after each change of the fetcher."""
    changed = threading.Event()

    def note(_change: object) -> None:
        changed.set()

    fetcher.observe(note, "revision")
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert changed.wait(deadline - time.monotonic())
        changed.clear()
    fetcher.unobserve(note, "revision")


# -- when it asks --------------------------------------------------------------------------------------


def test_it_asks_at_the_start_and_then_once_an_interval(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock
) -> None:
    assert (client.times, fetcher.status, fetcher.running) == ([], "loading", False)
    fetcher.start()
    for _ in range(31):
        clock.advance(1)
    assert client.times == [0, 15, 30]
    assert (fetcher.status, fetcher.running) == ("live", True)
    assert fetcher.updated_at == BEGINNING + timedelta(seconds=30)


def test_the_interval_is_kept_however_long_a_reading_takes(
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


def test_refresh_asks_at_once_and_the_interval_begins_anew(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock
) -> None:
    fetcher.start()
    clock.advance(5)
    fetcher.refresh()
    clock.advance(14)
    assert client.times == [0, 5]
    clock.advance(1)
    assert client.times == [0, 5, 20]


def test_twenty_threads_that_refresh_during_a_request_add_none(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock
) -> None:
    client.gate.clear()
    fetcher.start()
    client.wait_until_asked(1)
    at_once(20, fetcher.refresh)
    client.gate.set()
    clock.advance(15)
    assert client.times == [0, 15]


def test_refresh_without_a_thread_has_read_when_it_returns(
    fetcher: CreditsFetcher, client: ScriptedClient
) -> None:
    fetcher.refresh()
    assert (fetcher.credits, fetcher.status, fetcher.running) == (READING, "live", False)
    assert client.times == [0]


def test_twenty_threads_that_read_at_once_share_one_request(
    demo_server: DemoServer, reader: EvoLinkClient
) -> None:
    fetcher = CreditsFetcher(reader)
    demo_server.fault(latency=0.5)
    readings: list[Credits] = []
    at_once(20, lambda: readings.append(fetcher.read()))
    assert len(readings) == 20
    assert {id(reading) for reading in readings} == {id(fetcher.credits)}
    assert demo_server.requests_seen["/v1/credits"] == 1


def test_polling_a_real_server_shows_what_was_spent(demo_server: DemoServer, reader: EvoLinkClient) -> None:
    fetcher = CreditsFetcher(reader, 0.1)
    fetcher.start()
    demo_server.wait_for_requests(2)
    demo_server.account.spend(5)
    spent = Decimal("1090.3996")
    wait_for(fetcher, lambda: fetcher.credits is not None and fetcher.credits.user.remaining == spent)
    assert fetcher.credits is not None
    assert fetcher.credits.simulated


def test_changing_the_interval_counts_from_the_last_reading(
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


def test_the_first_reading_waits_for_no_interval(clock: FakeClock) -> None:
    for _ in range(20):
        client = ScriptedClient(clock)
        fetcher = CreditsFetcher(client, 3600, clock=clock)
        for viewer, interval in (("one", 60), ("another", 15)):
            fetcher.attach(viewer, interval)
        assert clock.sleeps_for() == 15
        assert client.times == [0]
        fetcher.stop()


@pytest.mark.parametrize("seconds", [0, -1, 0.05, float("inf"), float("nan")])
def test_an_interval_that_makes_no_sense_is_refused(fetcher: CreditsFetcher, seconds: float) -> None:
    with pytest.raises(TraitError, match="interval must be at least"):
        fetcher.interval = seconds
    assert fetcher.interval == 15


# -- what it does after a failure ----------------------------------------------------------------------


def test_failures_double_the_pause_up_to_a_limit_and_a_success_ends_that(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock, jitter: Jitter
) -> None:
    client.then(*(unavailable() for _ in range(7)), READING, unavailable())
    fetcher.start()
    pauses = []
    for _ in range(7):
        pause = clock.sleeps_for()
        assert pause is not None
        pauses.append(pause)
        clock.advance(pause)
    assert pauses == [15, 30, 60, 120, 240, MAX_PAUSE, MAX_PAUSE]
    assert jitter.bounds == {(1.0, 1.25)}
    assert (fetcher.status, clock.sleeps_for()) == ("live", 15)
    clock.advance(15)
    assert (fetcher.status, clock.sleeps_for()) == ("error", 15)


def test_the_jitter_makes_pauses_differ_within_its_bounds(client: ScriptedClient, clock: FakeClock) -> None:
    pauses = set()
    for _ in range(20):
        client.then(unavailable())
        fetcher = CreditsFetcher(client, 15.0, clock=clock)
        fetcher.start()
        pauses.add(clock.sleeps_for())
        fetcher.stop()
    assert len(pauses) > 10
    assert all(pause is not None and 15 <= pause <= 15 * 1.25 for pause in pauses)


def test_a_long_interval_is_never_shortened_by_failures(client: ScriptedClient, clock: FakeClock) -> None:
    client.then(unavailable(), unavailable())
    fetcher = CreditsFetcher(client, 1000.0, clock=clock, jitter=Jitter())
    fetcher.start()
    assert clock.sleeps_for() == 1000
    clock.advance(1000)
    assert clock.sleeps_for() == 1000


@pytest.mark.parametrize("kind", [errors.RateLimitError, errors.ServerError])
def test_a_server_that_asks_for_patience_is_left_alone_for_that_long(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock, kind: type[errors.APIStatusError]
) -> None:
    client.then(status_error(kind, 429, retry_after=60.0))
    fetcher.start()
    clock.advance(10)
    assert fetcher.retry_at == BEGINNING + timedelta(seconds=60)
    assert fetcher.retry_after_left == 50
    fetcher.refresh()
    clock.advance(49)
    with pytest.raises(kind):
        fetcher.read()
    assert client.times == [0]
    clock.advance(1)
    assert client.times == [0, 60]
    assert fetcher.status == "live"
    told = fetcher.trait_values()
    assert (told["error"], told["retry_at"], fetcher.retry_after_left) == (None, None, 0)


def test_a_refresh_put_off_comes_before_the_next_poll(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock
) -> None:
    client.then(status_error(errors.RateLimitError, 429, retry_after=5.0))
    fetcher.start()
    assert clock.sleeps_for() == 15
    fetcher.refresh()
    clock.advance(5)
    assert client.times == [0, 5]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.AuthenticationError, 401),
        (errors.PaymentRequiredError, 402),
        (errors.PermissionDeniedError, 403),
    ],
)
def test_what_only_a_person_can_mend_stops_polling_until_they_ask(
    fetcher: CreditsFetcher,
    client: ScriptedClient,
    clock: FakeClock,
    kind: type[errors.APIStatusError],
    status: int,
) -> None:
    client.then(status_error(kind, status))
    fetcher.start()
    assert clock.sleeps_for() is None
    clock.advance(86_400)
    assert (client.times, fetcher.status) == ([0], "unauthorized")
    fetcher.refresh()
    clock.advance(15)
    assert client.times == [0, 86_400, 86_415]
    assert fetcher.status == "live"


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (status_error(errors.BadRequestError, 400), "error"),
        (status_error(errors.AuthenticationError, 401), "unauthorized"),
        (status_error(errors.PaymentRequiredError, 402), "unauthorized"),
        (status_error(errors.PermissionDeniedError, 403), "unauthorized"),
        (status_error(errors.NotFoundError, 404), "error"),
        (status_error(errors.RateLimitError, 429), "rate-limited"),
        (status_error(errors.ServerError, 500), "error"),
        (errors.APIConnectionError("refused"), "offline"),
        (errors.APITimeoutError("late"), "offline"),
        (errors.InvalidResponseError("html"), "error"),
        (ZeroDivisionError("a flaw of ours"), "error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_the_last_good_reading_survives_every_failure(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock, failure: Exception, status: str
) -> None:
    client.then(READING, failure)
    fetcher.start()
    clock.advance(15)
    assert client.times == [0, 15]
    assert (fetcher.credits, fetcher.updated_at) == (READING, BEGINNING)
    assert fetcher.status == status
    assert isinstance(fetcher.error, errors.EvoLinkError)
    assert fetcher.running


def test_a_flaw_of_ours_is_told_without_its_words(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
    client.then(ValueError("may hold anything"))
    with pytest.raises(errors.EvoLinkError, match=r"failed unexpectedly \(ValueError\)") as caught:
        fetcher.read()
    assert "may hold anything" not in str(caught.value)


def test_a_failure_is_kept_without_the_frames_it_came_through(
    fetcher: CreditsFetcher, client: ScriptedClient
) -> None:
    class Data:
        pass

    def work() -> weakref.ref[Data]:
        data = Data()
        with pytest.raises(errors.ServerError):
            fetcher.read()
        return weakref.ref(data)

    client.then(unavailable())
    kept = work()
    gc.collect()
    assert isinstance(fetcher.error, errors.ServerError)
    assert kept() is None


# -- what it tells -------------------------------------------------------------------------------------


def test_statuses_follow_one_another(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
    seen: list[str] = []
    fetcher.observe(lambda change: seen.append(change.new), "status")
    client.then(READING, READING, errors.APIConnectionError("refused"))
    fetcher.refresh()
    fetcher.refresh()
    fetcher.refresh()
    assert seen == ["live", "refreshing", "live", "refreshing", "offline"]


def test_whoever_observes_revision_sees_all_of_a_change(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock
) -> None:
    def note(_change: object) -> None:
        seen.append((fetcher.status, fetcher.credits, fetcher.error, fetcher.updated_at))

    seen: list[tuple[object, ...]] = []
    failure = unavailable()
    client.then(READING, failure, replace(READING, read_at=BEGINNING + timedelta(seconds=30)))
    fetcher.observe(note, "revision")
    fetcher.start()
    clock.advance(15)
    clock.advance(15)
    later = BEGINNING + timedelta(seconds=30)
    assert seen == [
        ("live", READING, None, BEGINNING),
        ("error", READING, failure, BEGINNING),
        ("live", replace(READING, read_at=later), None, later),
    ]


def test_an_observer_that_raises_harms_nobody(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_change: object) -> None:
        raise RuntimeError("an observer's own trouble")

    seen: list[Credits] = []
    fetcher.observe(fail)
    fetcher.observe(lambda change: seen.append(change.new), "credits")
    fetcher.start()
    clock.advance(15)
    assert len(seen) == 2
    assert (client.times, fetcher.status) == ([0, 15], "live")
    assert "An observer of the credits fetcher failed." in caplog.text
    assert "an observer's own trouble" in caplog.text


def test_unobserve_ends_it(fetcher: CreditsFetcher) -> None:
    class Observer:
        def __init__(self) -> None:
            self.seen = 0

        def note(self, _change: object) -> None:
            self.seen += 1

    staying, going = Observer(), Observer()
    fetcher.observe(staying.note, "credits")
    fetcher.observe(going.note, "credits")
    fetcher.unobserve(going.note, "credits")
    fetcher.refresh()
    assert (staying.seen, going.seen) == (1, 0)


def test_its_traits_can_be_linked_to_anything(fetcher: CreditsFetcher) -> None:
    class Label(HasTraits):
        text = Unicode()

    label = Label()
    link = dlink((fetcher, "credits"), (label, "text"), lambda credits: str(credits and credits.spendable))
    fetcher.refresh()
    assert label.text == "1095.3996"
    link.unlink()


def test_read_raises_what_came_and_keeps_what_was_known(
    fetcher: CreditsFetcher, client: ScriptedClient
) -> None:
    client.then(READING, unavailable())
    assert fetcher.read() == READING
    with pytest.raises(errors.ServerError):
        fetcher.read()
    assert fetcher.credits == READING


def test_read_beside_the_thread_waits_for_a_reading_of_its_own(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock
) -> None:
    fetcher.start()
    clock.advance(3)
    assert fetcher.read().read_at == BEGINNING + timedelta(seconds=3)
    assert client.times == [0, 3]


def test_waiting_for_the_first_try_ends_with_it_or_with_its_time(
    fetcher: CreditsFetcher, client: ScriptedClient
) -> None:
    client.gate.clear()
    fetcher.start()
    fetcher.wait(0.01)
    assert fetcher.credits is None
    threading.Timer(0.05, client.gate.set).start()
    fetcher.wait(PATIENCE)
    assert fetcher.credits is not None


# -- how it ends ---------------------------------------------------------------------------------------


def test_stopping_gives_up_a_request_that_gets_no_answer(
    demo_server: DemoServer, reader: EvoLinkClient
) -> None:
    fetcher = CreditsFetcher(reader, 60)
    before = fetcher.read()
    demo_server.fault(latency=600)
    fetcher.start()
    demo_server.wait_for_requests(2)
    begun = time.monotonic()
    fetcher.stop()
    assert time.monotonic() - begun < 1
    assert fetcher_threads() == []
    assert (fetcher.credits, fetcher.error, fetcher.status) == (before, None, "paused")


@pytest.mark.parametrize("comes", ["before", "after"])
def test_a_viewer_that_goes_takes_no_reading_along_that_is_waited_for(
    fetcher: CreditsFetcher, client: ScriptedClient, comes: str
) -> None:
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


def test_a_reading_that_a_stop_gave_up_is_none(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
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
    """The caller is told, nobody waits, and all is as if it had not been tried."""

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


def test_a_failure_is_still_told_after_the_stop(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
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


def test_it_lives_as_long_as_somebody_is_attached(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
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


def test_the_shortest_interval_asked_for_counts(fetcher: CreditsFetcher) -> None:
    intervals = []
    for viewer, interval in (("slow", 60), ("fast", 5), ("middling", 10), ("too fast", 0.001)):
        fetcher.attach(viewer, interval)
        intervals.append(fetcher.interval)
    for viewer in ("too fast", "fast", "middling"):
        fetcher.detach(viewer)
        intervals.append(fetcher.interval)
    assert intervals == [60, 5, 5, 0.1, 5, 10, 60]


def test_many_threads_may_come_and_go(fetcher: CreditsFetcher) -> None:
    failures: list[BaseException] = []

    def come_and_go() -> None:
        try:
            for _ in range(200):
                viewer = object()
                fetcher.attach(viewer, 15)
                fetcher.detach(viewer)
        except Exception as error:
            failures.append(error)
            raise

    fetcher.start()
    at_once(8, come_and_go)
    assert failures == []
    assert len(fetcher_threads()) == 1


def test_a_process_has_one_for_each_base_url_and_key(demo_server: DemoServer) -> None:
    def shared(key: str, base_url: str) -> CreditsFetcher:
        return CreditsFetcher.shared(EvoLinkClient(key, base_url=base_url))

    one = shared(demo_server.key, demo_server.url)
    assert shared(demo_server.key, f"{demo_server.url}/v1/") is one
    assert shared(demo_server.key_of("other"), demo_server.url) is not one
    assert shared(demo_server.key, demo_server.url.replace("127.0.0.1", "localhost")) is not one


def test_what_is_shared_keeps_its_reading_between_two_views(reader: EvoLinkClient) -> None:
    fetcher = CreditsFetcher.shared(reader)
    fetcher.attach("a view", 15)
    fetcher.wait(PATIENCE)
    fetcher.detach("a view")
    again = CreditsFetcher.shared(reader)
    assert (again is fetcher, again.running, again.credits is not None) == (True, False, True)


def test_stop_all_stops_and_forgets_all(client: ScriptedClient, reader: EvoLinkClient) -> None:
    own, shared = CreditsFetcher(client), CreditsFetcher.shared(reader)
    own.start()
    shared.start()
    assert len(fetcher_threads()) == 2
    stop_all()
    assert (own.running, shared.running, fetcher_threads()) == (False, False, [])
    assert CreditsFetcher.shared(reader) is not shared


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


# -- what its observers may do -------------------------------------------------------------------------


@pytest.mark.parametrize("ask", ["read", "read afresh", "refresh", "wait"])
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "read once"])
def test_an_observer_that_asks_waits_for_nothing(
    fetcher: CreditsFetcher, client: ScriptedClient, kept: bool, ask: str
) -> None:
    """It would wait for itself: a read is refused with a reason, a refresh joins the read it was told of."""
    calls: dict[str, Callable[[], object]] = {
        "read": fetcher.read,
        "read afresh": lambda: fetcher.read(join=False),
        "refresh": fetcher.refresh,
        "wait": lambda: fetcher.wait(PATIENCE),
    }
    told: list[str] = []

    def observe(_change: object) -> None:
        try:
            calls[ask]()
        except errors.EvoLinkError as error:
            told.append(error.message)

    fetcher.observe(observe, "credits")
    if kept:
        fetcher.start()
        fetcher.wait(PATIENCE)
    else:
        fetcher.read()
    refused = ["An observer of a fetcher can't wait for a reading of it."] if "read" in ask.split() else []
    assert (told, client.times) == (refused, [0])


def test_an_observer_of_a_message_is_one_too(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
    """It runs on the caller's thread, while the fetcher's own has to wait with what it tells."""
    told: list[str] = []

    def observe(_change: object) -> None:
        for call in (fetcher.read, fetcher.refresh):
            try:
                call()
            except errors.EvoLinkError as error:
                told.append(error.message)

    fetcher.observe(observe, "notice")
    fetcher.set_message(notice="Spent.")
    assert (len(told), client.times, fetcher.running) == (2, [], False)
    fetcher.start()
    fetcher.set_message(notice="")
    assert len(told) == 3


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError()], ids=repr)
def test_an_observer_that_exits_harms_nobody(
    fetcher: CreditsFetcher,
    client: ScriptedClient,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    error: BaseException,
) -> None:
    def leave(_change: object) -> None:
        raise error

    fetcher.observe(leave)
    fetcher.start()
    clock.advance(15)
    assert (client.times, fetcher.status, len(fetcher_threads())) == ([0, 15], "live", 1)
    assert "An observer of the credits fetcher failed." in caplog.text
    fetcher.unobserve(leave)


def test_an_interrupt_in_an_observer_is_the_users(fetcher: CreditsFetcher) -> None:
    """On the main thread: what set the trait is what they stop."""

    def interrupt(_change: object) -> None:
        raise KeyboardInterrupt

    fetcher.observe(interrupt, "notice")
    with pytest.raises(KeyboardInterrupt):
        fetcher.set_message(notice="Spent.")


# -- what it survives ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "read once"])
def test_a_flaw_in_a_step_is_told_to_all(
    client: ScriptedClient, caplog: pytest.LogCaptureFixture, kept: bool
) -> None:
    """As an error to those who wait, and on the card; the loop goes on."""

    def broken(_low: float, _high: float) -> float:
        raise OSError("no randomness")

    fetcher = CreditsFetcher(client, 3600, jitter=broken)
    if kept:
        fetcher.start()
        fetcher.wait(PATIENCE)
    client.then(unavailable())
    with pytest.raises(errors.EvoLinkError, match=r"failed unexpectedly \(OSError\)"):
        fetcher.read()
    wait_for(fetcher, lambda: fetcher.status == "error")
    assert fetcher.read().user == READING.user
    assert "a step failed; the loop goes on." in caplog.text
    assert (fetcher.running, fetcher.status) == (kept, "live")


@pytest.mark.parametrize("flaw", [ZeroDivisionError(), SystemExit(1), TypeError("no reading")], ids=repr)
def test_a_client_may_raise_anything(
    fetcher: CreditsFetcher, client: ScriptedClient, flaw: BaseException
) -> None:
    client.then(flaw)
    with pytest.raises(errors.EvoLinkError, match=f"failed unexpectedly \\({type(flaw).__name__}\\)"):
        fetcher.read()
    assert fetcher.status == "error"
    assert fetcher.read() == READING


def test_an_answer_that_is_no_reading_is_an_error(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
    client.then(None)
    with pytest.raises(errors.EvoLinkError, match=r"failed unexpectedly \(TypeError\)"):
        fetcher.read()


def test_a_fresh_read_learns_of_retry_after(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock
) -> None:
    """The read it waited behind was told to come back later: so is this one, at once."""
    client.then(status_error(errors.RateLimitError, 429, retry_after=60.0))
    client.gate.clear()
    fetcher.start()
    client.wait_until_asked(1)
    found: list[str] = []

    def read() -> None:
        try:
            fetcher.read(join=False)
        except errors.RateLimitError:
            found.append("rate-limited")

    waits = threading.Thread(target=read)
    waits.start()
    client.gate.set()
    waits.join(PATIENCE)
    assert (found, client.times) == (["rate-limited"], [0])
    fetcher.refresh()
    clock.advance(60)
    assert client.times == [0, 60]


def test_refresh_keeps_retry_after(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
    """Also without a thread that could read when it is over."""
    client.then(status_error(errors.RateLimitError, 429, retry_after=60.0))
    fetcher.refresh()
    fetcher.refresh()
    assert (client.times, fetcher.status) == ([0], "rate-limited")


def test_readings_bear_the_clocks_times(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock
) -> None:
    fetcher.start()
    clock.advance(5)
    client.gate.clear()
    fetcher.refresh()
    client.wait_until_asked(2)
    clock.pass_unnoticed(4)
    client.gate.set()
    clock.advance(0)
    stamps = [(reading.requested_at, reading.monotonic) for reading in fetcher.readings]
    assert stamps == [(0, 0), (5, 9)]
    assert fetcher.requested_at == 5


@pytest.mark.parametrize("seconds", [float("inf"), float("nan")])
def test_an_interval_refused_attaches_nobody(fetcher: CreditsFetcher, seconds: float) -> None:
    with pytest.raises(TraitError, match="interval must be at least"):
        fetcher.attach("one", seconds)
    assert (fetcher.running, fetcher_threads()) == (False, [])


# -- without threads -----------------------------------------------------------------------------------


def test_it_reads_without_threads(client: ScriptedClient) -> None:
    """As where the platform has none: in the event loop, and in the call of whoever waits."""

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


def test_without_threads_an_event_loop_must_run(client: ScriptedClient) -> None:
    fetcher = CreditsFetcher(client, threads=False)
    for call in (fetcher.start, fetcher.read):
        with pytest.raises(errors.EvoLinkError, match="no running event loop"):
            call()
    assert not fetcher.running


# -- how its process ends, and forks -------------------------------------------------------------------


ENDING = """
import sys
from evolink_nb import CreditsFetcher, EvoLinkClient

fetcher = CreditsFetcher(EvoLinkClient(sys.argv[1], base_url=sys.argv[2]), 0.1)
fetcher.start()
sys.stdout.write("started\\n")
sys.stdout.flush()
sys.stdin.read()
"""


@pytest.mark.parametrize("answering", [True, False], ids=["while polling", "while a request hangs"])
def test_the_interpreter_exits_promptly_and_in_silence(demo_server: DemoServer, answering: bool) -> None:
    if not answering:
        demo_server.fault(latency=600)
    process = subprocess.Popen(
        [sys.executable, "-c", ENDING, demo_server.key, demo_server.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    demo_server.wait_for_requests(3 if answering else 1)
    begun = time.monotonic()
    printed, complaints = process.communicate(timeout=30)
    assert (printed.strip(), complaints, process.returncode) == (b"started", b"", 0)
    assert time.monotonic() - begun < 3


FORKING = """
import os, sys
from datetime import datetime, UTC
from evolink_nb import CreditsFetcher, EvoLinkClient
from evolink_nb.polling.fetcher import shared_fetchers

def client():
    return EvoLinkClient(sys.argv[1], base_url=sys.argv[2])

class Repeater:
    identity = "repeater"
    def get_credits(self):
        return shared.credits
    def close(self):
        pass

shared = CreditsFetcher.shared(client(), 0.1)
shared.start()
shared.wait(10)
own = CreditsFetcher(Repeater(), 0.1)
told = []
own.observe(lambda change: told.append(os.getpid()), "revision")
own.start()
own.wait(10)

def in_child():
    told.clear()
    assert shared_fetchers() == ()
    assert {each.running for each in (shared, own)} == {False}
    assert {str(each.status) for each in (shared, own)} == {"paused"}
    assert told == []
    anew = CreditsFetcher.shared(client())
    assert anew is not shared
    assert anew.read().user == shared.credits.user
    # One that was inherited starts anew when it is used.
    assert own.read() == shared.credits
    own.start()
    assert own.running
    own.stop()

for _ in range(20):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            in_child()
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1]:
        sys.exit("a child failed")
assert shared.running and own.running and own.read() and shared.read()
assert set(told) == {os.getpid()}
print("all back")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_forked_child_begins_anew(demo_server: DemoServer) -> None:
    """While a thread of the parent's polls, whatever lock that holds just then."""
    process = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING, demo_server.key, demo_server.url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (process.stdout, process.returncode) == ("all back\n", 0), process.stderr
