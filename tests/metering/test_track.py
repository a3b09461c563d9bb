"""Loops that know their price, over the simulated account, real sockets and the real tqdm."""

from __future__ import annotations

import gc
import io
import random
import sys
import threading
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from evolink_nb import EvoLinkClient, track
from evolink_nb.metering.budgets.registry import budgets
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.loops import Capture, Hasty, Patient, figures, is_at_rest, printed

if TYPE_CHECKING:
    from collections.abc import Callable

    from evolink_nb import Credits
    from evolink_nb.demo import DemoServer
    from evolink_nb.metering.ledger import MemoryLedger

pytestmark = pytest.mark.usefixtures("simulated_account", "book", "client")


# -- the limit ---------------------------------------------------------------------------------------------


def test_a_loop_stops_before_it_goes_over(
    demo_server: DemoServer, book: MemoryLedger, capsys: Capture
) -> None:
    """A loop stops before the item that would go over."""
    done = []
    bar = Patient(range(100), max_credits=40, description="summaries")
    for number in bar:
        demo_server.account.spend(1)
        done.append(number)
    assert done == list(range(40))
    assert demo_server.account.true_cost() == 40
    assert bar.stopped is not None
    assert printed(capsys) == [
        "Stopped before item 41 of 100: 40 of 40 credits spent; the next may cost 1.",
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
    bar = Patient(costs, max_credits=20)
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
    for _ in Hasty(range(100), max_credits=4):
        demo_server.account.reserve(1, cost="0.5")
    assert demo_server.account.outstanding == 4
    # On a busy machine the reading after the loop may come too late for its last line.
    assert printed(capsys)[-1].startswith("4 items, 4 credits, 1 each; ")


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
    bar = Patient(costs, max_credits=5)
    for cost in bar:
        demo_server.account.spend(cost)
    assert bar.stopped is None
    assert printed(capsys)[-1] == "6 credits over max_credits: item 3 cost 9, more than any before it."


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


@pytest.mark.parametrize(("option", "value"), [("warn_at", 0.5), ("warn_at", None), ("max_blind", 5)])
def test_an_option_of_limits_needs_one(option: str, value: float | None) -> None:
    given: dict[str, Any] = {option: value}
    with pytest.raises(ValueError, match=f"{option} needs max_credits: it has no effect without a limit"):
        track([1], **given)
    track([1], max_credits=5, **given)


def test_a_loop_with_a_limit_has_no_pace() -> None:
    with pytest.raises(ValueError, match="every can't be combined with max_credits"):
        track([1], max_credits=5, every=60)


@pytest.mark.parametrize(("option", "value"), [("warn_at", 2), ("warn_at", -1), ("max_blind", -1)])
def test_options_of_a_loop_must_make_sense(option: str, value: float) -> None:
    given: dict[str, Any] = {option: value}
    with pytest.raises(ValueError, match=f"{option} must be"):
        track([1], max_credits=5, **given)


# -- warning ------------------------------------------------------------------------------------------------


def test_a_loop_warns_once_before_its_limit(
    demo_server: DemoServer, client: EvoLinkClient, capsys: Capture
) -> None:
    """In the output, and on the card until the loop ends."""
    notices: list[str] = []
    fetcher = CreditsFetcher.shared(client)
    fetcher.observe(lambda change: notices.append(change.new), "notice")
    for _ in Hasty(range(9), max_credits=10, warn_at=0.5, description="pages", client=client):
        demo_server.account.spend(1)
    warning = "The loop 'pages' (max_credits=10): 5 credits spent, 5 left."
    assert [line for line in capsys.readouterr().err.splitlines() if "pages' (" in line] == [warning]
    assert notices == [warning, ""]


@pytest.mark.parametrize("warn_at", [None, 0])
def test_a_loop_need_not_warn(demo_server: DemoServer, capsys: Capture, warn_at: float | None) -> None:
    for _ in Hasty(range(9), max_credits=10, warn_at=warn_at):
        demo_server.account.spend(1)
    assert "left." not in capsys.readouterr().err


@pytest.mark.usefixtures("demo_server")
def test_a_loops_limit_ends_with_the_loop() -> None:
    """However it is left."""
    for _ in Hasty(range(3), max_credits=10, description="pages"):
        assert [each.name for each in budgets.passing] == ["The loop 'pages' (max_credits=10)"]
        break
    gc.collect()
    assert budgets.passing == ()


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
        "Stopped before item 1 of 2: 0 of 5 credits spent; an item cost 6 in earlier runs."
    )


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
    assert "3 of 10 spent | 1.5 each | about 4.5 total" in bar
    assert "In earlier runs an item cost 1.5 credits: 3 items about 4.5 credits" in lines
