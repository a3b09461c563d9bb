"""What blocks, functions and coroutines cost, on the simulated account over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import pickle
import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from evolink_nb import EvoLinkClient, meter
from evolink_nb.demo import OTHER_KEY, Account, DemoServer
from evolink_nb.errors import APIConnectionError
from evolink_nb.metering import ledger
from evolink_nb.polling.fetcher import CreditsFetcher, stop_all
from tests.support.interrupt import interrupt_main_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from evolink_nb.metering.ledger import MemoryLedger


def test_a_block_knows_its_cost(demo_server: DemoServer, client: EvoLinkClient) -> None:
    with meter(client=client) as cost:
        assert "unknown" in repr(cost)
        reservation = demo_server.account.reserve("2.5", cost="1.36")
    assert demo_server.account.cost_of(reservation.name) == Decimal("1.36")
    assert (cost.token, cost.user, cost.others) == (Decimal("1.36"), Decimal("1.36"), Decimal(0))
    assert cost.settled
    assert cost.confidence == "clean"


def test_a_top_up_is_told_apart(demo_server: DemoServer, client: EvoLinkClient) -> None:
    with meter(client=client) as cost:
        demo_server.account.spend("1")
        demo_server.account.top_up("100")
        demo_server.account.spend("2")
    assert (cost.token, cost.topped_up, cost.confidence) == (Decimal(3), Decimal(100), "clean")


def test_others_on_the_account_are_said(demo_server: DemoServer, client: EvoLinkClient) -> None:
    with meter(client=client) as cost:
        demo_server.account.spend("1")
        demo_server.account.spend("4", key=OTHER_KEY)
    assert (cost.token, cost.user, cost.others) == (Decimal(1), Decimal(5), Decimal(4))
    assert cost.confidence == "shared"
    assert "others" in cost.reason


def test_time_that_runs_out_is_said(demo_server: DemoServer, client: EvoLinkClient) -> None:
    with meter(client=client, settle=0) as cost:
        demo_server.account.reserve("2.5")
    assert cost.confidence == "unsettled"
    assert not cost.settled
    assert cost.token == Decimal("2.5")


def test_a_frozen_keys_reserve_is_counted() -> None:
    """What a frozen key has reserved is in the cost until it settles."""
    account = Account(unlimited=True, frozen=True, settle_after=(60, 60))
    with DemoServer(account) as server, EvoLinkClient(server.key, base_url=server.url) as client:
        with meter(client=client, settle=0) as unsettled:
            account.reserve("2.5", cost="1.36")
        was = unsettled.credits, unsettled.user, unsettled.confidence
        with meter(client=client) as settled:
            account.settle_all()
        stop_all()
    assert was == (
        Decimal("2.5"),
        Decimal("2.5"),
        "unsettled",
    )
    # What was settled later is still the first one's.
    assert (unsettled.user, settled.user) == (Decimal("1.36"), Decimal(0))


def test_an_unread_balance_stops_no_work(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """A balance that can't be read costs the work nothing."""
    demo_server.fault(status=500)
    with meter(client=client) as cost:
        pass
    assert cost.confidence == "unknown"
    assert cost.token is None
    assert "Internal server error" in cost.reason


def test_an_exception_passes(demo_server: DemoServer, client: EvoLinkClient) -> None:
    measuring = meter(client=client)

    @measuring
    def work() -> None:
        demo_server.account.spend("1")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert measuring.last is not None
    assert measuring.last.wait(30)
    assert measuring.last.token == 1


def test_a_meter_may_be_inside_another(demo_server: DemoServer, client: EvoLinkClient) -> None:
    with meter(client=client) as outer:
        demo_server.account.spend("1")
        with meter(client=client) as inner:
            demo_server.account.spend("2")
    assert (inner.token, inner.confidence) == (Decimal(2), "clean")
    assert (outer.token, outer.confidence) == (Decimal(3), "clean")


def test_earlier_calls_are_seen_in_history(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """Calls that were still settling are said where the history shows them."""
    CreditsFetcher.shared(client).read()
    demo_server.account.reserve("1")
    with meter(client=client) as cost:
        pass
    assert cost.confidence != "clean"


def test_overlap_in_threads_is_said(demo_server: DemoServer, client: EvoLinkClient) -> None:
    inside, costs = threading.Barrier(2), []

    def work() -> None:
        with meter(client=client) as cost:
            inside.wait(60)
            demo_server.account.spend("1")
            inside.wait(60)
        costs.append(cost)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [cost.confidence for cost in costs] == ["shared", "shared"]
    assert all("same time" in cost.reason for cost in costs)


def test_overlap_in_tasks_is_said(demo_server: DemoServer, client: EvoLinkClient) -> None:
    async def work(inside: asyncio.Barrier) -> Any:
        async with meter(client=client) as cost:
            await inside.wait()
            demo_server.account.spend("1")
            await inside.wait()
        return cost

    async def both() -> tuple[Any, Any]:
        inside = asyncio.Barrier(2)
        return await asyncio.gather(work(inside), work(inside))

    assert [cost.confidence for cost in asyncio.run(both())] == ["shared", "shared"]


def test_one_meter_serves_two_threads(demo_server: DemoServer, client: EvoLinkClient) -> None:
    shared, costs = meter(client=client), {}
    first_began, second_began, first_is_over = (threading.Event() for _ in range(3))

    def first() -> None:
        with shared as costs["first"]:
            first_began.set()
            second_began.wait(60)
        first_is_over.set()

    thread = threading.Thread(target=first)
    thread.start()
    assert first_began.wait(60)
    with shared as second:
        second_began.set()
        assert first_is_over.wait(30)
        demo_server.account.spend("5")
    thread.join(30)
    assert (costs["first"].token, second.token) == (Decimal(0), Decimal(5))


def test_a_task_cancelled_early_is_forgotten(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """A task cancelled while its meter reads disturbs nothing later."""

    async def work() -> None:
        async with meter(client=client):
            pass

    async def cancelled() -> None:
        task = asyncio.create_task(work())
        await asyncio.to_thread(demo_server.wait_for_requests, 1)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        # The loop waits at its end for the thread that reads.
        demo_server.clear_faults()

    demo_server.fault(latency=1)
    asyncio.run(cancelled())
    with meter(client=client) as cost:
        demo_server.account.spend("1")
    assert (cost.token, cost.confidence) == (Decimal(1), "clean")


def test_what_outlives_its_outer_is_apart(
    demo_server: DemoServer, client: EvoLinkClient, book: MemoryLedger
) -> None:
    """What outlives the work it began in counts for itself."""

    async def work(outer_is_over: asyncio.Event) -> None:
        async with meter(name="inner", client=client):
            await outer_is_over.wait()
            demo_server.account.spend("5")

    async def both() -> None:
        outer_is_over = asyncio.Event()
        async with meter(name="outer", client=client):
            task = asyncio.create_task(work(outer_is_over))
            await asyncio.to_thread(demo_server.wait_for_requests, 2)
        outer_is_over.set()
        await task

    asyncio.run(both())
    assert {entry.name: (entry.cost.token, entry.within) for entry in book.entries()} == {
        "outer": (Decimal(0), False),
        "inner": (Decimal(5), False),
    }
    assert ledger.total(book.entries()) == 5


def test_each_call_is_measured(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """Functions and coroutine functions are measured at each call."""
    measuring = meter(client=client)

    @measuring
    def work(amount: str) -> str:
        demo_server.account.spend(amount)
        return amount

    assert work("1") == "1"
    assert measuring.last is not None
    assert measuring.last.token == 1

    @measuring
    async def later(amount: str) -> str:
        demo_server.account.spend(amount)
        return amount

    assert asyncio.run(later("2")) == "2"
    assert measuring.last.token == 2

    measuring(functools.partial(demo_server.account.spend, "3"))()
    assert measuring.last.token == 3


def test_each_run_is_in_the_ledger(
    demo_server: DemoServer, client: EvoLinkClient, book: MemoryLedger
) -> None:
    """Each run is in the ledger with its settled cost."""

    @meter(client=client)
    def work(amount: str) -> None:
        demo_server.account.reserve(amount, cost="1.36")

    work("2.5")
    with meter(name="around", client=client):
        work("2.5")
    costs = [(entry.name, entry.kind, entry.cost.token, entry.within) for entry in book.entries()]
    assert costs == [
        ("work", "meter", Decimal("1.36"), False),
        ("work", "meter", Decimal("1.36"), True),
        ("around", "meter", Decimal("1.36"), False),
    ]


@pytest.mark.parametrize("method", ["record", "amend"])
def test_a_failing_ledger_harms_nothing(
    demo_server: DemoServer,
    client: EvoLinkClient,
    book: MemoryLedger,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    method: str,
) -> None:
    """A ledger that fails harms neither the work nor what comes after."""
    with monkeypatch.context() as broken:
        broken.setattr(book, method, None)
        with meter(client=client) as unkept:
            demo_server.account.spend("1")
    assert "could not be kept" in caplog.text
    with meter(client=client) as cost:
        demo_server.account.spend("2")
    assert [(each.token, each.confidence) for each in (unkept, cost)] == [
        (Decimal(1), "clean"),
        (Decimal(2), "clean"),
    ]


def _spend_three(server: DemoServer) -> None:
    server.account.spend(3)


def test_a_meter_goes_to_other_processes(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """As joblib and multiprocessing take it there: without the client, which holds the key."""
    measuring = meter(name="three", client=client, max_credits=50)
    measuring(_spend_three)(demo_server)
    assert measuring.last is not None
    sent = pickle.dumps(measuring)
    assert client.auth is not None
    assert demo_server.key.encode() not in sent
    arrived: meter = pickle.loads(sent)  # noqa: S301 - made right here
    assert arrived.last is None
    assert measuring.last.credits == 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVOLINK_API_KEY", demo_server.key)
        patch.setenv("EVOLINK_BASE_URL", demo_server.url)
        arrived(_spend_three)(demo_server)
    assert getattr(arrived.last, "credits", None) == 3


def test_a_copied_cost_keeps_its_figures(demo_server: DemoServer, client: EvoLinkClient) -> None:
    with meter(client=client) as cost:
        _spend_three(demo_server)
        before = pickle.loads(pickle.dumps(cost))  # noqa: S301 - made right here
    for copied in (pickle.loads(pickle.dumps(cost)), copy.deepcopy(cost), copy.copy(cost)):  # noqa: S301 - as above
        assert (copied.credits, copied.confidence, copied.reason) == (3, cost.confidence, cost.reason)
        assert copied.seconds == cost.seconds
        assert copied.wait(0)
    assert before.confidence == "unknown"
    assert before.wait(0)


def test_generator_functions_are_refused() -> None:
    """A generator function does not seem to cost nothing."""

    async def later() -> AsyncIterator[int]:
        yield 1

    def items() -> Iterator[int]:
        yield 1

    for function in (items, later):
        with pytest.raises(TypeError, match="generator function"):
            meter()(function)


def test_missing_parentheses_are_explained() -> None:
    with pytest.raises(TypeError, match=r"@meter\(\)"):
        meter(len)  # type: ignore[arg-type]


def test_an_interrupted_meter_is_forgotten(
    demo_server: DemoServer, client: EvoLinkClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A meter that was interrupted while it read is none."""
    with monkeypatch.context() as patch:
        patch.setattr(client, "get_credits", _interrupted)
        with pytest.raises(KeyboardInterrupt), meter(client=client):
            pytest.fail("the work began")
    with meter(client=client) as cost:
        demo_server.account.spend("1")
    assert (cost.token, cost.confidence) == (Decimal(1), "clean")


def _interrupted() -> None:
    interrupt_main_thread()
    raise APIConnectionError("given up")


@pytest.mark.parametrize(
    ("option", "value"),
    [("grace", 0), ("warn_at", None), ("warn_at", 0.5), ("max_blind", None), ("every", 0.2)],
)
def test_an_option_of_limits_needs_one(option: str, value: float | None) -> None:
    given: dict[str, Any] = {option: value}
    with pytest.raises(ValueError, match=f"{option} needs max_credits: it has no effect without a limit"):
        meter(**given)
    meter(max_credits=5, **given)
