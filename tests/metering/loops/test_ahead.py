"""Work that runs ahead of its loop: the queue of a pool."""

from __future__ import annotations

import re
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed, wait
from decimal import Decimal
from itertools import repeat
from multiprocessing.pool import ThreadPool
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.metering import ledger
from evolink_nb.metering.loops.ahead import Flow, WorkAhead, runs_ahead
from evolink_nb.metering.loops.reader import LoopTiming
from tests.support.loops import Capture, Hasty, Patient, T, printed
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from evolink_nb.demo import DemoServer

pytestmark = pytest.mark.usefixtures("simulated_account", "book", "client")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def mapped(pool: ThreadPoolExecutor, call: Callable[[int], int], number: int) -> Iterable[int]:
    return pool.map(call, range(number))


def completed(pool: ThreadPoolExecutor, call: Callable[[int], int], number: int) -> Iterable[Future[int]]:
    return as_completed([pool.submit(call, each) for each in range(number)])


# -- which work runs ahead ---------------------------------------------------------------------------------


def test_what_runs_ahead_is_known(pool: ThreadPoolExecutor) -> None:
    assert runs_ahead(pool.map(str, range(2)))
    assert runs_ahead(as_completed([pool.submit(str, 1)]))
    with ThreadPool(1) as other:
        assert runs_ahead(other.imap(str, range(2)))
        assert runs_ahead(other.imap(str, range(4), chunksize=2))
        assert WorkAhead.of(other.imap(str, range(2))) is None
    assert not runs_ahead(range(2))
    assert not runs_ahead(each for each in range(2))
    assert not runs_ahead(repeat(1))


def test_what_is_queued_can_be_cancelled(pool: ThreadPoolExecutor) -> None:
    begun, release = threading.Barrier(3, timeout=60), threading.Event()

    def call(number: int) -> int:
        begun.wait()
        release.wait(60)
        return number

    work = WorkAhead.of(pool.map(call, range(1, 9)))
    assert work is not None
    begun.wait()  # both of the pool's threads have a call
    work.cancel_queued()
    work.cancel_queued()
    assert (work.running, work.cancelled, work.ended) == (2, 6, 0)
    release.set()
    assert list(work) == [1, 2]
    assert work.ended == 2


@pytest.mark.parametrize("taken", [0, 1])
def test_a_call_about_to_begin_is_kept(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    """A worker that has taken a call may begin it after another worker has begun the next."""
    submitted, begun, release = threading.Event(), threading.Event(), threading.Event()
    calls: list[Future[int]] = []
    begin = Future.set_running_or_notify_cancel

    def begin_late(future: Future[int]) -> bool:
        assert submitted.wait(60)
        if future is calls[taken]:
            assert release.wait(60)
        return begin(future)

    def submit(*work: Any) -> Future[int]:
        calls.append(ThreadPoolExecutor.submit(pool, *work))
        return calls[-1]

    def call(number: int) -> int:
        if number > taken:
            begun.set()
            assert release.wait(60)
        return number

    monkeypatch.setattr(Future, "set_running_or_notify_cancel", begin_late)
    monkeypatch.setattr(pool, "submit", submit)
    mapped = pool.map(call, range(8))
    submitted.set()
    assert [next(mapped) for _ in range(taken)] == list(range(taken))
    work = WorkAhead.of(mapped)
    assert begun.wait(60)
    assert work is not None
    work.cancel_queued()
    assert (work.running, work.cancelled) == (1, 6 - taken)
    release.set()
    assert list(work) == [taken, taken + 1]


def test_a_pool_that_is_shut_down_is_no_stop(pool: ThreadPoolExecutor) -> None:
    """Calls that others cancel raise as they do without us."""
    release = threading.Event()
    mapped = pool.map(lambda _: release.wait(30), range(4))
    work = WorkAhead.of(mapped)
    pool.shutdown(wait=False, cancel_futures=True)
    release.set()
    assert work is not None
    with pytest.raises(CancelledError):
        list(work)


# -- what it may come to -----------------------------------------------------------------------------------


@given(st.integers(1, 50), st.integers(0, 8), st.decimals("0.1", "5", places=2), st.booleans())
def test_prompt_calls_are_priced(ended: int, running: int, price: Decimal, at_begin: bool) -> None:
    """Whether calls are charged when they begin or when they end."""
    flow = Flow()
    for number in range(1, ended + 1):
        flow.record(price * (number + running * at_begin), number, float(number))
    at_most = flow.at_most(running)
    assert at_most >= price * (ended + running * at_begin)
    if at_begin:
        assert at_most >= price * (ended + running + 1)


def test_calls_not_charged_yet_are_counted() -> None:
    flow = Flow()
    for number in range(1, 11):
        flow.record(Decimal(0), number, float(number))
    assert flow.at_most(0, Decimal(1)) == 11
    # The first of ten is charged after 10 s.
    flow.record(Decimal(1), 10, 11.0)
    assert flow.at_most(0) == 1 + 10


@given(st.integers(1, 9), st.integers(0, 20), st.integers(0, 4), st.decimals("0.1", "5", places=2))
def test_calls_before_the_loop_are_priced(earlier: int, ended: int, running: int, price: Decimal) -> None:
    """What they cost was spent before the first reading, or is charged after it."""
    flow = Flow()
    for number in range(1, ended + 1):
        flow.record(price * (number + running), number, float(number))
    at_most = flow.at_most(running, price, earlier=earlier)
    least = price * (earlier + ended + running + 1)
    assert least <= round(at_most, 9) <= least + price * running


# -- whole loops -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [mapped, completed])
def test_a_pool_is_held_to_its_limit(
    demo_server: DemoServer,
    pool: ThreadPoolExecutor,
    capsys: Capture,
    ahead: Callable[[ThreadPoolExecutor, Callable[[int], int], int], Iterable[Any]],
) -> None:
    """What is queued is cancelled, and what has begun is handed out."""

    def call(number: int) -> int:
        demo_server.wait_for_requests(demo_server.requests_seen["/v1/credits"] + 2)
        demo_server.account.spend(1)
        return number

    bar = Patient(ahead(pool, call, 60), max_credits=8)
    items = len(list(bar))
    assert items == demo_server.account.true_cost() <= 10
    assert bar.stopped is not None
    assert f"{60 - items} queued items were cancelled" in bar.stopped
    assert printed(capsys)[-1 if items <= 8 else -2].startswith(f"{items} items, {items} credits")


def test_what_ran_before_the_loop_counts(
    demo_server: DemoServer, pool: ThreadPoolExecutor, capsys: Capture
) -> None:
    """What had ended by then is priced like the rest, and the last line is about the rest."""

    def call(number: int) -> None:
        if number >= 3:
            wait_until(lambda: bool(bars) and (calls[-1].cancelled() or is_up_to_date()))
        demo_server.account.spend(1)

    def is_up_to_date() -> bool:
        return bars[0].spent == demo_server.account.true_cost() - 3

    bars: list[Patient[Any]] = []
    calls = [pool.submit(call, number) for number in range(60)]
    wait(calls[:3])
    bar = Patient(as_completed(calls), max_credits=8)
    bars.append(bar)
    items = len([each.result() for each in bar])
    # The price is too low by a third, as two calls under way may have been charged: 3 + 6, and those two.
    assert items == demo_server.account.true_cost() <= 11
    assert bar.stopped is not None
    assert re.match(
        r"Stopped: \d of 8 credits spent, and 3 items had ended by the first reading\.",
        bar.stopped,
    )
    lines = printed(capsys)
    assert f"{items} items, {items - 3} credits, 1 each" in lines[-2]
    assert lines[-1] == "3 items had ended by the first reading; the cost may not include them."
    assert bar.per_item == 1


def test_what_ran_before_is_in_no_price(
    demo_server: DemoServer, pool: ThreadPoolExecutor, capsys: Capture
) -> None:
    """Also without a limit, also in the ledger."""

    def call(number: int) -> None:
        if number >= 3:
            demo_server.wait_for_requests(demo_server.requests_seen["/v1/credits"] + 2)
        demo_server.account.spend(1)

    calls = [pool.submit(call, number) for number in range(5)]
    wait(calls[:3])
    bar = Patient(as_completed(calls), every=0.05)
    assert len([each.result() for each in bar]) == 5
    lines = printed(capsys)
    assert "5 items, 2 credits, 1 each" in lines[-2]
    assert "3 items had ended" in lines[-1]
    assert ledger.current().entries()[-1].items == 2


def test_a_slow_body_delays_no_stop(demo_server: DemoServer, pool: ThreadPoolExecutor) -> None:
    """A pool spends while the loop is busy with the first item."""

    def call(number: int) -> int:
        demo_server.wait_for_requests(demo_server.requests_seen["/v1/credits"] + 2)
        demo_server.account.spend(1)
        return number

    bar = Hasty(pool.map(call, range(60)), max_credits=4)
    for number in bar:
        if number == 0:
            last = pool.submit(int)  # it runs when all before it have ended or were cancelled
            last.result(timeout=60)
    assert demo_server.account.true_cost() <= 6
    assert bar.stopped is not None


class Blind(Patient[T]):
    """A loop that gives up a balance that can't be read at once."""

    timing = LoopTiming(max_blind=0.05, first_pause=0.1, last_wait=0.05)


def test_a_blind_pool_is_stopped(demo_server: DemoServer, pool: ThreadPoolExecutor) -> None:
    def call(number: int) -> None:
        if number > 1:
            wait_until(lambda: bars and bars[0].stopped)

    bars: list[Blind[None]] = []
    bar: Blind[None] = Blind(pool.map(call, range(60)), max_credits=4)
    bars.append(bar)
    for _ in bar:
        demo_server.fault(status=500)
    assert bar.stopped is not None
    assert "can't be enforced" in bar.stopped


def test_what_goes_on_is_not_hidden(demo_server: DemoServer) -> None:
    """Other pools' queues can't be cancelled."""

    def call(number: int) -> None:
        # The loop may have read before this begins, and reads again only once it has the result.
        demo_server.wait_for_requests(before + number + 1)
        demo_server.account.spend(1)

    before = demo_server.requests_seen["/v1/credits"]
    with ThreadPool(1) as pool:
        bar: Hasty[None] = Hasty(pool.imap(call, range(20)), max_credits=3)
        list(bar)
        pool.terminate()
    assert bar.stopped is not None
    assert bar.stopped.endswith("Work started ahead of the loop goes on and may spend more.")
