"""What a fetcher tells, and what its observers may do."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from traitlets import HasTraits, Unicode, dlink, observe

from evolink_nb import errors
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.clock import BEGINNING, FakeClock
from tests.support.scripted import (
    PATIENCE,
    READING,
    ScriptedClient,
    fetcher_threads,
    unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from evolink_nb.credits import Credits


def test_statuses_follow_one_another(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
    seen: list[str] = []
    fetcher.observe(lambda change: seen.append(change.new), "status")
    client.then(READING, READING, errors.APIConnectionError("refused"))
    fetcher.refresh()
    fetcher.refresh()
    fetcher.refresh()
    assert seen == ["live", "refreshing", "live", "refreshing", "offline"]


def test_revision_comes_last(fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock) -> None:
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


def test_observers_that_fail_harm_no_other(
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


def test_unobserve_ends_observing(fetcher: CreditsFetcher) -> None:
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


def test_traits_can_be_linked(fetcher: CreditsFetcher) -> None:
    class Label(HasTraits):
        text = Unicode()

    label = Label()
    link = dlink((fetcher, "credits"), (label, "text"), lambda credits: str(credits and credits.spendable))
    fetcher.refresh()
    assert label.text == "1095.3996"
    link.unlink()


def test_read_raises_why_it_failed(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
    client.then(READING, unavailable())
    assert fetcher.read() == READING
    with pytest.raises(errors.ServerError):
        fetcher.read()
    assert fetcher.credits == READING


def test_read_takes_a_reading_now(fetcher: CreditsFetcher, client: ScriptedClient, clock: FakeClock) -> None:
    fetcher.start()
    clock.advance(3)
    assert fetcher.read().read_at == BEGINNING + timedelta(seconds=3)
    assert client.times == [0, 3]


def test_wait_ends_with_the_first_try(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
    client.gate.clear()
    fetcher.start()
    fetcher.wait(0.01)
    assert fetcher.credits is None
    threading.Timer(0.05, client.gate.set).start()
    fetcher.wait(PATIENCE)
    assert fetcher.credits is not None


@pytest.mark.parametrize("ask", ["read", "read afresh", "refresh", "wait"])
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "read once"])
def test_an_observer_waits_for_no_read(
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
    refused = ["An observer can't wait for a reading from its own fetcher."] if "read" in ask.split() else []
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
def test_observers_that_exit_harm_no_other(
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


def test_an_observer_keeps_no_interrupt(fetcher: CreditsFetcher) -> None:
    """On the main thread: what set the trait is what they stop."""

    def interrupt(_change: object) -> None:
        raise KeyboardInterrupt

    fetcher.observe(interrupt, "notice")
    with pytest.raises(KeyboardInterrupt):
        fetcher.set_message(notice="Spent.")


def test_observers_that_stop_do_not_wait(fetcher: CreditsFetcher, client: ScriptedClient) -> None:
    """The thread that it stops waits for it, to tell of its own reading."""

    def stop(_change: object) -> None:
        client.gate.set()
        fetcher.stop(timeout=60)

    client.gate.clear()
    fetcher.observe(stop, "notice")
    fetcher.start()
    client.wait_until_asked(1)
    begun = time.monotonic()
    fetcher.set_message(notice="Spent.")
    assert time.monotonic() - begun < 30
    assert (fetcher.running, fetcher.status) == (False, "paused")


def test_a_subclass_may_declare_observers(client: ScriptedClient, clock: FakeClock) -> None:
    class Counting(CreditsFetcher):
        seen = 0

        @observe("credits")
        def _count(self, _change: object) -> None:
            self.seen += 1

    counting = Counting(client, clock=clock)
    counting.refresh()
    assert counting.seen == 1
