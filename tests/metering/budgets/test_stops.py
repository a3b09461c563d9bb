"""The stops of one budget: what they say again, and whom they keep."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from evolink_nb.metering.budgets.own_spending import Reservations
from evolink_nb.metering.budgets.stops import Stops
from evolink_nb.metering.budgets.watch_actions import Refuse
from evolink_nb.metering.interrupt import InterruptTarget

if TYPE_CHECKING:
    import pytest

REFUSAL = Refuse(Decimal(0))


def refuse(stops: Stops, work: InterruptTarget) -> None:
    stops.make(REFUSAL, Decimal(5), Reservations())
    stops.note_refusal(work)


def test_a_caller_that_asks_again_is_told() -> None:
    stops, work = Stops("The budget", Decimal(5)), InterruptTarget()
    told = []
    for _ in range(2):
        refuse(stops, work)
        told.append(stops.must_report)
    stops.begin_work()
    assert [*told, stops.must_report] == [False, True, False]


def test_each_task_is_a_caller_of_its_own() -> None:
    """And is not kept: a service may have thousands of them refused."""
    stops, tasks = Stops("The budget", Decimal(5)), list[weakref.ref[asyncio.Task[Any]]]()

    async def ask(work: InterruptTarget) -> None:
        refuse(stops, work)

    async def serve() -> None:
        work = InterruptTarget()
        for _ in range(3):
            task = asyncio.create_task(ask(work))
            tasks.append(weakref.ref(task))
            await task

    asyncio.run(serve())
    gc.collect()
    assert not stops.must_report
    assert [task() for task in tasks] == [None, None, None]


def test_only_the_first_refusal_is_news(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "evolink_nb")
    stops, work = Stops("The budget", Decimal(5)), InterruptTarget()
    for _ in range(3):
        refuse(stops, work)
    stops.begin_work()
    refuse(stops, work)
    assert [record.levelname for record in caplog.records] == ["INFO", "DEBUG", "DEBUG", "INFO"]
