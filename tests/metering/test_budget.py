"""Work that is stopped once it has spent what it may, wherever it is."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import requests

from evolink_nb import BudgetExceeded, EvoLinkClient, EvoLinkError, budget, meter
from evolink_nb.metering import measurement as measuring
from evolink_nb.metering.budget import Budget
from evolink_nb.metering.budget_registry import budgets
from evolink_nb.metering.interrupt import InterruptTarget
from evolink_nb.metering.limits import parse_limit
from evolink_nb.metering.watch import WatchTiming
from evolink_nb.polling.fetcher import CreditsFetcher, stop_all
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from evolink_nb.demo import DemoServer

EVERY = 0.2


@pytest.fixture
def client(reader: EvoLinkClient) -> Iterator[EvoLinkClient]:
    """A client of the simulated account; nothing watches it when the test is over."""
    yield reader
    budgets.cancel_all()
    measuring.stop_all()
    stop_all()


@pytest.fixture(autouse=True)
def sigint_is_left_alone() -> Iterator[None]:
    """What handles SIGINT is the same before and after."""
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) is before


class Spending:
    """Work that spends 1 credit at each step, and what it did."""

    def __init__(self, server: DemoServer) -> None:
        self.server = server
        self.steps = 0

    def step(self) -> None:
        self.server.account.spend(1)
        self.steps += 1

    def in_a_sleep(self) -> None:
        for _ in range(5):
            self.step()
        time.sleep(60)

    def in_a_retry_loop(self) -> None:
        while True:
            try:
                self.step()
                time.sleep(0.01)
                self.fail()
            except Exception:  # noqa: BLE001, S112 - the point of this work
                continue

    def fail(self) -> None:
        raise ConnectionError

    def in_a_blocking_read(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent, requests.Session() as session:
            # It would import netrc first, and an import that is interrupted leaves its file open.
            session.trust_env = False
            # Spent once the request is on its way: a socket that is just being made would stay open too.
            threading.Thread(target=self.once_asked, args=[silent]).start()
            session.get(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=60)

    def once_asked(self, silent: socket.socket) -> None:
        connection, _ = silent.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(1)
            for _ in range(5):
                self.step()
            while connection.recv(65536):
                pass

    async def in_an_await(self) -> None:
        for _ in range(5):
            self.step()
        await asyncio.sleep(60)


@pytest.mark.parametrize("where", ["in_a_sleep", "in_a_retry_loop", "in_a_blocking_read"])
def test_work_is_stopped_wherever_it_is(demo_server: DemoServer, client: EvoLinkClient, where: str) -> None:
    spending = Spending(demo_server)
    work: Callable[[], None] = getattr(spending, where)
    began = time.monotonic()
    with pytest.raises(BudgetExceeded) as caught, meter(max_credits=5, client=client, every=EVERY):
        work()
    assert time.monotonic() - began < 30
    exceeded = caught.value
    assert not isinstance(exceeded, Exception)
    assert exceeded.max_credits == 5
    assert 5 <= exceeded.spent <= spending.steps
    assert "The meter (max_credits=5) stopped the work" in str(exceeded)
    if exceeded.over:
        assert "The balance was checked" in str(exceeded)
    # Nothing is left that could interrupt what comes next.
    assert not budgets.any_armed()
    assert not CreditsFetcher.shared(client).running


def test_an_awaiting_task_is_stopped(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """A task is stopped where it awaits and the loop goes on."""
    spending = Spending(demo_server)

    async def limited() -> None:
        async with meter(max_credits=5, client=client, every=EVERY):
            await spending.in_an_await()

    async def beside() -> str:
        with pytest.raises(BudgetExceeded):
            await limited()
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(0)
        return "went on"

    assert asyncio.run(beside()) == "went on"


def test_a_deaf_task_protects_no_other(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """A task that is deaf keeps no other from being stopped."""
    spending = Spending(demo_server)

    async def deaf(over: asyncio.Event, heard: asyncio.Event) -> None:
        with contextlib.suppress(BudgetExceeded):
            async with meter(max_credits=1, client=client, every=EVERY):
                spending.step()
                while not over.is_set():
                    try:
                        await over.wait()
                    except asyncio.CancelledError:
                        heard.set()

    async def main() -> None:
        over, heard = asyncio.Event(), asyncio.Event()
        beside = asyncio.create_task(deaf(over, heard))
        try:
            await heard.wait()
            # That is no stop of what this thread does otherwise.
            assert budgets.stopped(threading.get_ident()) is None
            with pytest.raises(BudgetExceeded):
                async with asyncio.timeout(10), meter(max_credits=5, client=client, every=EVERY):
                    await spending.in_an_await()
        finally:
            over.set()
            await beside

    asyncio.run(main())


def test_a_blocking_task_is_not_mistaken(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """A task that blocks the loop is not taken for the one that is stopped."""
    spending = Spending(demo_server)
    timing = WatchTiming(interval=EVERY, repeat_after=0.1)
    limit = Budget(CreditsFetcher.shared(client), Decimal(5), name="limit", timing=timing)
    before = limit.fetcher.read()

    async def limited(begun: asyncio.Event) -> BudgetExceeded | None:
        limit.arm(before, InterruptTarget(task=asyncio.current_task()))
        try:
            begun.set()
            await spending.in_an_await()
        except asyncio.CancelledError:
            pass
        finally:
            exceeded = limit.disarm()
        return exceeded

    async def blocking(begun: asyncio.Event) -> str:
        await begun.wait()
        # Longer than until the second interrupt: each takes a reading.
        read = demo_server.requests_seen["/v1/credits"]
        while demo_server.requests_seen["/v1/credits"] < read + 5:
            time.sleep(0.01)  # noqa: ASYNC251 - the point of this work
        return "went on"

    async def main() -> None:
        begun = asyncio.Event()
        stopped, other = await asyncio.gather(limited(begun), blocking(begun))
        assert stopped is not None
        assert other == "went on"

    asyncio.run(main())


def test_a_blocking_coroutine_is_stopped(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """A blocking call inside a coroutine is stopped at its next line."""
    spending = Spending(demo_server)

    async def limited() -> None:
        async with meter(max_credits=5, client=client, every=EVERY):
            while True:
                spending.step()
                time.sleep(0.01)  # noqa: ASYNC251 - the point of this work

    with pytest.raises(BudgetExceeded):
        asyncio.run(limited())


def test_only_the_spending_thread_stops(demo_server: DemoServer, client: EvoLinkClient) -> None:
    caught: list[BudgetExceeded] = []

    def limited() -> None:
        spending = Spending(demo_server)
        try:
            with meter(max_credits=5, client=client, every=EVERY):
                spending.in_a_retry_loop()
        except BudgetExceeded as exceeded:
            caught.append(exceeded)

    thread = threading.Thread(target=limited)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert [exceeded.max_credits for exceeded in caught] == [5]


@pytest.mark.parametrize(("outer", "inner", "named"), [(5, 50, "outer"), (50, 5, "inner")])
def test_the_first_budget_to_trip_is_named(
    demo_server: DemoServer, client: EvoLinkClient, outer: int, inner: int, named: str
) -> None:
    with (
        pytest.raises(BudgetExceeded) as caught,
        meter(max_credits=outer, name="outer", client=client, every=EVERY),
        meter(max_credits=inner, name="inner", client=client, every=EVERY),
    ):
        Spending(demo_server).in_a_retry_loop()
    assert f"'{named}'" in caught.value.name


def test_reserved_credits_count_as_spent(demo_server: DemoServer, client: EvoLinkClient) -> None:
    def reserve() -> None:
        demo_server.account.reserve(5)
        time.sleep(60)

    with pytest.raises(BudgetExceeded), meter(max_credits=5, client=client, every=EVERY):
        reserve()


def test_work_within_its_limit_is_let_be(demo_server: DemoServer, client: EvoLinkClient) -> None:
    with meter(max_credits=5, client=client, every=EVERY) as cost:
        demo_server.account.spend(4)
    assert cost.token == 4
    assert not CreditsFetcher.shared(client).running


def test_pausing_a_card_blinds_no_budget(demo_server: DemoServer, client: EvoLinkClient) -> None:
    fetcher = CreditsFetcher.shared(client)
    fetcher.start()
    fetcher.pause()
    with pytest.raises(BudgetExceeded), meter(max_credits=5, client=client, every=EVERY):
        Spending(demo_server).in_a_sleep()


def test_an_unwatched_budget_is_not_begun(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """A budget that can't be watched does not begin."""
    demo_server.fault(status=500)
    with pytest.raises(EvoLinkError), meter(max_credits=5, client=client):
        pytest.fail("the work began")


def test_being_blind_is_said_and_taken_back(
    demo_server: DemoServer, client: EvoLinkClient, capsys: pytest.CaptureFixture[str]
) -> None:
    fetcher = CreditsFetcher.shared(client)
    notices: list[str] = []
    fetcher.observe(lambda change: notices.append(change.new), "notice")
    with meter(max_credits=5, client=client, every=EVERY):
        demo_server.fault(status=401)
        wait_until(lambda: bool(fetcher.notice))
        demo_server.clear_faults()
        fetcher.refresh()
        wait_until(lambda: not fetcher.notice)
    assert len(notices) == 2
    assert "can't be watched" in notices[0]
    assert capsys.readouterr().err.count("can't be watched") == 1


def test_work_that_swallows_stops_is_named(
    demo_server: DemoServer, client: EvoLinkClient, capsys: pytest.CaptureFixture[str]
) -> None:
    fetcher = CreditsFetcher.shared(client)
    interrupts = []

    def swallow() -> None:
        demo_server.account.spend(5)
        while not fetcher.notice:
            try:
                time.sleep(0.01)
            except KeyboardInterrupt as interrupt:
                interrupts.append(interrupt)

    with pytest.raises(BudgetExceeded), meter(max_credits=5, client=client, every=EVERY):
        swallow()
    assert len(interrupts) >= 2
    assert "can't be interrupted" in capsys.readouterr().err
    assert fetcher.notice == ""


def test_a_persons_interrupt_stays_one(demo_server: DemoServer, client: EvoLinkClient) -> None:
    with pytest.raises(KeyboardInterrupt), meter(max_credits=5, client=client):
        signal.raise_signal(signal.SIGINT)
    assert demo_server.account.true_cost() == 0


@pytest.mark.parametrize("moment", ["attach", "detach"])
@pytest.mark.parametrize("kind", [meter, budget])
def test_an_interrupt_leaves_nothing_armed(
    demo_server: DemoServer, client: EvoLinkClient, monkeypatch: pytest.MonkeyPatch, moment: str, kind: Any
) -> None:
    """As of a person, or of a budget around it that trips just then."""
    real = getattr(CreditsFetcher, moment)

    def interrupted(*_args: Any, **_kwargs: Any) -> None:
        monkeypatch.setattr(CreditsFetcher, moment, real)
        raise KeyboardInterrupt

    monkeypatch.setattr(CreditsFetcher, moment, interrupted)
    with pytest.raises(KeyboardInterrupt), kind(max_credits=5, client=client):
        pass
    assert not budgets.any_armed()
    budgets.begin_work(InterruptTarget())
    assert not budgets.any_armed()
    with meter(client=client, settle=5) as cost:
        demo_server.account.spend(1)
        demo_server.account.settle_all()
    assert "at the same time" not in cost.reason
    assert not CreditsFetcher.shared(client).running


def test_a_meter_cancelled_early_is_none(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """A meter that is cancelled as it begins disturbs nobody."""

    async def begin() -> None:
        async with meter(client=client):
            pytest.fail("it began")

    async def cancelled() -> None:
        demo_server.fault(latency=0.3)
        task = asyncio.create_task(begin())
        await asyncio.to_thread(demo_server.wait_for_requests, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert measuring.active_measurements.all() == []


def test_a_session_stops_spending_only(
    demo_server: DemoServer, client: EvoLinkClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """A session's budget stops what goes on spending and lets the rest run."""
    session = budget(5, name="today", client=client, every=EVERY)
    with pytest.raises(KeyboardInterrupt):
        Spending(demo_server).in_a_retry_loop()
    exceeded = budgets.end_work()
    assert exceeded is not None
    assert "'today' of 5 credits" in exceeded.name
    assert exceeded.name in capsys.readouterr().err
    assert session.left <= 0

    # What the stopped work began shows only now: it is nothing that the next spends.
    demo_server.account.spend(4)
    budgets.begin_work(InterruptTarget())
    fetcher = CreditsFetcher.shared(client)
    revision = fetcher.revision
    wait_until(lambda: fetcher.revision > revision + 4)
    assert budgets.end_work() is None

    budgets.begin_work(InterruptTarget())
    with pytest.raises(KeyboardInterrupt):
        Spending(demo_server).in_a_retry_loop()
    assert budgets.end_work() is not None

    session.cancel()
    assert not fetcher.running


def test_a_sessions_budget_raises_as_a_block(demo_server: DemoServer, client: EvoLinkClient) -> None:
    with pytest.raises(BudgetExceeded), budget(5, client=client, every=EVERY):
        Spending(demo_server).in_a_sleep()


def test_a_session_rests_between_cells(client: EvoLinkClient) -> None:
    session = budget(5, client=client, every=EVERY)
    budgets.end_work()
    assert not CreditsFetcher.shared(client).running
    assert session.spent == 0
    assert "0 credits spent, 5 left" in repr(session)


@pytest.mark.parametrize("value", [0, -1, "much", float("nan"), float("inf"), True, None])
def test_a_senseless_limit_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="max_credits"):
        parse_limit(value)


@pytest.mark.parametrize("every", [0, -1, float("nan"), float("inf")])
@pytest.mark.parametrize("kind", [meter, budget])
def test_a_senseless_pace_is_refused(client: EvoLinkClient, kind: Any, every: Any) -> None:
    with pytest.raises(ValueError, match="every"), kind(5, client=client, every=every):
        pytest.fail("it began")
    assert not budgets.any_armed()
    assert measuring.active_measurements.all() == []


def test_a_limit_is_exact() -> None:
    assert parse_limit(0.1) == Decimal("0.1")
