"""When an account asks what other kernels did, and that costs change by the answers."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from evolink_nb.metering.account import shared_fetcher
from evolink_nb.metering.active import active_measurements
from evolink_nb.metering.attribution.own_time import OwnTime
from evolink_nb.metering.attribution.verdict import ELSEWHERE
from evolink_nb.metering.attribution.work import Work
from evolink_nb.metering.measurement import Measurement
from evolink_nb.metering.meter import meter
from evolink_nb.metering.other_kernels import Run, Seen, UnexplainedSpending, other_kernels
from evolink_nb.metering.overlap_checker import (
    FIRST_AFTER,
    LOOKS_FOR,
    MIN_PAUSE,
    THREAD_NAME,
    Asked,
    next_ask_at,
)
from evolink_nb.metering.settlement import SettleTiming
from tests.support import threads
from tests.support.experiment import Experiment
from tests.support.waiting import LIMIT, wait_until

if TYPE_CHECKING:
    from evolink_nb import EvoLinkClient
    from evolink_nb.demo import DemoServer
    from evolink_nb.metering.ledger import MemoryLedger
    from evolink_nb.polling.fetcher import CreditsFetcher
    from tests.support.paid_server import PaidServer

MEANWHILE = "other.ipynb used the same key meanwhile"


class Others:
    """Other kernels: says what it is told to, and counts the questions."""

    def __init__(self) -> None:
        self.answer: Callable[[float], Seen | None] = lambda _now: Seen()
        self.asked = 0
        self.known = True

    def are_known(self, _fetcher: CreditsFetcher) -> bool:
        return self.known

    def seen(self, fetcher: CreditsFetcher, since: float) -> Seen | None:
        self.asked += 1
        assert since < fetcher.clock.monotonic()
        return self.answer(fetcher.clock.monotonic())


def running(now: float) -> Seen:
    """One that has been running for a minute, and has spent."""
    return Seen((Run("host:2", "other.ipynb", now - 60, now, Decimal(4)),))


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> Iterator[Others]:
    monkeypatch.setattr("evolink_nb.metering.overlap_checker.MIN_PAUSE", 0.05)
    found = Others()
    other_kernels.use(found)
    yield found
    other_kernels.use(None)


def final_clean(client: EvoLinkClient, server: DemoServer) -> Measurement:
    """A cost that has been called clean."""
    measured = Measurement(shared_fetcher(client), timing=SettleTiming(settle=30.0))
    measured.start()
    server.account.spend(1)
    measured.stop()
    measured.record("cell", key="a", name="a")
    assert measured.settle().confidence == "clean"
    return measured


def test_a_cost_beside_others_is_shared(
    client: EvoLinkClient, demo_server: DemoServer, others: Others, book: MemoryLedger
) -> None:
    others.answer = running
    with meter(client=client) as cost:
        demo_server.account.spend(1)
    assert (cost.confidence, cost.reason) == ("shared", MEANWHILE)
    assert [entry.cost.reason for entry in book.entries()] == [MEANWHILE]


def test_a_clean_cost_is_amended_later(
    client: EvoLinkClient, demo_server: DemoServer, others: Others, book: MemoryLedger
) -> None:
    """Another kernel's long work is known at its end."""
    measured = final_clean(client, demo_server)
    assert others.asked
    others.answer = running
    wait_until(lambda: book.entries()[0].cost.confidence == "shared")
    assert measured.cost.reason == MEANWHILE
    # There is nothing left to be asked.
    wait_until(lambda: not list(threads.running(THREAD_NAME)))


def test_clean_waits_for_the_answer(client: EvoLinkClient, demo_server: DemoServer, others: Others) -> None:
    """A database that is asked for the first time takes a moment, and a short quiet time is soon over."""
    measured = Measurement(shared_fetcher(client), timing=SettleTiming(settle=30.0))

    def late(now: float) -> Seen:
        wait_until(lambda: measured.work.is_final)
        return running(now)

    others.answer = late
    measured.start()
    demo_server.account.spend(1)
    measured.stop()
    assert measured.settle().reason == MEANWHILE


def test_no_answer_is_waited_for_long(
    client: EvoLinkClient, demo_server: DemoServer, others: Others, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evolink_nb.metering.overlap_checker.PATIENCE", 0.05)
    goes_on = threading.Event()

    def hangs(now: float) -> Seen:
        assert goes_on.wait(LIMIT)
        return running(now)

    others.answer = hangs
    measured = final_clean(client, demo_server)
    goes_on.set()
    wait_until(lambda: measured.cost.reason == MEANWHILE)


def test_a_confirmed_cost_stays_confirmed(
    paid_server: PaidServer, paid_client: EvoLinkClient, others: Others
) -> None:
    """Its receipts come to what was spent, whoever else ran."""
    paid_server.receipts = True
    others.answer = running
    with meter(client=paid_client) as cost:
        Experiment(paid_client).call()
    assert cost.confidence == "confirmed"


def test_all_cells_of_a_row_are_amended(
    client: EvoLinkClient, demo_server: DemoServer, others: Others, book: MemoryLedger
) -> None:
    """Not only the last: another kernel's work may have gone on beside all of them."""
    for _ in range(3):
        final_clean(client, demo_server)
    others.answer = running
    wait_until(lambda: {entry.cost.reason for entry in book.entries()} == {MEANWHILE})


def test_a_late_charge_may_be_anothers(
    client: EvoLinkClient, demo_server: DemoServer, others: Others, book: MemoryLedger
) -> None:
    """An idle kernel can't tell; what the other one has recorded tells it afterwards."""
    measured = final_clean(client, demo_server)
    active_measurements.begin_cell(measured_on=measured.fetcher)
    active_measurements.end_cell()
    demo_server.account.spend(4)
    measured.fetcher.read()
    wait_until(lambda: measured.cost.credits == 5)
    assert measured.cost.confidence == "shared"
    others.answer = lambda now: Seen((Run("host:2", "other.ipynb", now - 1, now, Decimal(4)),))
    wait_until(lambda: measured.cost.credits == 1)
    cell, idle = book.entries()
    assert cell.cost.credits == 1
    assert (idle.kind, idle.cost.reason) == ("idle", ELSEWHERE)
    assert idle.cost.credits == 4


def test_later_costs_hear_of_it_too(
    client: EvoLinkClient, demo_server: DemoServer, others: Others, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Use elsewhere that another kernel saw before this one began."""
    now = shared_fetcher(client).clock.monotonic()
    monkeypatch.setattr(active_measurements, "_own_time", OwnTime(now))
    since = now - 30
    others.answer = lambda _now: Seen(
        unexplained=(UnexplainedSpending("host:2", since - 5, since, Decimal(4)),)
    )
    for _ in range(2):
        with meter(client=client) as cost:
            demo_server.account.spend(1)
        assert (cost.confidence, cost.reason) == ("shared", ELSEWHERE)


def test_without_others_nothing_is_asked(
    client: EvoLinkClient, demo_server: DemoServer, others: Others
) -> None:
    """Where no history is kept, no thread is started."""
    others.answer, others.known = running, False
    with meter(client=client) as cost:
        demo_server.account.spend(1)
    assert cost.confidence == "clean"
    assert not others.asked
    assert not list(threads.running(THREAD_NAME))


def test_a_cost_of_nothing_asks_nothing(client: EvoLinkClient, others: Others) -> None:
    with meter(client=client) as cost:
        pass
    assert cost.confidence == "clean"
    assert not cost.credits
    assert not others.asked


@pytest.mark.parametrize("error", [RuntimeError("broken"), None])
def test_no_answer_changes_nothing(
    client: EvoLinkClient, demo_server: DemoServer, others: Others, error: Exception | None
) -> None:
    def fail(_now: float) -> None:
        if error is not None:
            raise error

    others.answer = fail
    assert final_clean(client, demo_server).cost.confidence == "clean"
    assert others.asked


def test_an_hour_has_few_questions() -> None:
    """Soon, when the cost is final, and less and less often."""
    work = Work(0.0, ended=10.0)
    now, asked = next_ask_at(work, None), []
    assert now == 10 + FIRST_AFTER
    while not math.isinf(now):
        asked.append(now)
        if len(asked) == 3:
            work.is_final = True
            assert next_ask_at(work, Asked(now, was_final=False)) == -math.inf
        now = next_ask_at(work, Asked(now, was_final=work.is_final))
    assert len(asked) <= 14
    assert all(later - earlier >= MIN_PAUSE for earlier, later in itertools.pairwise(asked))
    assert LOOKS_FOR / 2 < asked[-1] < 2 * LOOKS_FOR
