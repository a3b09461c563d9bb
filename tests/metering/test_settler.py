"""One thread an account reads for all its work, publishes what changed, and ends with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from evolink_nb import runtime
from evolink_nb.errors import APIConnectionError
from evolink_nb.metering.settler import REST, THREAD_NAME, Settler
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.clock import FakeClock
from tests.support.readings import moved
from tests.support.threads import join_all_but, running
from tests.support.waiting import wait_until

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
class Costs:
    """Costs of one account that want so many readings."""

    client: Client
    wanted: int = 1
    published: list[int] = field(default_factory=list)
    readings: list[Credits | None] = field(default_factory=list)
    problem: Exception | None = None

    def next_read_at(self) -> float | None:
        return 0.0 if self.client.asked < self.wanted else None

    def record(self, reading: Credits | None) -> None:
        self.readings.append(reading)

    def publish(self) -> None:
        self.published.append(self.client.asked)
        problem, self.problem = self.problem, None
        if problem is not None:
            raise problem


@pytest.fixture
def client() -> Client:
    """What the account is read with."""
    return Client()


def test_it_reads_until_nothing_is_wanted(client: Client) -> None:
    """Its thread ends then, and may be started again."""
    before, costs = running(), Costs(client, wanted=3)
    settler = Settler(CreditsFetcher(client), costs)
    assert settler.start()
    join_all_but(before)
    assert (client.asked, costs.published[-1]) == (3, 3)
    costs.wanted = 4
    settler.start()
    wait_until(lambda: client.asked == 4)
    join_all_but(before)


def test_a_tracked_cell_ends_first(client: Client) -> None:
    """What is started meanwhile begins with it, and what somebody waits for begins at once."""
    before, costs, clock = running(), Costs(client), FakeClock()
    settler = Settler(CreditsFetcher(client, clock=clock), costs)
    assert settler.start(soon=True)
    assert clock.sleeps_for() == REST
    assert settler.start(soon=True)
    assert (clock.sleeps_for(), costs.published) == (REST, [])
    settler.start()
    join_all_but(before)
    assert client.asked == 1


def test_a_row_of_cells_delays_nothing(client: Client) -> None:
    """Cells that end one right after the other are settled `REST` after the first of them."""
    before, costs, clock = running(), Costs(client), FakeClock()
    settler = Settler(CreditsFetcher(client, clock=clock), costs)
    settler.start(soon=True)
    for left in (3 * REST / 4, REST / 2, REST / 4):
        clock.advance(REST / 4)
        settler.start(soon=True)
        assert clock.sleeps_for() == pytest.approx(left)
    clock.pass_unnoticed(REST)
    settler.wake()
    join_all_but(before)
    assert client.asked == 1


def test_failed_readings_are_told(client: Client) -> None:
    client.error = APIConnectionError("No answer.")
    before, costs = running(), Costs(client, wanted=2)
    Settler(CreditsFetcher(client), costs).start()
    join_all_but(before)
    assert costs.readings == [None, None]


def test_a_failure_ends_no_settling(
    client: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "ERROR_PAUSE", 0.01)
    before, costs = running(), Costs(client, problem=ZeroDivisionError())
    Settler(CreditsFetcher(client), costs).start()
    join_all_but(before)
    assert client.asked == 1
    assert THREAD_NAME in caplog.text


def test_no_thread_is_no_failure(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    settler = Settler(CreditsFetcher(client), Costs(client))
    monkeypatch.setattr(runtime.Job, "_start", refuse)
    assert not settler.start()
    assert "No thread could be started" in caplog.text
