"""What a fetcher does after a failure, and what it survives."""

from __future__ import annotations

import gc
import threading
import weakref
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from traitlets import TraitError

from evolink_nb import errors
from evolink_nb.polling.backoff import MAX_PAUSE
from evolink_nb.polling.clock import Clock
from evolink_nb.polling.fetcher import CreditsFetcher
from evolink_nb.runtime import end_idle_threads
from tests.support.clock import BEGINNING, FakeClock
from tests.support.scripted import (
    PATIENCE,
    READING,
    Jitter,
    ScriptedClient,
    fetcher_threads,
    status_error,
    unavailable,
    wait_for,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from evolink_nb import EvoLinkClient


def test_failures_double_the_pause(
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


def test_jitter_makes_pauses_differ(client: ScriptedClient, clock: FakeClock) -> None:
    pauses = set()
    for _ in range(20):
        client.then(unavailable())
        fetcher = CreditsFetcher(client, 15.0, clock=clock)
        fetcher.start()
        pauses.add(clock.sleeps_for())
        fetcher.stop()
    assert len(pauses) > 10
    assert all(pause is not None and 15 <= pause <= 15 * 1.25 for pause in pauses)


def test_failures_shorten_no_interval(client: ScriptedClient, clock: FakeClock) -> None:
    client.then(unavailable(), unavailable())
    fetcher = CreditsFetcher(client, 1000.0, clock=clock, jitter=Jitter())
    fetcher.start()
    assert clock.sleeps_for() == 1000
    clock.advance(1000)
    assert clock.sleeps_for() == 1000


@pytest.mark.parametrize("kind", [errors.RateLimitError, errors.ServerError])
def test_retry_after_is_kept(
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


def test_a_refresh_put_off_comes_first(
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
def test_permanent_errors_stop_polling(
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


def test_a_refused_key_is_tried_for_a_budget(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock
) -> None:
    """A card waits for the user; a subscriber that must be served, also one that comes later, doesn't."""
    refused = [status_error(errors.AuthenticationError, 401) for _ in range(3)]
    client.then(*refused)
    fetcher.start()
    clock.advance(100)
    assert client.times == [0]
    fetcher.attach("budget", 1.0, ignores_pause=True)
    for seconds in (0, 4, 8):
        clock.advance(seconds)
    assert client.times == [0, 100, 104, 112]
    assert fetcher.status == "live"


def test_no_more_is_tried_than_needed(
    fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock
) -> None:
    client.then(*(status_error(errors.AuthenticationError, 401) for _ in range(3)))
    fetcher.start()
    fetcher.attach("budget", 1.0, ignores_pause=True)
    fetcher.detach("budget")
    clock.advance(1000)
    assert client.times == [0]


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
def test_the_last_reading_survives_failures(
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


def test_a_flaw_is_told_without_its_words(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
    client.then(ValueError("may hold anything"))
    with pytest.raises(errors.EvoLinkError, match=r"failed unexpectedly \(ValueError\)") as caught:
        fetcher.read()
    assert "may hold anything" not in str(caught.value)


def test_a_failure_keeps_no_frames(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
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


def test_a_loop_that_died_is_started_anew(client: ScriptedClient) -> None:
    """Observers see an error, and a caller does not wait for a thread that is gone."""

    class Broken(Clock):
        def wait(self, *_: object) -> None:
            raise OSError("no waiting")

    fetcher = CreditsFetcher(client, 3600, clock=Broken())
    fetcher.start()
    calls: list[Callable[[], object]] = [fetcher.read, fetcher.refresh]
    for asked, ask in enumerate(calls, start=2):
        wait_for(fetcher, lambda: fetcher.status == "error")
        ask()
        client.wait_until_asked(asked)
    assert fetcher.running


@pytest.mark.parametrize("flaw", [ZeroDivisionError(), SystemExit(1), TypeError("no reading")], ids=repr)
def test_a_client_may_raise_anything(
    fetcher: CreditsFetcher, client: ScriptedClient, flaw: BaseException
) -> None:
    client.then(flaw)
    with pytest.raises(errors.EvoLinkError, match=f"failed unexpectedly \\({type(flaw).__name__}\\)"):
        fetcher.read()
    assert fetcher.status == "error"
    assert fetcher.read() == READING


def test_what_is_no_reading_is_an_error(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
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
def test_refused_intervals_attach_nothing(fetcher: CreditsFetcher, seconds: float) -> None:
    with pytest.raises(TraitError, match="interval must be at least"):
        fetcher.attach("one", seconds)
    assert (fetcher.running, fetcher_threads()) == (False, [])


def test_no_thread_for_a_request_passes(reader: EvoLinkClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fetcher's own thread runs; those of its requests can't be started for a while."""
    fetcher = CreditsFetcher(reader, 0.1)
    fetcher.start()
    fetcher.wait(PATIENCE)

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        end_idle_threads()  # the last one would do
        with pytest.raises(errors.APIConnectionError, match="can't start new thread"):
            reader.get_credits()
        wait_until(lambda: fetcher.status == "offline")
        assert "can't start new thread" in str(fetcher.error)
        assert fetcher.credits is not None
    fetcher.refresh()
    wait_until(lambda: fetcher.status == "live")
    fetcher.stop()
