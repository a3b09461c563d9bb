"""A budget for each day: shared by kernels, kept over restarts, and anew at midnight whatever happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from evolink_nb import BudgetExceeded, CreditsFetcher, EvoLinkClient
from evolink_nb.errors import EvoLinkError
from evolink_nb.metering.budgets import period_spending
from evolink_nb.metering.budgets.limits import parse_limit
from evolink_nb.metering.budgets.options import BudgetOptions
from evolink_nb.metering.budgets.registry import budgets
from evolink_nb.metering.interrupt import InterruptTarget
from evolink_nb.metering.period_budget import PeriodBudget, Recurrence
from evolink_nb.metering.session_budget import session_budgets
from evolink_nb.periods import Per, Zone
from tests.support.spending import EVERY, Spending
from tests.support.time_of_day import TimeOfDay
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evolink_nb.credits import Credits
    from evolink_nb.demo import DemoServer

OPTIONS = BudgetOptions.parse(every=EVERY)


class Kept:
    """What a history would have kept: readings taken by other kernels of the key."""

    def __init__(self) -> None:
        self.readings: list[Credits] = []
        self.asked: list[datetime] = []
        self.problem: EvoLinkError | None = None

    def __call__(self, _fetcher: CreditsFetcher, since: datetime) -> Sequence[Credits]:
        self.asked.append(since)
        if self.problem is not None:
            raise self.problem
        before = [each for each in self.readings if each.read_at <= since]
        return [*before[-1:], *(each for each in self.readings if each.read_at > since)]


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def time_of_day(monkeypatch: pytest.MonkeyPatch) -> TimeOfDay:
    return TimeOfDay(monkeypatch)


UNTIL_MIDNIGHT = 86_400 - 50
"""Since when a day has begun that ends in 50 seconds: no test waits for that."""
MINUTE = 60


def day_begun(ago: float) -> Zone:
    """A time zone in which the day has begun so many seconds ago."""
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    offset = timedelta(seconds=ago) - (now - midnight)
    return timezone(offset + timedelta(days=1) if offset <= -timedelta(hours=24) else offset)


def daily(client: EvoLinkClient, kept: Kept, limit: int = 5, *, begun: float = 3600) -> PeriodBudget:
    recurrence = Recurrence(Per.DAY, day_begun(begun))
    fetcher = CreditsFetcher.shared(client)
    return PeriodBudget(fetcher, parse_limit(limit), recurrence, kept=kept, options=OPTIONS)


def test_earlier_kernels_spending_counts(demo_server: DemoServer, client: EvoLinkClient, kept: Kept) -> None:
    kept.readings.append(client.get_credits())
    demo_server.account.spend(3)
    day = daily(client, kept, begun=-86_390)  # it began 10 seconds ago; what was kept is later than that
    assert day.spent == 3
    assert day.left == 2
    assert day.label == "day"
    assert repr(day) == "<The day's budget of 5 credits: 3 credits spent, 2 left>"
    with pytest.raises(BudgetExceeded) as caught:
        Spending(demo_server).in_a_retry_loop()
    assert "The day's budget of 5 credits stopped the work" in str(caught.value)
    assert "It starts over on " in str(caught.value)
    budgets.end_work(caught.value)


def test_other_kernels_spending_counts(demo_server: DemoServer, client: EvoLinkClient, kept: Kept) -> None:
    """Two budgets on one key, as in two kernels: what one sees, the other sees."""
    kept.readings.append(client.get_credits())
    day = daily(client, kept)
    budgets.end_work()
    demo_server.account.spend(4)  # by another kernel
    wait_until(lambda: day.spent == 4)
    assert day.left == 1


def test_a_spent_day_stops_the_next_kernel(
    demo_server: DemoServer, client: EvoLinkClient, kept: Kept
) -> None:
    kept.readings.append(client.get_credits())
    demo_server.account.spend(6)
    day = daily(client, kept)
    assert day.left == -1
    with pytest.raises(BudgetExceeded):
        Spending(demo_server).in_a_sleep()
    budgets.end_work()


def test_a_day_ends_while_at_rest(
    demo_server: DemoServer, client: EvoLinkClient, kept: Kept, time_of_day: TimeOfDay
) -> None:
    kept.readings.append(client.get_credits())
    demo_server.account.spend(4)
    day = daily(client, kept, begun=UNTIL_MIDNIGHT)
    budgets.end_work()
    first = day.begins_anew_at
    assert day.spent == 4
    time_of_day.move_on(MINUTE)
    assert day.spent == 0
    assert day.begins_anew_at - first == timedelta(days=1)
    assert day.left == 5
    demo_server.account.spend(1)
    wait_until(lambda: day.spent == 1)


def test_a_day_ends_while_work_runs(
    demo_server: DemoServer, client: EvoLinkClient, kept: Kept, time_of_day: TimeOfDay
) -> None:
    """What was spent before midnight counts no more; the limit holds from then on."""
    kept.readings.append(client.get_credits())
    demo_server.account.spend(4)
    day = daily(client, kept, begun=UNTIL_MIDNIGHT)
    first = day.begins_anew_at
    time_of_day.move_on(MINUTE)
    assert day.begins_anew_at > first
    demo_server.account.spend(3)
    wait_until(lambda: day.spent == 3)
    assert day.exceeded is None
    with pytest.raises(BudgetExceeded) as caught:
        Spending(demo_server).in_a_sleep()
    assert caught.value.spent < 9
    budgets.end_work(caught.value)


@pytest.fixture
def rough(monkeypatch: pytest.MonkeyPatch) -> None:
    """No reading is close to a day's beginning."""
    monkeypatch.setattr(period_spending, "CLOSE", timedelta(0))


@pytest.mark.usefixtures("rough")
def test_after_a_long_sleep_history_is_asked(
    demo_server: DemoServer, client: EvoLinkClient, kept: Kept, time_of_day: TimeOfDay
) -> None:
    """The kernel's own last reading is old; another kernel read shortly before midnight."""
    kept.readings.append(client.get_credits())
    day = daily(client, kept, begun=UNTIL_MIDNIGHT)
    budgets.end_work()
    midnight = day.begins_anew_at
    demo_server.account.spend(4)
    kept.readings.append(client.get_credits())
    time_of_day.move_on(MINUTE)
    demo_server.account.spend(1)
    assert day.spent == 1
    assert kept.asked[1:] == [midnight]
    assert day.spent == 1
    assert len(kept.asked) == 2, "once a day is enough"


def test_each_day_warns_once(
    demo_server: DemoServer,
    client: EvoLinkClient,
    kept: Kept,
    time_of_day: TimeOfDay,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept.readings.append(client.get_credits())
    day = daily(client, kept, begun=UNTIL_MIDNIGHT)
    demo_server.account.spend(4)
    warning = "The day's budget of 5 credits: 4 credits spent, 1 left."
    wait_until(lambda: day.fetcher.notice == warning)
    midnight = day.begins_anew_at
    time_of_day.move_on(MINUTE)
    assert day.begins_anew_at > midnight
    assert day.fetcher.notice == ""
    demo_server.account.spend(4)
    wait_until(lambda: day.fetcher.notice == warning)
    assert capsys.readouterr().err == f"{warning}\n" * 2


@pytest.mark.usefixtures("rough")
def test_without_history_the_gap_counts(
    demo_server: DemoServer, client: EvoLinkClient, kept: Kept, time_of_day: TimeOfDay
) -> None:
    """Too much may count then, and never too little."""
    kept.readings.append(client.get_credits())
    day = daily(client, kept, begun=UNTIL_MIDNIGHT)
    budgets.end_work()
    demo_server.account.spend(4)
    time_of_day.move_on(MINUTE)
    kept.problem = EvoLinkError("The history is away.")
    assert day.spent == 4


def test_it_is_refused_if_nothing_is_kept(client: EvoLinkClient, kept: Kept) -> None:
    kept.problem = EvoLinkError("No history is kept.")
    with pytest.raises(EvoLinkError, match="No history is kept") as caught:
        daily(client, kept)
    assert caught.value.__notes__ == ["The day's budget of 5 credits is not set: it could not watch."]
    assert session_budgets() == []


def test_budgets_of_day_and_session_coexist(client: EvoLinkClient, kept: Kept) -> None:
    from evolink_nb import budget

    first = daily(client, kept)
    session = budget(2, client=client)
    assert session_budgets() == [first, session]
    second = daily(client, kept, 8)
    assert session_budgets() == [session, second]


def test_a_spent_day_refuses_guarded_calls(
    demo_server: DemoServer, client: EvoLinkClient, kept: Kept
) -> None:
    kept.readings.append(client.get_credits())
    demo_server.account.spend(5)
    day = daily(client, kept)
    budgets.end_work()
    stop = day.refuse()
    assert stop is not None
    assert stop.spent == 5
    budgets.begin_work(InterruptTarget())
    assert budgets.end_work() is None


def test_a_new_day_lets_calls_through(
    demo_server: DemoServer, client: EvoLinkClient, kept: Kept, time_of_day: TimeOfDay
) -> None:
    """Guarded work that met its limit just before midnight goes on after it."""
    kept.readings.append(client.get_credits())
    demo_server.account.spend(5)
    day = daily(client, kept, begun=UNTIL_MIDNIGHT)
    budgets.end_work()
    assert day.refuse() is not None
    time_of_day.move_on(MINUTE)
    assert day.refuse() is None
    assert day.spent == 0
