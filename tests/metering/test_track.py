"""Loops that know their price, over the simulated account, real sockets and the real tqdm."""

from __future__ import annotations

import asyncio
import gc
import io
import random
import sys
import threading
from contextlib import ExitStack
from decimal import Decimal
from itertools import count, islice
from typing import TYPE_CHECKING, TypeVar

import pytest

from evolink_nb import EvoLinkClient, EvoLinkError, meter, track
from evolink_nb.demo import OTHER_KEY, DemoServer
from evolink_nb.errors import APIConnectionError, ServerError
from evolink_nb.metering import ledger
from evolink_nb.metering import measurement as measuring
from evolink_nb.metering.ledger import MemoryLedger
from evolink_nb.metering.progress import LoopTiming
from evolink_nb.polling.fetcher import CreditsFetcher, stop_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from evolink_nb import Credits
    from evolink_nb.metering.cost import Cost
    from evolink_nb.metering.metered import MeteredCost
    from tests.support.kernel import Kernel

pytestmark = pytest.mark.usefixtures("book")

T = TypeVar("T")

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def book() -> Iterator[MemoryLedger]:
    """A ledger of the test's own."""
    before = ledger.current()
    book = MemoryLedger()
    ledger.use(book)
    yield book
    ledger.use(before)


@pytest.fixture(autouse=True)
def client(simulated_account: DemoServer) -> Iterator[EvoLinkClient]:
    """A client of the simulated account, which is also what loops use by themselves; nothing outlives it."""
    with EvoLinkClient(simulated_account.key, base_url=simulated_account.url) as client:
        yield client
    measuring.stop_all()
    stop_all()


class Impatient(track[T]):
    """A loop that gives up a balance that can't be read after the second try."""

    timing = LoopTiming(patience=0.1, first_pause=0.06)


class Brisk(track[T]):
    """A loop that tries again at once."""

    timing = LoopTiming(first_pause=0.01)


def figures(cost: Cost | MeteredCost) -> tuple[Decimal | None, str]:
    """What something cost, and how sure that is."""
    return cost.credits, cost.confidence


def is_at_rest() -> bool:
    """Whether no measurement is entered in this context."""
    return measuring.active_measurements.enclosing() == ()


def printed(capsys: Capture) -> list[str]:
    """The lines printed since the last time."""
    return capsys.readouterr().out.splitlines()


# -- the limit ---------------------------------------------------------------------------------------------


def test_a_loop_stops_before_it_goes_over(
    demo_server: DemoServer, book: MemoryLedger, capsys: Capture
) -> None:
    """A loop stops before the item that would go over."""
    done = []
    bar = track(range(100), max_credits=40, description="summaries")
    for number in bar:
        demo_server.account.spend(1)
        done.append(number)
    assert done == list(range(40))
    assert demo_server.account.true_cost() == 40
    assert bar.stopped is not None
    assert printed(capsys) == [
        "Stopped before item 41 of 100: 40 of 40 credits spent, and an item has cost up to 1.",
        "40 items, 40 credits, 1 each",
    ]
    assert bar.wait(30)
    (entry,) = book.entries()
    assert (entry.kind, entry.key, entry.name, entry.items) == ("loop", "summaries", "summaries", 40)
    assert figures(entry.cost) == (Decimal(40), "clean")
    assert is_at_rest()


@pytest.mark.parametrize("seed", range(12))
def test_only_a_dearer_item_goes_over(demo_server: DemoServer, capsys: Capture, seed: int) -> None:
    """Only an item dearer than all before goes over and that is said."""
    draw = random.Random(seed)  # noqa: S311 - the same costs at every run
    costs = [Decimal(draw.choice([3, 5, 8, 13, 21])) / 10 for _ in range(60)]
    spent: list[Decimal] = []
    bar = track(costs, max_credits=20)
    for cost in bar:
        demo_server.account.spend(cost)
        spent.append(cost)
    *before, last = spent
    if sum(spent) > 20:
        assert last > max(before)
        assert f"item {len(spent)} cost {last}, more than any before it" in (bar.stopped or "")
    else:
        # Not before it had to.
        assert sum(spent) + max(spent) > 20
    assert bar.stopped is not None
    assert bar.stopped == printed(capsys)[0]
    assert bar.spent == sum(spent) == demo_server.account.true_cost()


def test_what_is_reserved_counts_as_spent(demo_server: DemoServer, capsys: Capture) -> None:
    demo_server.account.settle_after = (60, 60)
    for _ in track(range(100), max_credits=4):
        demo_server.account.reserve(1, cost="0.5")
    assert demo_server.account.outstanding == 4
    assert printed(capsys)[-1] == "4 items, 4 credits, 1 each; not settled yet"


def test_a_reading_under_way_is_not_used(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """A reading from before the item was paid is not taken for one after it."""
    begun, answered, release = [], threading.Event(), threading.Event()
    for number in track(range(3), max_credits=5):
        begun.append(number)
        fetcher = CreditsFetcher.shared(client)
        read = fetcher.client.get_credits

        def read_slowly(read: Callable[[], Credits] = read) -> Credits:
            reading = read()
            answered.set()
            release.wait(30)
            return reading

        # Somebody else's reading is under way while the item is paid, and for a while after it.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fetcher.client, "get_credits", read_slowly)
            threading.Thread(target=fetcher.refresh).start()
            assert answered.wait(30)
        demo_server.account.spend(5)
        threading.Timer(0.3, release.set).start()
    assert begun == [0]


def test_a_last_item_that_goes_over_is_said(demo_server: DemoServer, capsys: Capture) -> None:
    costs = [1, 1, 9]
    bar = track(costs, max_credits=5)
    for cost in bar:
        demo_server.account.spend(cost)
    assert bar.stopped is None
    assert printed(capsys)[-1] == "Over max_credits by 6: item 3 cost 9, more than any before it."


def test_items_after_the_stop_are_left(demo_server: DemoServer) -> None:
    numbers = count()
    for _ in track(numbers, max_credits=3):
        demo_server.account.spend(1)
    assert next(numbers) == 3


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf"), True, "much"])
def test_a_limit_must_be_a_number_above_zero(limit: float | str) -> None:
    with pytest.raises(ValueError, match="max_credits"):
        track([1], max_credits=limit)


def test_only_iterables_are_tracked() -> None:
    with pytest.raises(TypeError, match="loop over, not int"):
        track(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="every"):
        track([1], every=0)


# -- what is known of the price ----------------------------------------------------------------------------


def test_the_projection_is_soon_close(demo_server: DemoServer) -> None:
    draw = random.Random(7)  # noqa: S311 - the same costs at every run
    costs = [Decimal(draw.randint(80, 120)) / 100 for _ in range(100)]
    bar = track(costs, max_credits=1000)
    for number, cost in enumerate(bar):
        if number == 10:
            assert bar.projected is not None
            assert bar.projected == pytest.approx(sum(costs), rel=Decimal("0.1"))
        demo_server.account.spend(cost)
    assert bar.spent == sum(costs)
    assert bar.per_item == sum(costs) / 100


def test_unlimited_loops_are_read_beside(demo_server: DemoServer, capsys: Capture) -> None:
    """Without a limit the balance is read beside the loop."""
    bar = track(range(40), every=0.1)
    for number in bar:
        if number == 12:
            assert bar.projected is not None
            assert bar.projected == pytest.approx(Decimal(40), rel=Decimal("0.1"))
        demo_server.account.spend(1)
        if number < 12:
            # The second from now was asked for after the item had been paid.
            demo_server.wait_for_requests(demo_server.requests_seen["/v1/credits"] + 2)
    assert printed(capsys) == ["40 items, 40 credits, 1 each"]


def test_no_item_waits_without_a_limit(demo_server: DemoServer) -> None:
    for _ in track(range(1000), every=60):
        pass
    assert demo_server.requests_seen["/v1/credits"] < 10


def test_the_bar_says_what_it_costs(demo_server: DemoServer, capsys: Capture) -> None:
    left = demo_server.account.spendable()
    for number in track(range(10), max_credits=100, description="images"):
        demo_server.account.spend("1.02")
        if number == 0:
            assert "images:   0%" in capsys.readouterr().err
        if number == 4:
            break
    last = capsys.readouterr().err.rpartition("\r")[2]
    assert "4/10" in last
    assert f"5.1 spent · 1.02 each · ≈ 10.2 total · {left - Decimal('5.1'):,.4f} left" in last


def test_an_unknown_length_is_not_projected(demo_server: DemoServer, capsys: Capture) -> None:
    """A number of items that is not known is not projected."""
    bar = track((number for number in range(3)), max_credits=10)
    for _ in bar:
        demo_server.account.spend(2)
    assert bar.projected is None
    assert bar.per_item == 2
    captured = capsys.readouterr()
    assert "total" not in captured.err
    assert captured.out == "3 items, 6 credits, 2 each\n"


def test_a_number_of_items_can_be_told(demo_server: DemoServer) -> None:
    bar = track(iter(range(3)), max_credits=10, total=3)
    for _ in bar:
        demo_server.account.spend(2)
    assert bar.projected == 6


def test_free_items_stop_nothing(capsys: Capture) -> None:
    assert list(track(range(5), max_credits=1)) == [0, 1, 2, 3, 4]
    assert printed(capsys) == ["5 items, 0 credits"]


@pytest.mark.parametrize("problem", [TypeError, OverflowError])
def test_a_length_is_not_needed(problem: type[Exception]) -> None:
    """As of a data loader over a stream, or of a range longer than memory."""

    class Endless:
        def __len__(self) -> int:
            raise problem

        def __iter__(self) -> Iterator[int]:
            return iter((1, 2))

    assert list(track(Endless(), max_credits=5)) == [1, 2]


def test_no_items_leave_no_trace(book: MemoryLedger, capsys: Capture) -> None:
    assert list(track([], max_credits=1)) == []
    assert printed(capsys) == []
    assert book.entries() == ()


def test_a_frozen_key_is_priced_by_account(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """An unlimited key with frozen counters is priced by the account."""
    from evolink_nb.demo import Account

    with DemoServer(Account(unlimited=True, frozen=True)) as server:
        monkeypatch.setenv("EVOLINK_API_KEY", server.key)
        monkeypatch.setenv("EVOLINK_BASE_URL", server.url)
        for _ in track(range(100), max_credits=3):
            server.account.spend(1)
        assert server.account.true_cost() == 3
    assert "3 items, 3 credits (account), 1 each; shared:" in printed(capsys)[-1]


def test_others_on_the_account_are_said(demo_server: DemoServer, capsys: Capture) -> None:
    bar = track(range(2))
    for _ in bar:
        demo_server.account.spend(1)
        demo_server.account.spend(5, key=OTHER_KEY)
    assert "2 items, 2 credits, 1 each; shared: others" in printed(capsys)[-1]


# -- history -----------------------------------------------------------------------------------------------


def test_earlier_runs_say_what_is_enough(demo_server: DemoServer, capsys: Capture) -> None:
    """A loop that ran before says what can be afforded."""
    for _ in track(range(2), description="images"):
        demo_server.account.spend("1.5")
    printed(capsys)
    demo_server.account.spend(demo_server.account.spendable() - 90)
    for _ in track(range(100), description="images"):
        break
    assert printed(capsys)[0] == (
        "In earlier runs an item cost 1.5 credits: 100 items ≈ 150 credits, 90 left, enough for about 60."
    )
    for _ in track(range(10), description="images", max_credits=20):
        break
    assert printed(capsys)[0].endswith("90 left and 20 allowed, enough for all.")


def test_unnamed_loops_go_by_their_place(
    demo_server: DemoServer, book: MemoryLedger, capsys: Capture
) -> None:
    for _ in range(2):
        for _ in track(range(1)):
            demo_server.account.spend(1)
    for _ in track(range(1)):
        pass
    first, again, other = book.entries()
    assert first.key == again.key != other.key
    assert first.name.startswith("loop at line ")
    assert first.name.endswith(" of test_track.py")
    assert "In earlier runs an item cost 1 credit: 1 items" in capsys.readouterr().out


def test_earlier_runs_price_the_first_item(demo_server: DemoServer, capsys: Capture) -> None:
    for _ in track(range(2), description="films"):
        demo_server.account.spend(6)
    printed(capsys)
    assert list(track(range(2), description="films", max_credits=5)) == []
    assert printed(capsys)[-1] == (
        "Stopped before item 1 of 2: 0 of 5 credits spent, and an item cost 6 in earlier runs."
    )


# -- leaving early -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [None, 50])
def test_leaving_a_loop_ends_all_of_it(
    demo_server: DemoServer, client: EvoLinkClient, capsys: Capture, limit: int | None
) -> None:
    bar = track(range(10), max_credits=limit)
    for number in bar:
        demo_server.account.spend(1)
        if number == 2:
            break
    assert printed(capsys) == ["Left in item 3 of 10: 3 credits, 1 each"]
    assert not CreditsFetcher.shared(client).running
    assert bar.wait(30)
    assert bar.cost.confidence == "clean"
    assert is_at_rest()


def test_an_exception_in_the_body_passes(
    demo_server: DemoServer, book: MemoryLedger, capsys: Capture
) -> None:
    """An exception in the body passes and what was spent is known."""

    def work() -> None:
        for number in track(range(10), max_credits=50):
            demo_server.account.spend(2)
            if number == 1:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    gc.collect()  # pytest keeps the frames of the exception
    assert printed(capsys) == ["Left in item 2 of 10: 4 credits, 2 each"]
    assert book.entries()[0].cost.credits == 4
    assert is_at_rest()


def test_an_item_left_unpaid_is_not_counted(demo_server: DemoServer, capsys: Capture) -> None:
    """An item left before it cost anything is no item of the mean."""
    for number in track(range(10), max_credits=50):
        if number == 2:
            break
        demo_server.account.spend(3)
    assert printed(capsys) == ["Left in item 3 of 10: 6 credits, 3 each"]


def test_an_exception_of_the_iterable_passes(demo_server: DemoServer, capsys: Capture) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("no more prompts")

    def work() -> None:
        for _ in track(items(), max_credits=5):
            demo_server.account.spend(1)

    with pytest.raises(LookupError, match="no more prompts"):
        work()
    gc.collect()  # as above
    assert printed(capsys) == ["1 item, 1 credit, 1 each"]


def test_a_loop_can_run_again(demo_server: DemoServer) -> None:
    bar = track(range(3), max_credits=10)
    for _ in bar:
        demo_server.account.spend(3)
    for _ in islice(bar, 2):
        demo_server.account.spend(1)
    assert bar.spent == 2


# -- a balance that can't be read --------------------------------------------------------------------------


def test_an_unwatched_loop_is_not_run(demo_server: DemoServer) -> None:
    demo_server.fault(status=500)
    begun: list[int] = []
    with pytest.raises(ServerError):
        begun.extend(track(range(3), max_credits=5))
    assert begun == []
    assert is_at_rest()


def test_unlimited_work_goes_on_unread(demo_server: DemoServer, capsys: Capture) -> None:
    demo_server.fault(connection="refuse")
    bar = track(range(3))
    assert list(bar) == [0, 1, 2]
    assert (bar.spent, bar.per_item, bar.projected) == (None, None, None)
    captured = capsys.readouterr()
    first, last = captured.out.splitlines()
    assert first.startswith("The balance can't be read, so what the items cost isn't known: ")
    assert last.startswith("3 items, cost unknown: the balance could not be read: ")
    assert "balance not read" in captured.err
    assert "0 spent" not in captured.err


def test_a_failed_reading_is_tried_again(demo_server: DemoServer, capsys: Capture) -> None:
    for number in Brisk(range(5), max_credits=50):
        demo_server.account.spend(1)
        if number == 1:
            demo_server.fault(status=500, times=2)
    captured = capsys.readouterr()
    assert captured.out == "5 items, 5 credits, 1 each\n"
    assert "the balance can't be read, trying again" in captured.err


def test_a_lasting_failure_ends_the_loop(demo_server: DemoServer, capsys: Capture) -> None:
    """A limit that can't be watched any more ends the loop."""
    done = []
    for number in Impatient(range(5), max_credits=50):
        done.append(number)
        demo_server.account.spend(1)
        if number == 1:
            demo_server.fault(status=500)
    assert done == [0, 1]
    stopped, closing = printed(capsys)
    assert stopped.startswith(
        "Stopped before item 3 of 5: the balance can't be read, so max_credits can't be kept. "
    )
    assert closing == "2 items, 1 credit, 1 each; read after item 1, and not since"


def test_a_refused_key_ends_the_loop(demo_server: DemoServer, capsys: Capture) -> None:
    asked = 0
    for number in track(range(5), max_credits=50):
        demo_server.account.spend(1)
        if number == 1:
            demo_server.fault(status=401)
            asked = demo_server.requests_seen["/v1/credits"]
    assert "Stopped before item 3 of 5" in printed(capsys)[0]
    assert demo_server.requests_seen["/v1/credits"] <= asked + 2  # before the item, and at the end


def test_a_bar_says_when_it_is_not_read(
    demo_server: DemoServer, client: EvoLinkClient, capsys: Capture
) -> None:
    """Without a limit a bar that is not read any more says so."""
    fetcher = CreditsFetcher.shared(client)
    failed = threading.Event()
    fetcher.observe(lambda _: failed.set(), "error")
    bar = track(range(4), every=0.1)
    for number in bar:
        if number == 0:
            demo_server.account.spend(3)
            demo_server.wait_for_requests(demo_server.requests_seen["/v1/credits"] + 2)
        elif number == 1:
            demo_server.fault(status=500)
            assert failed.wait(10)
    captured = capsys.readouterr()
    assert "3 spent" in captured.err
    assert "not read for" in captured.err.rpartition("\r")[2]
    assert captured.out.endswith("and not since\n")


def test_without_a_key_nothing_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVOLINK_API_KEY")
    with pytest.raises(EvoLinkError, match="key"):
        list(track([1]))


# -- what is measured around and inside --------------------------------------------------------------------


def test_loops_and_meters_may_be_nested(demo_server: DemoServer) -> None:
    """A loop in a meter and a meter in a loop disturb nobody."""
    inside = []
    with meter() as around:
        bar = track(range(3), max_credits=10)
        for _ in bar:
            with meter() as cost:
                demo_server.account.spend(1)
            inside.append(cost)
    assert [figures(cost) for cost in inside] == [(Decimal(1), "clean")] * 3
    assert figures(bar.cost) == figures(around) == (Decimal(3), "clean")
    assert is_at_rest()


def test_a_meter_may_outlive_its_loop(demo_server: DemoServer) -> None:
    """A meter that outlives the loop it began in keeps its place."""
    with ExitStack() as stack:
        for _ in track(range(3)):
            cost = stack.enter_context(meter())
            break
        else:
            pytest.fail("there was no item")
        demo_server.account.spend(1)
        assert not is_at_rest()
    assert cost.token == 1
    assert is_at_rest()


def test_later_spending_is_not_the_loops(demo_server: DemoServer) -> None:
    """What is spent after the loop is not taken for its own."""
    demo_server.account.settle_after = (1.5, 1.5)
    bar = track(range(2), max_credits=10)
    for _ in bar:
        demo_server.account.reserve(2, cost=1)
    demo_server.account.spend(100)
    assert bar.wait(30)
    assert bar.cost.credits is not None
    assert bar.cost.credits <= 4
    assert bar.cost.confidence == "unsettled"


def test_late_settling_amends_the_entry(demo_server: DemoServer, book: MemoryLedger) -> None:
    demo_server.account.settle_after = (1.5, 1.5)
    bar = track(range(2), max_credits=10)
    for _ in bar:
        demo_server.account.reserve(2, cost=1)
    assert bar.wait(30)
    assert bar.cost.credits == book.entries()[0].cost.credits == 2
    assert bar.cost.settled


def test_two_loops_at_the_same_time_say_so(demo_server: DemoServer) -> None:
    both = threading.Barrier(2, timeout=30)

    def work() -> None:
        bar = track(range(1), client=EvoLinkClient())
        for _ in bar:
            both.wait()
            demo_server.account.spend(1)
            both.wait()
        bars.append(bar)

    bars: list[track[int]] = []
    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert {bar.cost.confidence for bar in bars if bar.wait(30)} == {"shared"}
    assert {bar.cost.credits for bar in bars} == {2}


# -- async -------------------------------------------------------------------------------------------------


async def prompts(number: int) -> AsyncIterator[int]:
    for each in range(number):
        await asyncio.sleep(0)
        yield each


@pytest.mark.parametrize("kind", ["async", "plain"])
def test_an_async_loop_keeps_its_limit(demo_server: DemoServer, capsys: Capture, kind: str) -> None:
    async def work() -> list[int]:
        done = []
        async for number in track(prompts(9) if kind == "async" else range(9), max_credits=4):
            await asyncio.sleep(0)
            demo_server.account.spend(1)
            done.append(number)
        return done

    assert asyncio.run(work()) == [0, 1, 2, 3]
    stopped, closing = printed(capsys)
    assert stopped.startswith("Stopped before item 5")
    assert closing == "4 items, 4 credits, 1 each"


def test_an_async_loop_does_all_that_it_may() -> None:
    async def work() -> list[int]:
        return [number async for number in track(prompts(3))] + [number async for number in track(range(3))]

    assert asyncio.run(work()) == [0, 1, 2, 0, 1, 2]


def test_reading_does_not_block_the_loop(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """The event loop goes on while an async loop reads."""

    async def give_up_the_reading(number: int) -> None:
        await asyncio.to_thread(demo_server.wait_for_requests, number)
        CreditsFetcher.shared(client).client.close()

    async def work() -> list[int]:
        done = []
        async for number in track(range(2), max_credits=4):
            done.append(number)
            if number == 0:
                # Nobody waits for this answer as long as it takes, if the task below can run meanwhile.
                demo_server.fault(latency=60, times=1)
                rescue = give_up_the_reading(demo_server.requests_seen["/v1/credits"] + 1)
                tasks.append(asyncio.create_task(rescue))
            else:
                assert tasks[0].done()
        return done

    tasks: list[asyncio.Task[None]] = []
    assert asyncio.run(work()) == [0, 1]


def test_leaving_an_async_loop_ends_it(demo_server: DemoServer, capsys: Capture) -> None:
    async def work() -> None:
        async for number in track(prompts(9), max_credits=40):
            demo_server.account.spend(1)
            if number == 2:
                break
        assert printed(capsys) == ["Left in item 3: 3 credits, 1 each"]
        assert is_at_rest()

    asyncio.run(work())


def test_a_cancelled_loop_says_its_cost(demo_server: DemoServer, capsys: Capture) -> None:
    async def work() -> None:
        async for _ in track(range(9)):
            demo_server.account.spend(2)
            begun.set()
            await asyncio.Event().wait()

    async def cancel() -> None:
        task = asyncio.create_task(work())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    begun = asyncio.Event()
    asyncio.run(cancel())
    assert printed(capsys) == ["Left in item 1 of 9: 2 credits, 2 each"]


def test_an_unwatched_async_loop_is_not_run(demo_server: DemoServer) -> None:
    """An async loop whose limit can't be watched does not begin."""

    async def work() -> None:
        async for _ in track(range(3), max_credits=5):
            pytest.fail("it began")

    demo_server.fault(connection="refuse")
    with pytest.raises(APIConnectionError):
        asyncio.run(work())


def test_a_meter_fits_in_an_async_loop(demo_server: DemoServer) -> None:
    async def work() -> None:
        bar = track(range(2), max_credits=10)
        async for _ in bar:
            async with meter() as cost:
                demo_server.account.spend(1)
            assert figures(cost) == (Decimal(1), "clean")
        assert figures(bar.cost) == (Decimal(2), "clean")
        assert is_at_rest()

    asyncio.run(work())


def test_what_is_asynchronous_only_says_so() -> None:
    with pytest.raises(TypeError, match="async for"):
        iter(track(prompts(1)))


# -- where it is shown -------------------------------------------------------------------------------------


def test_a_plain_terminal_harms_no_loop(demo_server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    error, output = (io.TextIOWrapper(io.BytesIO(), "ascii", line_buffering=True) for _ in range(2))
    monkeypatch.setattr(sys, "stderr", error)
    monkeypatch.setattr(sys, "stdout", output)
    for _ in range(2):
        for number in track(range(3), max_credits=10, description="x"):
            demo_server.account.spend(1 + number)
            if number == 1:
                break
    bar, lines = (stream.buffer.getvalue().decode() for stream in (error, output))
    assert "3 spent | 1.5 each | about 4.5 total" in bar
    assert "In earlier runs an item cost 1.5 credits: 3 items about 4.5 credits" in lines


def test_a_notebook_keeps_the_last_word(demo_server: DemoServer, kernel: Kernel) -> None:
    kernel.run("import evolink_nb, os, urllib.request, json")
    kernel.run(
        "def spend():\n"
        "    body = json.dumps({'model': 'gpt-image-1', 'prompt': 'a', 'n': 1}).encode()\n"
        "    headers = {'Authorization': 'Bearer ' + os.environ['EVOLINK_API_KEY'],"
        " 'Content-Type': 'application/json'}\n"
        "    url = os.environ['EVOLINK_BASE_URL'] + '/v1/images/generations'\n"
        "    urllib.request.urlopen(urllib.request.Request(url, body, headers)).read()"
    )
    run = kernel.run(
        "async for number in evolink_nb.track(range(50), max_credits=8, description='images'):\n    spend()"
    )
    assert run.error is None, run.text
    assert any("application/vnd.jupyter.widget-view+json" in each.get("data", {}) for each in run.outputs)
    texts = [each["text"] for each in run.outputs if each["output_type"] == "stream"]
    spent = demo_server.account.outstanding + sum(held.cost for held in demo_server.account.settled)
    assert 0 < spent <= 8
    assert (
        texts[-1]
        .splitlines()[-1]
        .startswith(f"{demo_server.requests_seen['/v1/images/generations']} items, ")
    )
    assert "Stopped before item" in "".join(texts)
