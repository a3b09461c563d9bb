"""Tasks that outlive the work that made them: known by their contexts, and said to go on."""

from __future__ import annotations

import asyncio
import contextvars
import math
from typing import TYPE_CHECKING

from evolink_nb import meter
from evolink_nb.metering.active import BESIDE_A_TASK
from evolink_nb.metering.tasks import context_of, describe, unfinished_tasks
from evolink_nb.runtime import Loop

if TYPE_CHECKING:
    from evolink_nb import EvoLinkClient
    from evolink_nb.demo import DemoServer

MARK: contextvars.ContextVar[str] = contextvars.ContextVar("mark", default="")


def test_our_own_loops_are_nobodys_work() -> None:
    """Where there are no threads, what reads the balance is a task."""

    async def main() -> None:
        loop = Loop(lambda: math.inf, name="a loop", threads=False)
        loop.start()
        assert unfinished_tasks() == []
        loop.stop()
        await asyncio.sleep(0)

    asyncio.run(main())


def test_a_task_keeps_its_makers_context() -> None:
    """Before it runs, while it awaits something, and while it awaits other tasks."""

    async def wait(event: asyncio.Event) -> None:
        await event.wait()

    async def wait_twice(event: asyncio.Event) -> None:
        await asyncio.gather(wait(event), wait(event))

    async def main() -> None:
        event = asyncio.Event()
        MARK.set("work")
        tasks = [asyncio.create_task(wait(event)), asyncio.create_task(wait_twice(event))]
        MARK.set("later")
        other = asyncio.create_task(asyncio.sleep(60))
        marks = []
        for _turn in range(3):
            marks += [context[MARK] for task in tasks if (context := context_of(task)) is not None]
            await asyncio.sleep(0)
        assert marks == ["work"] * 6
        context = context_of(other)
        assert context is not None
        assert context[MARK] == "later"
        assert set(unfinished_tasks()) >= {*tasks, other}
        assert asyncio.current_task() not in unfinished_tasks()
        event.set()
        other.cancel()
        await asyncio.wait([*tasks, other])
        assert unfinished_tasks() == []

    asyncio.run(main())


def test_without_a_loop_there_is_no_task() -> None:
    assert unfinished_tasks() == []
    assert describe([]) == ""


def test_a_task_that_goes_on_is_said(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """And what is measured beside it may hold what it spends."""

    async def main() -> None:
        event = asyncio.Event()
        async with meter(client=client) as left:
            demo_server.account.spend(1)
            task = asyncio.create_task(event.wait())
        assert left.reason == "something it started was still running after it ended: 1 task"
        async with meter(client=client) as beside:
            demo_server.account.spend(1)
        assert beside.reason == BESIDE_A_TASK
        event.set()
        await task
        async with meter(client=client) as after:
            demo_server.account.spend(1)
        assert [cost.confidence for cost in (left, beside, after)] == ["shared", "shared", "clean"]
        assert [cost.credits for cost in (left, beside, after)] == [1, 1, 1]

    asyncio.run(main())


def test_a_task_that_is_awaited_is_done(demo_server: DemoServer, client: EvoLinkClient) -> None:
    async def main() -> None:
        other = asyncio.create_task(asyncio.sleep(60))
        async with meter(client=client) as cost:
            demo_server.account.spend(1)
            await asyncio.gather(*(asyncio.sleep(0) for _ in range(3)))
        assert cost.confidence == "clean"
        other.cancel()

    asyncio.run(main())
