"""What is measured at the same time, told apart by where it runs; and what is let go of afterwards."""

from __future__ import annotations

import contextvars
import gc
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from evolink_nb.api.calls import Call, calls
from evolink_nb.metering.active import ActiveMeasurements
from evolink_nb.metering.attribution.verdict import AT_THE_SAME_TIME
from evolink_nb.metering.attribution.work import Work
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.readings import reading

if TYPE_CHECKING:
    from evolink_nb.credits import Credits
    from evolink_nb.metering.attribution.row import Row
    from evolink_nb.metering.followed_account import FollowedAccount


class Client:
    """Answers one balance."""

    identity = "one"

    def get_credits(self) -> Credits:
        return reading()

    def close(self) -> None:
        pass


def an_account() -> CreditsFetcher:
    return CreditsFetcher(Client())


@dataclass(eq=False)
class Measured:
    """Work on an account."""

    fetcher: CreditsFetcher = field(default_factory=an_account)
    is_over: bool = False
    covers_kernel: bool = False
    work: Work = field(default_factory=lambda: Work(0.0))
    shared: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def mark_shared(self, reason: str) -> None:
        self.shared.append(reason)

    def cancel(self) -> None:
        self.told.append("cancelled")

    def wait(self, seconds: float | None = None) -> bool:
        assert seconds is not None
        self.told.append("waited for")
        return True

    def beside(self) -> Measured:
        """Other work on the same account."""
        return Measured(self.fetcher)


@pytest.fixture
def active() -> ActiveMeasurements:
    """None so far."""
    return ActiveMeasurements()


def test_work_inside_is_no_overlap(active: ActiveMeasurements) -> None:
    """Work inside other work is no overlap."""
    outer = Measured()
    inner = outer.beside()
    assert active.enter(outer) == ([], [])
    assert active.enter(inner) == ([outer], [])
    assert active.enclosing() == (outer, inner)
    active.leave(inner)
    assert active.enclosing() == (outer,)


def test_work_in_another_context_is_beside(active: ActiveMeasurements) -> None:
    one = Measured()
    contextvars.copy_context().run(active.enter, one)
    two = one.beside()
    assert active.enter(two) == ([], [one])
    assert one.shared == two.shared == [AT_THE_SAME_TIME]


def test_a_cell_encloses_what_runs_meanwhile(active: ActiveMeasurements) -> None:
    cell = Measured(covers_kernel=True)
    contextvars.copy_context().run(active.enter, cell)
    inner = cell.beside()
    assert active.enter(inner) == ([cell], [])
    assert cell.shared == inner.shared == []


def test_all_can_be_cancelled(active: ActiveMeasurements) -> None:
    runs, settles = Measured(), Measured()
    active.enter(runs)
    active.enter(settles)
    settles.is_over = True
    active.cancel_all()
    assert runs.told == ["cancelled"]
    # What still runs is not waited for: it ends in its own time.
    assert settles.told == ["cancelled", "waited for"]


def test_work_that_is_over_settles(active: ActiveMeasurements) -> None:
    one = Measured()
    active.enter(one)
    one.is_over = True
    # Though its context goes on, as that of a task which it began.
    assert active.enter(one.beside()) == ([], [])
    active.finish(one)
    assert one not in active.all()


def test_accounts_are_told_apart(active: ActiveMeasurements) -> None:
    one, other = Measured(), Measured()
    contextvars.copy_context().run(active.enter, one)
    assert active.enter(other) == ([], [])
    assert len(active.all()) == 2
    assert active.account_of(one.fetcher) is not active.account_of(other.fetcher)


def test_an_account_is_followed_once(active: ActiveMeasurements) -> None:
    """As long as its fetcher lives, whether or not any work is under way."""
    one = Measured()
    account = active.account_of(one.fetcher)
    active.enter(one)
    active.finish(one)
    active.finish(one)
    assert active.account_of(one.fetcher) is account


def test_nothing_of_an_account_is_kept(active: ActiveMeasurements) -> None:
    """Nothing is kept of an account that is done, and whose fetcher is dropped."""
    one = Measured()
    contextvars.copy_context().run(active.enter, one)
    kept: list[weakref.ref[object]] = [
        weakref.ref(one),
        weakref.ref(one.fetcher),
        weakref.ref(active.account_of(one.fetcher)),
    ]
    active.finish(one)
    del one
    gc.collect()
    assert [each() for each in kept] == [None, None, None]


def test_a_forked_child_starts_with_none(active: ActiveMeasurements) -> None:
    """A forked child has none of its parent's."""
    one = Measured()
    active.enter(one)
    active.after_fork()
    assert active.all() == []
    # What the parent began may still end in the child.
    active.finish(one)
    assert active.enter(one.beside()) == ([], [])


# -- guarded calls -------------------------------------------------------------------------------------


@pytest.fixture
def observing(active: ActiveMeasurements) -> Iterator[ActiveMeasurements]:
    """Those that hear of the process's guarded calls."""
    calls.add_observer(active)
    yield active
    calls.remove_observer(active)


def test_a_call_is_of_the_work_around_it(observing: ActiveMeasurements) -> None:
    """In a thread without a context it is the running cell's; of another key it is nobody's."""
    cell = Measured(covers_kernel=True)
    inner = cell.beside()
    account = observing.account_of(cell.fetcher)
    observing.enter(cell)
    observing.enter(inner)
    inner.work.enclosing = (cell.work,)
    for measured in (cell, inner):
        account.begin(Member(measured.work), measured.work)
    inside = calls.begin("one")
    outside = contextvars.Context().run(calls.begin, "one")
    calls.begin("another")
    assert inner.work.calls == [inside]
    assert cell.work.calls == [inside, outside]


def works_of(account: FollowedAccount) -> list[Work]:
    """The work in an account's row."""
    found: list[Work] = []

    def look(row: Row) -> bool:
        found.extend(row.works)
        return False

    account.revise(look)
    return found


def test_a_call_nobody_measures_is_work(observing: ActiveMeasurements) -> None:
    """What it spends isn't taken for that of the work beside it."""
    fetcher = an_account()
    account = observing.account_of(fetcher)
    call: Call = calls.begin("one")
    works = works_of(account)
    assert [work.calls for work in works] == [[call]]
    calls.end(call)
    assert [work.ended for work in works] == [call.ended_at]


@dataclass(eq=False)
class Member:
    """Measured work that publishes nothing."""

    work: Work

    def publish(self) -> None:
        pass
