"""What a loop knows of its price, and what that says of other work around and inside it."""

from __future__ import annotations

import random
import threading
from contextlib import ExitStack
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from evolink_nb import EvoLinkClient, meter, track
from evolink_nb.credits import total
from evolink_nb.demo import OTHER_KEY, DemoServer
from evolink_nb.metering.attribution.verdict import AROUND_IT
from tests.support.loops import Capture, Hasty, Patient, figures, is_at_rest, printed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evolink_nb.metering.ledger import MemoryLedger


pytestmark = pytest.mark.usefixtures("simulated_account", "book", "client")


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
    bar = Patient(range(40), every=0.1)
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
    assert f"5.1 of 100 spent · 1.02 each · ≈ 10.2 total · {left - Decimal('5.1'):,.4f} left" in last


def test_an_unknown_length_is_not_projected(demo_server: DemoServer, capsys: Capture) -> None:
    """A number of items that is not known is not projected."""
    bar = Patient((number for number in range(3)), max_credits=10)
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
    assert list(Patient(range(5), max_credits=1)) == [0, 1, 2, 3, 4]
    assert printed(capsys) == ["5 items, 0 credits"]


@pytest.mark.parametrize("problem", [TypeError, OverflowError])
def test_a_length_is_not_needed(problem: type[Exception]) -> None:
    """As of a data loader over a stream, or of a range longer than memory."""

    class Endless:
        def __len__(self) -> int:
            raise problem

        def __iter__(self) -> Iterator[int]:
            return iter((1, 2))

    assert list(Patient(Endless(), max_credits=5)) == [1, 2]


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
        for _ in Patient(range(100), max_credits=3):
            server.account.spend(1)
        assert server.account.true_cost() == 3
    assert "3 items, 3 credits (account), 1 each; shared:" in printed(capsys)[-1]


def test_others_on_the_account_are_said(demo_server: DemoServer, capsys: Capture) -> None:
    bar = Patient(range(2))
    for _ in bar:
        demo_server.account.spend(1)
        demo_server.account.spend(5, key=OTHER_KEY)
    assert "2 items, 2 credits, 1 each; shared: others" in printed(capsys)[-1]


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
    assert [cost.credits for cost in inside] == [Decimal(1)] * 3
    # On a busy machine, the code around one of them may have taken long enough for a call.
    assert {cost.reason for cost in inside if cost.confidence != "clean"} <= {AROUND_IT}
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
    assert bar.cost.confidence == "shared"


def test_late_settling_amends_the_entry(demo_server: DemoServer, book: MemoryLedger, capsys: Capture) -> None:
    """And the line that said what the loop had cost by then."""
    demo_server.account.settle_after = (1.5, 1.5)
    bar = Hasty(range(2), max_credits=10, description="films")
    for _ in bar:
        demo_server.account.reserve(2, cost=1)
    assert printed(capsys) == ["2 items, 4 credits, 2 each; not settled yet"]
    assert bar.wait(30)
    assert bar.cost.credits == book.entries()[0].cost.credits == 2
    assert bar.cost.settled
    (line,) = printed(capsys)
    assert line.startswith("films, settled: 2 credits, 1 each")


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
    # Nobody can say whose it was, but it is counted once.
    assert total(bar.cost.credits or Decimal(0) for bar in bars) == 2
