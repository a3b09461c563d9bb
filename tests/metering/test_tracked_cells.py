"""Every cell measured without waiting for a reading: nothing is invented, lost, or counted twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from evolink_nb.demo import Account
from evolink_nb.metering.active import active_measurements
from evolink_nb.metering.attribution.quiet import quiet_times
from evolink_nb.metering.attribution.verdict import STILL_SPENDING, spent_before
from evolink_nb.metering.attribution.work import MIN_CALL_SECONDS
from evolink_nb.metering.measurement import Measurement, awaited
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.simulated_time import START, Reader, SimulatedTime

TOO_SHORT = 0.0001
"""Seconds in which no call can be made."""


class Run:
    """Work in one simulated time on one account, whose readings happen when a test says so."""

    def __init__(self, *, broken: bool = False, time: SimulatedTime | None = None) -> None:
        self.time = time or SimulatedTime()
        self.account = Account(clock=self.time.monotonic)
        self.reader = Reader(self.account)
        self.reader.broken = broken
        self.fetcher = CreditsFetcher(self.reader, clock=self.time)
        self.fetcher.refresh()

    def begin(self) -> Measurement:
        """Begin work, before which nothing is read."""
        work = Measurement(self.fetcher, covers_kernel=True, reads_first=False)
        work.start()
        return work

    def work(self, seconds: float, spends: int = 0) -> Measurement:
        """Work that takes so long and spends so much."""
        work = self.begin()
        if spends:
            self.account.spend(spends)
        self.time.seconds += seconds
        work.stop()
        return work

    def settle(self, *works: Measurement) -> None:
        """Read until each of these is final."""
        for work in works:
            work.settle()


@pytest.fixture
def run() -> Run:
    """An account, with nothing under way."""
    return Run()


def spent(*works: Measurement) -> list[Decimal | None]:
    return [work.cost.credits for work in works]


def test_what_is_free_is_a_clean_zero(run: Run) -> None:
    """Work that spends is measured, and work that doesn't is a zero once the account has rested."""
    nothing = run.work(1)
    run.settle(nothing)
    assert (nothing.cost.credits, nothing.cost.confidence) == (Decimal(0), "clean")
    work = run.work(1, spends=2)
    run.settle(work)
    assert (work.cost.token, work.cost.confidence, work.cost.settled) == (Decimal(2), "clean", True)


@pytest.mark.parametrize("spender", range(3))
def test_spending_in_a_row_counts_once(run: Run, spender: int) -> None:
    """What is too short for a call leaves the cost to the work that isn't."""
    row = [
        run.work(1.5 if place == spender else TOO_SHORT, 2 if place == spender else 0) for place in range(3)
    ]
    run.settle(*row)
    assert spent(*row) == [2 if place == spender else 0 for place in range(3)]


def test_a_busy_machine_makes_no_spender(run: Run) -> None:
    """A cell that waited for a thread or a file, and for less than any call takes, is no part of a row."""
    call, idle = run.work(0.5, spends=2), run.work(MIN_CALL_SECONDS / 2)
    run.settle(call, idle)
    assert [(work.cost.credits, work.cost.confidence, work.cost.together) for work in (call, idle)] == [
        (Decimal(2), "clean", None),
        (Decimal(0), "clean", None),
    ]


def test_waiting_for_a_cost_is_no_spending(run: Run) -> None:
    """The cell after the work, not measured, does nothing else while it settles."""
    work = run.begin()
    run.account.spend(2)
    run.time.seconds += 1
    work.stop()
    active_measurements.begin_cell(measured_on=None)
    try:
        with awaited(active_measurements.account_of(run.fetcher)):
            run.time.seconds += 1
            run.settle(work)
    finally:
        active_measurements.end_cell()
    assert (work.cost.credits, work.cost.confidence, work.cost.together) == (Decimal(2), "clean", None)


def test_two_spenders_in_a_row_add_up(run: Run) -> None:
    """What two in a row spent is all there, not twice, and neither is sure of its part."""
    row = [run.work(0.2, spends=2), run.work(0.2, spends=3)]
    run.settle(*row)
    assert sum(work.cost.credits or 0 for work in row) == 5
    assert [work.cost.together and work.cost.together.credits for work in row] == [5, 5]
    assert {work.cost.confidence for work in row} == {"shared"}


def test_a_reading_tells_a_row_apart(run: Run) -> None:
    """If the account is known to be at rest before the next begins."""
    call = run.work(0.5, spends=2)
    run.time.seconds += 1
    run.fetcher.read()
    long = run.begin()
    run.account.spend(3)
    run.time.seconds += 60
    long.stop()
    run.settle(call, long)
    assert spent(call, long) == [2, 3]
    assert {work.cost.confidence for work in (call, long)} == {"clean"}


def test_a_reservation_beside_is_the_cells(run: Run) -> None:
    """What lands before the reading beside the cell arrives isn't taken for the state before it."""
    run.time.seconds += 0.5
    work = run.begin()
    run.account.reserve(2, cost=2)
    run.fetcher.read()
    run.time.seconds += 1
    work.stop()
    run.settle(work)
    assert (work.cost.credits, work.cost.confidence) == (Decimal(2), "clean")


def test_an_old_reading_is_better_than_none(run: Run) -> None:
    """Where the balance can't be read before work, what was spent since the last reading is no less known."""
    run.reader.broken = True
    work = Measurement(run.fetcher)
    work.start()
    assert work.before is None
    run.account.spend(2)
    run.time.seconds += 1
    work.stop()
    run.reader.broken = False
    run.settle(work)
    assert (work.cost.credits, work.cost.settled) == (Decimal(2), True)


def test_no_reading_before_is_no_zero() -> None:
    """Without any reading before the cost is unknown and no zero."""
    run = Run(broken=True)
    work = run.work(1, spends=2)
    run.reader.broken = False
    run.settle(work)
    assert work.cost.credits is None
    assert work.cost.confidence == "unknown"


@pytest.mark.parametrize("idle", [0.5, 60])
@pytest.mark.parametrize(("before", "confidence"), [(0, "clean"), (7, "shared")])
def test_earlier_spending_is_nobody_s(run: Run, before: int, confidence: str, idle: float) -> None:
    """What moved since the last reading is nobody's."""
    # Something else may have spent since the last reading, so another is taken beside the work.
    run.time.seconds += idle
    if before:
        run.account.spend(before)
    work = run.work(1, spends=2)
    run.settle(work)
    assert (work.cost.credits, work.cost.confidence) == (Decimal(2), confidence)
    assert (work.cost.reason == spent_before()) == bool(before)


def test_a_new_reading_serves_as_baseline(run: Run) -> None:
    """A fresh reading serves as the one before."""
    readings = len(run.fetcher.readings)
    work = run.work(1, spends=2)
    assert len(run.fetcher.readings) == readings
    run.settle(work)
    assert (work.cost.credits, work.cost.confidence) == (Decimal(2), "clean")


class ClockSetBack(SimulatedTime):
    """Its time of day is set back long before all readings: only the monotonic clock goes on."""

    def now(self) -> datetime:
        return START - timedelta(minutes=1)


def test_a_clock_set_back_is_harmless() -> None:
    """A clock set back makes no old reading new."""
    run = Run(time=ClockSetBack())
    run.time.seconds += 60
    run.account.spend(3)
    work = run.work(1, spends=2)
    run.settle(work)
    assert work.cost.credits == 2
    assert (work.cost.confidence, work.cost.reason) == ("shared", spent_before())
    assert 0 <= work.settled_in < 60


def test_a_steady_spender_is_no_clean_cost(run: Run) -> None:
    """What goes on being spent after work has ended isn't taken for late charges of its."""
    quiet_times.begin_with(6.0)
    work = run.work(1, spends=2)
    for _ in range(4):
        run.time.seconds += 1
        run.account.spend(1)
        run.fetcher.read()
    # Said before the account comes to rest, too: it may never do so.
    assert (work.work.cost.confidence, work.work.cost.reason) == ("unsettled", STILL_SPENDING)
    run.settle(work)
    assert (work.cost.confidence, work.cost.reason) == ("shared", STILL_SPENDING)
