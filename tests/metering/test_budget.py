"""Work that is stopped once it has spent what it may, wherever it is."""

from __future__ import annotations

import signal
import threading
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from evolink_nb import BudgetExceeded, EvoLinkClient, EvoLinkError, budget, meter
from evolink_nb.metering.active import active_measurements
from evolink_nb.metering.budgets.limits import parse_limit
from evolink_nb.metering.budgets.registry import budgets
from evolink_nb.metering.interrupt import InterruptTarget
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.spending import EVERY, Spending
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from evolink_nb.demo import DemoServer

pytestmark = pytest.mark.usefixtures("sigint_left_alone")


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
        # No more than the smaller limit: one reading must not reach both.
        Spending(demo_server).in_a_sleep()
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


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 401},
        {"status": 403},
        {"status": 429, "retry_after": 3600},
        {"status": 500},
        {"body": "html"},
    ],
    ids=["401", "403", "429", "500", "a page"],
)
@pytest.mark.parametrize("kind", [meter, budget])
def test_blind_for_long_work_is_stopped(
    demo_server: DemoServer, client: EvoLinkClient, kind: Any, fault: dict[str, Any]
) -> None:
    with pytest.raises(BudgetExceeded) as caught, kind(5, client=client, every=EVERY, max_blind=1.5):
        _spend_unseen(demo_server, fault)
    assert "stopped the work: the balance could not be read for 1 s: " in str(caught.value)
    assert "By the last reading, 0 of 5 credits were spent." in str(caught.value)
    assert caught.value.over == 0
    assert not CreditsFetcher.shared(client).running


def _spend_unseen(server: DemoServer, fault: dict[str, Any]) -> None:
    server.fault(**fault)
    time.sleep(60)


def test_never_blind_for_too_long_if_told(demo_server: DemoServer, client: EvoLinkClient) -> None:
    with meter(5, client=client, every=EVERY, max_blind=None):
        demo_server.fault(status=500)
        fetcher = CreditsFetcher.shared(client)
        wait_until(lambda: bool(fetcher.notice))
        assert "it stops the work" not in fetcher.notice
        demo_server.clear_faults()


def test_a_passing_refusal_blinds_no_budget(demo_server: DemoServer, client: EvoLinkClient) -> None:
    with pytest.raises(BudgetExceeded) as caught, meter(5, client=client, every=EVERY):
        _spend_after_a_refusal(demo_server, client)
    assert "at 5 credits spent" in str(caught.value)


def _spend_after_a_refusal(server: DemoServer, client: EvoLinkClient) -> None:
    server.fault(status=401)
    wait_until(lambda: CreditsFetcher.shared(client).status == "unauthorized")
    server.clear_faults()
    Spending(server).in_a_sleep()


@pytest.mark.parametrize("warn_at", [0.5, None])
def test_a_warning_comes_once(
    demo_server: DemoServer,
    client: EvoLinkClient,
    capsys: pytest.CaptureFixture[str],
    warn_at: float | None,
) -> None:
    fetcher = CreditsFetcher.shared(client)
    notices: list[str] = []
    fetcher.observe(lambda change: notices.append(change.new), "notice")
    with meter(max_credits=6, client=client, every=EVERY, warn_at=warn_at):
        for _ in range(4):
            demo_server.account.spend(1)
            fetcher.read(join=False)
    warning = "The meter (max_credits=6): 3 credits spent, 3 left."
    assert notices == ([] if warn_at is None else [warning, ""])
    assert capsys.readouterr().err == ("" if warn_at is None else f"{warning}\n")


def test_a_session_leaves_its_warning(demo_server: DemoServer, client: EvoLinkClient) -> None:
    """On the card, when a cell ends; not in the next cells' output."""
    fetcher = CreditsFetcher.shared(client)
    session = budget(5, client=client, every=EVERY)
    demo_server.account.spend(4)
    fetcher.read(join=False)
    budgets.end_work()
    assert fetcher.notice == "The session's budget of 5 credits: 4 credits spent, 1 left."
    session.cancel()
    assert fetcher.notice == ""


@pytest.mark.parametrize("option", [{"warn_at": 1.5}, {"warn_at": -1}, {"max_blind": -1}, {"grace": -1}])
@pytest.mark.parametrize("kind", [meter, budget])
def test_a_senseless_option_is_refused(client: EvoLinkClient, kind: Any, option: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(option))):
        kind(5, client=client, **option)
    assert not budgets.any_armed()


def test_work_that_swallows_stops_is_named(
    demo_server: DemoServer, client: EvoLinkClient, capsys: pytest.CaptureFixture[str]
) -> None:
    fetcher = CreditsFetcher.shared(client)
    interrupts: list[BaseException] = []

    def spend_until_noticed() -> bool:
        demo_server.account.spend(1)
        return bool(fetcher.notice)

    def swallow() -> None:
        while True:
            try:
                wait_until(spend_until_noticed)
                return
            except BaseException as interrupt:  # noqa: BLE001 - the point of this work
                interrupts.append(interrupt)

    with pytest.raises(BudgetExceeded), meter(max_credits=5, client=client, every=EVERY):
        swallow()
    # What handles an interrupt handles the first; what swallows that doesn't swallow the next.
    assert [isinstance(each, KeyboardInterrupt) for each in interrupts][:2] == [True, False]
    assert all(isinstance(each, BudgetExceeded) for each in interrupts)
    assert "the work is still running" in capsys.readouterr().err
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


def test_a_session_stops_spending_only(
    demo_server: DemoServer, client: EvoLinkClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """A session's budget stops what goes on spending and lets the rest run."""
    session = budget(5, name="today", client=client, every=EVERY)
    with pytest.raises(BudgetExceeded) as caught:
        Spending(demo_server).in_a_retry_loop()
    # As for Ctrl+C: a clean-up made for that works for a stop.
    assert isinstance(caught.value, KeyboardInterrupt)
    exceeded = budgets.end_work(caught.value)
    assert exceeded is not None
    assert str(exceeded) == str(caught.value)
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
    with pytest.raises(BudgetExceeded) as again:
        Spending(demo_server).in_a_retry_loop()
    assert budgets.end_work(again.value) is not None

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
    assert active_measurements.all() == []


def test_a_limit_is_exact() -> None:
    assert parse_limit(0.1) == Decimal("0.1")
