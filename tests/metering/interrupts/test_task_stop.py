"""An exception raised in a task where it awaits: in whatever it awaits, and in its own order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

import pytest

from evolink_nb.metering.interrupts.task_stop import (
    awaiting_code,
    is_on_stack,
    is_suspended,
    raise_in_all,
    raise_in_task,
    suspended_code,
    waits_for,
)


class Stop(asyncio.CancelledError):
    """What is raised here."""


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


async def until_suspended(task: asyncio.Task[Any]) -> None:
    """Let a task run, and what it waits for, until each awaits something."""
    for _ in range(5):
        await asyncio.sleep(0)
    assert is_suspended(task)


class Clean:
    """An await with a clean-up that awaits too."""

    def __init__(self) -> None:
        self.caught: list[str] = []
        self.cleaned = 0

    async def wait(self) -> None:
        try:
            await forever()
        except asyncio.CancelledError as error:
            self.caught.append(type(error).__name__)
            raise
        finally:
            await asyncio.sleep(0)
            self.cleaned += 1


async def in_a_group(clean: Clean) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(clean.wait())
        group.create_task(clean.wait())


async def in_a_timeout(clean: Clean) -> None:
    async with asyncio.timeout(60):
        await clean.wait()


WAYS: dict[str, tuple[Callable[[Clean], Awaitable[Any]], int]] = {
    "itself": (lambda clean: clean.wait(), 1),
    "a task": (lambda clean: asyncio.create_task(clean.wait()), 1),
    "gather": (lambda clean: asyncio.gather(clean.wait(), clean.wait()), 2),
    "a group": (in_a_group, 2),
    "a timeout": (in_a_timeout, 1),
    "wait_for": (lambda clean: asyncio.wait_for(clean.wait(), 60), 1),
    "a shield": (lambda clean: asyncio.shield(clean.wait()), 1),  # as the loop ends
    "a queue": (lambda _clean: asyncio.Queue[int]().get(), 0),
    "a sleep": (lambda _clean: asyncio.sleep(60), 0),
    "an event": (lambda _clean: asyncio.Event().wait(), 0),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_stop_is_what_the_awaiter_gets(way: str) -> None:
    begin, cleaned = WAYS[way]
    clean = Clean()

    async def work() -> str:
        try:
            await begin(clean)
        except Stop:
            return "stopped"
        return "went on"

    async def main() -> tuple[str, int]:
        task = asyncio.create_task(work())
        await until_suspended(task)
        assert raise_in_task(task, Stop)
        return await asyncio.wait_for(task, 20), task.cancelling()

    assert asyncio.run(main(), debug=True) == ("stopped", 0)
    assert clean.cleaned == cleaned


def test_a_thread_that_is_awaited_is_let_go() -> None:
    """And its result, when it comes, disturbs nothing."""
    release, failures = threading.Event(), []

    async def work() -> None:
        await asyncio.to_thread(release.wait)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: failures.append(context))
        task = asyncio.create_task(work())
        await until_suspended(task)
        assert raise_in_task(task, Stop)
        with pytest.raises(Stop):
            await task
        release.set()
        await loop.shutdown_default_executor()

    asyncio.run(main())
    assert failures == []


def test_all_tasks_of_a_loop_get_the_stop() -> None:
    first, second = Clean(), Clean()

    async def main() -> None:
        tasks = [asyncio.create_task(clean.wait()) for clean in (first, second)]
        for task in tasks:
            await until_suspended(task)
        loop = asyncio.get_running_loop()
        loop.call_soon(raise_in_all, loop, Stop)
        with pytest.raises(Stop):
            await tasks[0]
        await asyncio.wait(tasks)

    asyncio.run(main())
    assert (first.cleaned, second.cleaned) == (1, 1)


def test_what_a_task_waits_for_is_known() -> None:
    async def work(children: list[asyncio.Task[None]]) -> None:
        await asyncio.gather(*children)

    async def main() -> None:
        children = [asyncio.create_task(forever()) for _ in range(2)]
        task, other = asyncio.create_task(work(children)), asyncio.create_task(forever())
        await until_suspended(task)
        await until_suspended(other)
        assert all(waits_for(task, child) for child in children)
        assert not waits_for(task, other)
        assert suspended_code(task) == [work.__code__]
        assert suspended_code(children[0]) == [forever.__code__]
        assert set(awaiting_code([task])) == {work.__code__, forever.__code__}
        own = asyncio.current_task()
        assert own is not None
        assert (is_on_stack(own), is_on_stack(task)) == (True, False)
        raise_in_task(task, Stop)
        other.cancel()
        await asyncio.wait([task, other, *children])

    asyncio.run(main())


def test_a_silent_coroutine_is_on_the_stack() -> None:
    """Of another implementation, which doesn't say that it runs: while its task is the current one."""
    seen = []

    class Silent(Coroutine[None, None, None]):
        def send(self, _value: None) -> None:
            own = asyncio.current_task()
            seen.append(own is not None and is_on_stack(own))
            if len(seen) > 1:
                raise StopIteration

        def throw(self, *_error: Any) -> None:
            raise NotImplementedError

        def close(self) -> None:
            raise NotImplementedError

        def __await__(self) -> Generator[Any]:
            raise NotImplementedError

    async def main() -> None:
        task: asyncio.Task[None] = asyncio.create_task(Silent())
        await asyncio.sleep(0)
        seen.append(is_on_stack(task))
        await task

    asyncio.run(main())
    assert seen == [True, False, True]


def test_without_asyncios_names_it_says_so() -> None:
    """As on another implementation of tasks: the caller cancels then."""

    class Bare:
        pass

    bare: Any = Bare()
    assert is_suspended(bare)
    assert not raise_in_task(bare, Stop)
