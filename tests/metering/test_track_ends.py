"""Loops that are left early, and loops whose balance can't be read."""

from __future__ import annotations

import gc
import threading
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from evolink_nb import EvoLinkClient, EvoLinkError, track
from evolink_nb.errors import ServerError
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.loops import Capture, Impatient, Patient, is_at_rest, printed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evolink_nb.demo import DemoServer
    from evolink_nb.metering.ledger import MemoryLedger


pytestmark = pytest.mark.usefixtures("simulated_account", "book", "client")


# -- leaving early -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [None, 50])
def test_leaving_a_loop_ends_all_of_it(
    demo_server: DemoServer, client: EvoLinkClient, capsys: Capture, limit: int | None
) -> None:
    bar = Patient(range(10), max_credits=limit)
    for number in bar:
        demo_server.account.spend(1)
        if number == 2:
            break
    assert printed(capsys) == ["Loop left during item 3 of 10: 3 credits, 1 each"]
    assert not CreditsFetcher.shared(client).running
    assert bar.wait(30)
    assert bar.cost.confidence == "clean"
    assert is_at_rest()


def test_an_exception_in_the_body_passes(
    demo_server: DemoServer, book: MemoryLedger, capsys: Capture
) -> None:
    """An exception in the body passes and what was spent is known."""

    def work() -> None:
        for number in Patient(range(10), max_credits=50):
            demo_server.account.spend(2)
            if number == 1:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    gc.collect()  # pytest keeps the frames of the exception
    assert printed(capsys) == ["Loop left during item 2 of 10: 4 credits, 2 each"]
    assert book.entries()[0].cost.credits == 4
    assert is_at_rest()


def test_an_item_left_unpaid_is_not_counted(demo_server: DemoServer, capsys: Capture) -> None:
    """An item left before it cost anything is no item of the mean."""
    for number in Patient(range(10), max_credits=50):
        if number == 2:
            break
        demo_server.account.spend(3)
    assert printed(capsys) == ["Loop left during item 3 of 10: 6 credits, 3 each"]


def test_an_exception_of_the_iterable_passes(demo_server: DemoServer, capsys: Capture) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("no more prompts")

    def work() -> None:
        for _ in Patient(items(), max_credits=5):
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
    assert first.startswith("The balance can't be read, so the items' cost is unknown: ")
    assert last.startswith("3 items, cost unknown: the balance could not be read: ")
    assert "balance not read" in captured.err
    assert "0 spent" not in captured.err


def test_a_failed_reading_is_tried_again(demo_server: DemoServer, capsys: Capture) -> None:
    for number in Patient(range(5), max_credits=50):
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
        "Stopped before item 3 of 5: the balance can't be read, so max_credits can't be enforced. "
    )
    assert closing == "2 items, 1 credit, 1 each; read after item 1, and not since"


def test_a_refused_key_ends_the_loop(demo_server: DemoServer, capsys: Capture) -> None:
    for number in Impatient(range(5), max_credits=50):
        demo_server.account.spend(1)
        if number == 1:
            demo_server.fault(status=401)
    assert "Stopped before item 3 of 5: the balance can't be read" in printed(capsys)[0]


def test_a_passing_401_ends_no_loop(demo_server: DemoServer, capsys: Capture) -> None:
    """A gateway that refuses a good key once is asked again."""
    for number in Patient(range(4), max_credits=50):
        demo_server.account.spend(1)
        if number == 1:
            demo_server.fault(status=401, times=2)
    assert printed(capsys) == ["4 items, 4 credits, 1 each"]


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
            assert failed.wait(60)
    captured = capsys.readouterr()
    assert "3 spent" in captured.err
    assert "not read for" in captured.err.rpartition("\r")[2]
    assert captured.out.endswith("and not since\n")


def test_without_a_key_nothing_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVOLINK_API_KEY")
    with pytest.raises(EvoLinkError, match="key"):
        list(track([1]))


def test_a_loop_is_blind_as_long_as_asked(demo_server: DemoServer) -> None:
    """Less than usual: it ends at the first try that fails."""
    bar = track(range(5), max_credits=50, max_blind=0)
    for _ in bar:
        demo_server.account.spend(1)
        demo_server.fault(status=500)
    assert bar.stopped is not None
    assert bar.stopped.startswith("Stopped before item 2 of 5: the balance can't be read")


def test_a_loop_may_be_blind_for_ever(demo_server: DemoServer) -> None:
    bar = Impatient(range(3), max_credits=50, max_blind=None)
    for number in bar:
        if not number:
            demo_server.fault(status=500, times=12)  # each try of the client has three attempts
    assert bar.stopped is None
