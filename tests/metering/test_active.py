"""What is measured at the same time, told apart by where it runs; and what is let go of afterwards."""

from __future__ import annotations

import contextvars
import gc
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from evolink_nb.metering.active import AT_THE_SAME_TIME, ActiveMeasurements
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.readings import reading

if TYPE_CHECKING:
    from evolink_nb.credits import Credits


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
class Work:
    """Work on an account."""

    fetcher: CreditsFetcher = field(default_factory=an_account)
    is_over: bool = False
    covers_kernel: bool = False
    is_sure: bool = False
    is_zero: bool = False
    shared: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def mark_shared(self, reason: str) -> None:
        self.shared.append(reason)

    def offer(self, reading: Credits) -> None:
        raise AssertionError(reading)

    def supersede(self) -> None:
        self.told.append("superseded")

    def cancel(self) -> None:
        self.told.append("cancelled")

    def wait(self, seconds: float | None = None) -> bool:
        assert seconds is not None
        self.told.append("waited for")
        return True

    def beside(self) -> Work:
        """Other work on the same account."""
        return Work(self.fetcher)


@pytest.fixture
def active() -> ActiveMeasurements:
    """None so far."""
    return ActiveMeasurements()


def test_work_inside_is_no_overlap(active: ActiveMeasurements) -> None:
    """Work inside other work is no overlap."""
    outer = Work()
    inner = outer.beside()
    assert active.enter(outer) == ([], [], [])
    assert active.enter(inner) == ([outer], [], [])
    assert active.enclosing() == (outer, inner)
    active.leave(inner)
    assert active.enclosing() == (outer,)


def test_work_in_another_context_is_beside(active: ActiveMeasurements) -> None:
    one = Work()
    contextvars.copy_context().run(active.enter, one)
    two = one.beside()
    assert active.enter(two) == ([], [one], [])
    assert one.shared == two.shared == [AT_THE_SAME_TIME]


def test_a_cell_encloses_what_runs_meanwhile(active: ActiveMeasurements) -> None:
    cell = Work(covers_kernel=True)
    contextvars.copy_context().run(active.enter, cell)
    inner = cell.beside()
    assert active.enter(inner) == ([cell], [], [])
    assert cell.shared == inner.shared == []


def test_all_can_be_superseded_and_cancelled(active: ActiveMeasurements) -> None:
    runs, settles = Work(), Work()
    active.enter(runs)
    active.enter(settles)
    settles.is_over = True
    active.supersede_all()
    active.cancel_all()
    assert runs.told == ["superseded", "cancelled"]
    # What still runs is not waited for: it ends in its own time.
    assert settles.told == ["superseded", "cancelled", "waited for"]


def test_work_that_is_over_settles(active: ActiveMeasurements) -> None:
    one = Work()
    active.enter(one)
    one.is_over = True
    # Though its context goes on, as that of a task which it began.
    assert active.enter(one.beside()) == ([], [], [one])
    active.finish(one)
    assert one not in active.all()


def test_accounts_are_told_apart(active: ActiveMeasurements) -> None:
    one, other = Work(), Work()
    contextvars.copy_context().run(active.enter, one)
    assert active.enter(other) == ([], [], [])
    assert len(active.all()) == 2
    assert active.settler_of(one) is not active.settler_of(other)


def test_an_account_has_one_settler(active: ActiveMeasurements) -> None:
    """An account has one settler while it is in use."""
    one = Work()
    two = one.beside()
    active.enter(one)
    active.enter(two)
    settler = active.settler_of(one)
    active.finish(one)
    assert active.settler_of(two) is settler
    active.finish(two)
    active.finish(two)
    assert active.settler_of(two) is not settler


def test_nothing_of_an_account_is_kept(active: ActiveMeasurements) -> None:
    """Nothing is kept of an account that is done."""
    one = Work()
    contextvars.copy_context().run(active.enter, one)
    kept: list[weakref.ref[object]] = [
        weakref.ref(one),
        weakref.ref(one.fetcher),
        weakref.ref(active.settler_of(one)),
    ]
    active.finish(one)
    del one
    gc.collect()
    assert [each() for each in kept] == [None, None, None]


def test_a_forked_child_starts_with_none(active: ActiveMeasurements) -> None:
    """A forked child has none of its parent's."""
    one = Work()
    active.enter(one)
    active.after_fork()
    assert active.all() == []
    # What the parent began may still end in the child.
    active.finish(one)
    assert active.enter(one.beside()).settling == []
