"""Whoever is told of a cost is told once of each change, harms nothing by failing, and is let go of."""

from __future__ import annotations

import contextvars
import gc
import weakref
from dataclasses import dataclass, field

import pytest

from evolink_nb.demo import Account
from evolink_nb.metering.measurement import Measurement
from evolink_nb.metering.settlement import Phase, SettleTiming
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.simulated_time import Reader, SimulatedTime
from tests.support.threads import join_all_but, running
from tests.support.waiting import LIMIT


@dataclass
class Listener:
    """Notes what it is told, and may fail at it."""

    problem: BaseException | None = None
    told: list[tuple[str, str]] = field(default_factory=list)

    def changed(self, measurement: Measurement) -> None:
        self.note("changed", measurement)

    def final(self, measurement: Measurement) -> None:
        self.note("final", measurement)

    def note(self, what: str, measurement: Measurement) -> None:
        self.told.append((what, f"{measurement.cost.credits or 0:.0f} {measurement.cost.confidence}"))
        if self.problem is not None:
            raise self.problem


def measured(listener: Listener) -> Measurement:
    """Work that spent 2 credits, and has ended."""
    time = SimulatedTime()
    account = Account(clock=time.monotonic)
    work = Measurement(CreditsFetcher(Reader(account), clock=time), listener=listener)
    work.start()
    account.spend(2)
    work.stop()
    return work


def test_a_listener_is_told_of_each_change() -> None:
    listener = Listener()
    measured(listener).settle()
    assert listener.told == [
        ("changed", "2 unsettled"),
        ("changed", "2 clean"),
        ("final", "2 clean"),
    ]


@pytest.mark.parametrize("problem", [ZeroDivisionError(), SystemExit(1)], ids=["flaw", "exit"])
def test_a_listener_that_fails_harms_nothing(
    problem: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener(problem)
    work = measured(listener)
    cost = work.settle()
    assert cost.credits == 2
    assert cost.confidence == "clean"
    assert work.wait(0)
    assert [what for what, _ in listener.told] == ["changed", "changed", "final"]
    assert "a settled cost failed" in caplog.text


def test_work_that_never_began_is_untold() -> None:
    listener = Listener()
    work = Measurement(CreditsFetcher(Reader(Account()), clock=SimulatedTime()), listener=listener)
    work.start()
    work.abandon()
    work.abandon()
    assert (work.phase, work.wait(0), listener.told) == (Phase.FINAL, True, [])


def test_nothing_of_a_settled_cost_stays() -> None:
    """With its cost the thread, the fetcher and the work itself can be collected."""

    def run() -> list[weakref.ref[object]]:
        fetcher = CreditsFetcher(Reader(Account()))
        work = Measurement(fetcher, timing=SettleTiming(quiet=0.01), listener=Listener())
        work.start()
        work.stop()
        work.settle_in_background()
        assert work.wait(LIMIT)
        return [weakref.ref(fetcher), weakref.ref(work)]

    before = running()
    kept = contextvars.Context().run(run)
    join_all_but(before)
    gc.collect()
    assert [each() for each in kept] == [None, None]
