"""Work whose calls are guarded: at its limit no paid answer is lost, and no further call goes out."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from evolink_nb import BudgetExceeded, budget, meter
from evolink_nb.metering.budgets.registry import budgets
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.experiment import Experiment
from tests.support.spending import EVERY
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from evolink_nb import EvoLinkClient
    from tests.support.paid_server import PaidServer

pytestmark = pytest.mark.usefixtures("sigint_left_alone")

LIMIT = 5
WAYS = {
    "in_a_loop": 1,
    "in_a_loop_of_httpx": 1,
    "in_a_retry_loop": 1,
    "under_a_bare_except": 1,
    "by_openai": 1,
    "in_a_pool": 4,
    "in_a_pool_of_multiprocessing": 4,
    "in_a_pool_nobody_hears": 4,
    "in_tasks": 4,
}
"""How many calls are under way at once in each."""
each_way = pytest.mark.parametrize("way", WAYS)


def run(experiment: Experiment, way: str) -> None:
    work: Callable[[], None] = getattr(experiment, way)
    work()


@pytest.mark.parametrize("receipts", [True, False])
@each_way
def test_no_paid_answer_is_lost(
    paid_server: PaidServer, paid_client: EvoLinkClient, way: str, *, receipts: bool
) -> None:
    paid_server.receipts = receipts
    experiment = Experiment(paid_client)
    with pytest.raises(BudgetExceeded) as caught, meter(max_credits=LIMIT, client=paid_client, every=EVERY):
        run(experiment, way)
    # One reading may come before the calls that are charged for by then.
    assert LIMIT <= paid_server.charged <= LIMIT + 2 * WAYS[way]
    wait_until(lambda: len(experiment.answers) == paid_server.charged)
    assert "it refused the next call" in str(caught.value)
    assert "interrupted" not in str(caught.value)
    assert not budgets.any_armed()
    experiment.call()  # what follows is under no budget


@each_way
def test_a_session_loses_no_paid_answer(
    paid_server: PaidServer, paid_client: EvoLinkClient, way: str
) -> None:
    experiment = Experiment(paid_client)
    with pytest.raises(BudgetExceeded), budget(LIMIT, client=paid_client, every=EVERY):
        run(experiment, way)
    assert LIMIT <= paid_server.charged <= LIMIT + 2 * WAYS[way]
    wait_until(lambda: len(experiment.answers) == paid_server.charged)


def test_a_session_refuses_between_cells(paid_server: PaidServer, paid_client: EvoLinkClient) -> None:
    """As of a widget's button, or of a thread that a cell has left."""
    experiment = Experiment(paid_client)
    session = budget(2, client=paid_client, every=EVERY)
    budgets.end_work()
    with pytest.raises(BudgetExceeded, match="refused the next call"):
        experiment.in_a_loop()
    assert paid_server.charged == len(experiment.answers) == 2
    session.cancel()
    experiment.call()


def test_a_refused_call_is_in_no_later_cost(paid_server: PaidServer, paid_client: EvoLinkClient) -> None:
    """It was never sent: what comes later is no less certain."""
    experiment = Experiment(paid_client)
    with meter(client=paid_client):
        experiment.call()
    session = budget(1, client=paid_client, every=EVERY)
    budgets.end_work()
    with pytest.raises(BudgetExceeded):
        experiment.in_a_loop()
    session.cancel()
    with meter(client=paid_client) as cost:
        experiment.call()
    assert cost.wait(30)
    assert (cost.credits, cost.confidence) == (Decimal(1), "confirmed")
    assert paid_server.charged == 3


# -- grace -------------------------------------------------------------------------------------------------


def test_work_without_further_calls_ends(paid_server: PaidServer, paid_client: EvoLinkClient) -> None:
    """Nothing was stopped, so nothing is raised: what was computed of the answers is kept."""
    experiment = Experiment(paid_client)
    fetcher = CreditsFetcher.shared(paid_client)
    with meter(max_credits=3, client=paid_client, every=EVERY):
        for _ in range(3):
            experiment.call()
        revision = fetcher.revision
        wait_until(lambda: fetcher.revision > revision + 3)
    assert len(experiment.answers) == paid_server.charged == 3


def idle_after_two(experiment: Experiment) -> None:
    experiment.call()
    experiment.call()
    time.sleep(60)


def test_work_is_cut_after_its_grace(paid_server: PaidServer, paid_client: EvoLinkClient) -> None:
    experiment = Experiment(paid_client)
    began = time.monotonic()
    limit = meter(max_credits=2, client=paid_client, every=EVERY, grace=1)
    with pytest.raises(BudgetExceeded, match="it interrupted the work"), limit:
        idle_after_two(experiment)
    assert time.monotonic() - began >= 1
    assert len(experiment.answers) == paid_server.charged == 2


def test_no_grace_cuts_at_once(paid_server: PaidServer, paid_client: EvoLinkClient) -> None:
    paid_server.delay = 60
    experiment = Experiment(paid_client)
    limit = meter(max_credits=1, client=paid_client, every=EVERY, grace=0)
    with pytest.raises(BudgetExceeded, match="it interrupted the work"), limit:
        experiment.call()
    assert experiment.answers == []


def test_unguarded_work_is_cut_at_once(paid_server: PaidServer, paid_client: EvoLinkClient) -> None:
    def work() -> None:
        paid_server.account.spend(1)
        time.sleep(60)

    limit = meter(max_credits=1, client=paid_client, every=EVERY)
    with pytest.raises(BudgetExceeded, match="it interrupted the work"), limit:
        work()


def test_work_that_keeps_asking_is_cut(paid_server: PaidServer, paid_client: EvoLinkClient) -> None:
    """A loop that ignores every refusal doesn't run for ever."""
    paid_server.delay = 0
    experiment = Experiment(paid_client)
    limit = meter(max_credits=2, client=paid_client, every=EVERY, grace=1)
    with pytest.raises(BudgetExceeded, match="it interrupted the work"), limit:
        experiment.in_a_loop_that_ends_by_interrupts()


def test_a_clean_up_after_a_refusal_is_whole(paid_server: PaidServer, paid_client: EvoLinkClient) -> None:
    """Saving what was paid for may take longer than the time of grace."""
    experiment = Experiment(paid_client)
    saved: list[int] = []

    def work() -> None:
        try:
            experiment.in_a_loop()
        finally:
            fetcher = CreditsFetcher.shared(paid_client)
            revision = fetcher.revision
            wait_until(lambda: fetcher.revision > revision + 7)  # more than the grace
            saved.append(len(experiment.answers))

    limit = meter(max_credits=2, client=paid_client, every=EVERY, grace=0.5)
    with pytest.raises(BudgetExceeded, match="it refused the next call"), limit:
        work()
    assert saved == [paid_server.charged]


@pytest.mark.parametrize("grace", [-1, float("nan"), float("inf")])
@pytest.mark.parametrize("kind", [meter, budget])
def test_a_senseless_grace_is_refused(paid_client: EvoLinkClient, kind: Any, grace: float) -> None:
    with pytest.raises(ValueError, match="grace"):
        kind(5, client=paid_client, grace=grace)
    assert not budgets.any_armed()


# -- the stop ----------------------------------------------------------------------------------------------


def test_a_stop_names_the_calls_under_way(paid_server: PaidServer, paid_client: EvoLinkClient) -> None:
    """Its figure is as of the last reading, and amended while the work runs."""
    paid_server.delay = 1.0
    experiment = Experiment(paid_client)
    with ThreadPoolExecutor(4) as pool:

        def work() -> None:
            for _ in range(3):
                pool.submit(experiment.call)
            # Reading by reading, until one shows that too much is spent; then the stop, before any answer.
            experiment.ask_until_refused()

        with pytest.raises(BudgetExceeded) as caught, meter(max_credits=2, client=paid_client, every=EVERY):
            work()
    assert "calls under way may add to it." in str(caught.value)
    assert len(experiment.answers) == paid_server.charged


@pytest.mark.parametrize("way", ["in_a_loop", "in_tasks"])
def test_a_stop_that_is_handled_is_over(
    paid_server: PaidServer, paid_client: EvoLinkClient, way: str
) -> None:
    """Work may go on without further calls once it has heard."""
    paid_server.delay = 0
    experiment = Experiment(paid_client)
    with meter(max_credits=LIMIT, client=paid_client, every=EVERY):
        with pytest.raises(BudgetExceeded):
            run(experiment, way)
        experiment.answers.append("the end")
    assert experiment.answers[-1] == "the end"
