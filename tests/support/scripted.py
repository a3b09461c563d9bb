"""A client that answers what a test tells it to, and what else tests of fetchers have in common."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from evolink_nb import errors
from evolink_nb.credits import Credits
from tests.support import threads
from tests.support.readings import reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from evolink_nb.polling.fetcher import CreditsFetcher
    from tests.support.clock import FakeClock

PATIENCE = 60.0

READING = reading()

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


def fetcher_threads() -> list[threading.Thread]:
    return list(threads.running("evolink-nb-fetcher"))


def status_error(kind: type[errors.APIStatusError], status: int, **fields: Any) -> errors.APIStatusError:
    return kind("no", status=status, **fields)


def unavailable() -> errors.ServerError:
    return errors.ServerError("no", status=503)


def at_once(count: int, call: Callable[[], object]) -> None:
    """Make `count` calls from as many threads, and wait for their end."""
    together = threading.Barrier(count)
    started = [threading.Thread(target=lambda: (together.wait(PATIENCE), call())) for _ in range(count)]
    for thread in started:
        thread.start()
    for thread in started:
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
