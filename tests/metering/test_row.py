"""A row of work by itself: readings and work go in, costs come out."""

from __future__ import annotations

from decimal import Decimal

from evolink_nb.metering.quiet import QUIET, QuietTime
from evolink_nb.metering.row import MAX_WORKS, Row
from evolink_nb.metering.verdict import AROUND_IT
from evolink_nb.metering.work import Work
from tests.support.readings import moved

TOO_MANY = MAX_WORKS + 20


def spend(row: Row, at: float, so_far: int) -> Work:
    """One credit, spent within half a second and read at once."""
    work = Work(at)
    row.begin(work)
    work.ended = at + 0.5
    row.record(moved(at + 0.5, spent=so_far + 1))
    return work


def test_a_cost_needs_its_quiet_time() -> None:
    row = Row(QuietTime())
    row.record(moved(1))
    work = spend(row, 1, 0)
    assert (work.cost.credits, work.cost.settled) == (Decimal(1), False)
    row.record(moved(1.5 + QUIET - 0.1, spent=1))
    assert not work.cost.settled
    row.record(moved(1.5 + QUIET, spent=1))
    assert (work.cost.credits, work.cost.settled) == (Decimal(1), True)
    assert work.cost.confidence == "clean"
    assert row.works == []


def test_a_nonstop_row_stays_bounded() -> None:
    """An account that never rests: earlier work ends with what is known, and nothing grows."""
    row = Row(QuietTime())
    row.record(moved(0))
    works = [spend(row, number, number) for number in range(TOO_MANY)]
    assert len(row.works) <= MAX_WORKS
    assert len(row._movements) <= MAX_WORKS + QUIET + 2
    dropped = works[: -MAX_WORKS - 1]
    assert all(work.is_final and not work.cost.settled for work in dropped)
    row.record(moved(TOO_MANY + QUIET, spent=TOO_MANY))
    assert row.works == []
    assert works[-1].cost.together is not None
    assert works[-1].cost.together.credits <= Decimal(TOO_MANY)


def test_inner_work_ends_before_its_outer() -> None:
    """What goes on around it may have spent it: nothing more will be known, and nobody waits for that."""
    row = Row(QuietTime())
    row.record(moved(0))
    outer = Work(0.0)
    row.begin(outer)
    row.record(moved(0.9))
    inner = Work(1.0, enclosing=(outer,))
    row.begin(inner)
    inner.ended = 1.5
    row.record(moved(1.5, spent=1))
    row.record(moved(1.5 + QUIET, spent=1))
    assert (inner.cost.credits, inner.cost.confidence) == (Decimal(1), "shared")
    assert (inner.cost.reason, inner.is_final) == (AROUND_IT, True)
    outer.ended = 10.0
    row.record(moved(10 + QUIET, spent=1))
    assert (outer.cost.credits, outer.cost.confidence) == (Decimal(1), "clean")
