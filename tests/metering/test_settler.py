"""One thread an account settles all its work, ends with it, and leaves nobody waiting."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from evolink_nb import runtime
from evolink_nb.errors import APIConnectionError
from evolink_nb.metering.settler import THREAD_NAME, Settler
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.readings import moved
from tests.support.threads import join_all_but, running
from tests.support.waiting import LIMIT, wait_until

if TYPE_CHECKING:
    from evolink_nb.credits import Credits


class Client:
    """Counts how often it is asked, and fails as it is told to."""

    identity = "one"

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None

    def get_credits(self) -> Credits:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return moved(spent=self.asked)

    def close(self) -> None:
        pass


@dataclass(eq=False)
class Cost:
    """Wants so many readings, one after the other."""

    wanted: int = 1
    next_read_at: float | None = 0.0
    problem: BaseException | None = None
    fed: list[Credits | None] = field(default_factory=list)
    is_final: threading.Event = field(default_factory=threading.Event)

    @property
    def is_unread(self) -> bool:
        return not self.fed

    def feed(self, reading: Credits | None) -> bool:
        self.fed.append(reading)
        if self.problem is not None:
            raise self.problem
        return len(self.fed) >= self.wanted

    def finish(self) -> None:
        self.is_final.set()
        if self.problem is not None:
            raise self.problem


@pytest.fixture
def client() -> Client:
    """What is asked."""
    return Client()


@pytest.fixture
def settler(client: Client) -> Iterator[Settler]:
    """The account's settler; its thread ends with its work."""
    before = running()
    yield Settler(CreditsFetcher(client))
    join_all_but(before)


def is_settling() -> bool:
    return bool(running(THREAD_NAME))


def test_one_reading_serves_all_that_wait(settler: Settler, client: Client) -> None:
    soon = Cost(next_read_at=runtime.SystemTimer().monotonic() + 0.1)
    later = Cost(next_read_at=float("inf"))
    settler.submit(later)
    settler.submit(soon)
    assert soon.is_final.wait(LIMIT)
    # What was never read takes any reading, whenever its own is due.
    assert later.is_final.wait(LIMIT)
    assert (client.asked, soon.fed) == (1, later.fed)


def test_it_reads_until_all_are_sure(settler: Settler, client: Client) -> None:
    """It reads until each is sure and then ends."""
    cost = Cost(wanted=3)
    settler.submit(cost)
    assert cost.is_final.wait(LIMIT)
    assert (len(cost.fed), client.asked) == (3, 3)
    wait_until(lambda: not is_settling())
    again = Cost()
    settler.submit(again)
    assert again.is_final.wait(LIMIT)


@pytest.mark.parametrize("problem", [ZeroDivisionError(), SystemExit(1)], ids=["flaw", "exit"])
def test_what_fails_ends_only_itself(
    settler: Settler, problem: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = Cost(problem=problem), Cost(wanted=2)
    settler.submit(broken)
    settler.submit(sound)
    assert broken.is_final.wait(LIMIT)
    assert sound.is_final.wait(LIMIT)
    assert "could not be settled" in caplog.text
    assert "a settled cost failed" in caplog.text


@pytest.mark.parametrize("error", [APIConnectionError("No answer."), ZeroDivisionError()])
def test_a_failed_reading_is_told(settler: Settler, client: Client, error: Exception) -> None:
    client.error = error
    cost = Cost()
    settler.submit(cost)
    assert cost.is_final.wait(LIMIT)
    assert cost.fed == [None]


def test_a_cancelled_cost_is_not_read_for(settler: Settler, client: Client) -> None:
    """What is cancelled is ended without a reading."""
    cost = Cost(next_read_at=float("inf"))
    settler.submit(cost)
    cost.next_read_at = None
    settler.wake()
    assert cost.is_final.wait(LIMIT)
    assert (cost.fed, client.asked) == ([None], 0)


def test_no_thread_means_final_at_once(
    settler: Settler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a thread a cost is final at once."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    cost = Cost()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        settler.submit(cost)
    assert cost.is_final.is_set()
    assert "No thread could be started" in caplog.text
    # And the next one is settled as ever.
    after = Cost()
    settler.submit(after)
    assert after.is_final.wait(LIMIT)


def test_an_interrupt_leaves_none_waiting(settler: Settler, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt as it begins leaves nobody waiting."""

    def interrupt(_thread: threading.Thread) -> None:
        raise KeyboardInterrupt

    cost = Cost()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupt)
        with pytest.raises(KeyboardInterrupt):
            settler.submit(cost)
    assert cost.is_final.is_set()
