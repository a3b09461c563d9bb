"""A row of work by itself: readings and work go in, costs come out."""

from __future__ import annotations

from decimal import Decimal
from math import inf

from evolink_nb.api.calls import Call
from evolink_nb.metering.attribution.quiet import QUIET, QuietTime
from evolink_nb.metering.attribution.row import MAX_WORKS, Row
from evolink_nb.metering.attribution.verdict import AROUND_IT, REFUNDED
from evolink_nb.metering.attribution.work import Work
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
    assert len(row._movements.movements) <= MAX_WORKS + QUIET + 2
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


def test_what_comes_back_is_no_clean_cost() -> None:
    """Less than nothing can't be what work cost."""
    row = Row(QuietTime())
    row.record(moved(1, spent=2))
    work = Work(1.0)
    row.begin(work)
    work.ended = 2.0
    row.record(moved(2, spent=1, topped_up=-1))
    row.record(moved(2 + QUIET, spent=1, topped_up=-1))
    assert work.cost.confidence not in {"clean", "confirmed"}


def test_a_refund_confirms_nothing() -> None:
    """It may be of an earlier call: then the work cost more than its receipts say."""
    row = Row(QuietTime())
    row.record(moved(1, spent=2))
    work = Work(1.0, calls=[Call("account", 1.0, 2.0, Decimal(2))])
    row.begin(work)
    row.record(moved(2, spent=6))
    work.ended = 2.0
    row.record(moved(3, spent=4))
    row.record(moved(3 + QUIET, spent=4))
    assert (work.cost.credits, work.cost.confidence, work.cost.reason) == (Decimal(2), "shared", REFUNDED)


def test_a_lag_that_is_seen_counts_at_once() -> None:
    """What showed by then is looked at again: here it may be of the work around it, long before."""
    quiet = QuietTime()
    row = Row(quiet)
    row.record(moved(0))
    outer = Work(1.0)
    row.begin(outer)
    inner = Work(4.0, enclosing=(outer,), waits_since=2.5)
    row.begin(inner)
    inner.ended, inner.resumes_at = 5.0, inf
    row.record(moved(9.5))
    row.record(moved(11.2, spent=1))
    assert quiet.seconds > QUIET
    row.record(moved(11.2 + quiet.seconds, spent=1))
    assert (inner.cost.credits, inner.cost.confidence, inner.cost.reason) == (Decimal(1), "shared", AROUND_IT)


def test_an_estimate_within_stays_one() -> None:
    """Work that goes on after what ran within it has been told together with others is shared as well."""
    row = Row(QuietTime())
    row.record(moved(0))
    other = Work(0.0)
    row.begin(other)
    other.ended = 1.0
    outer = Work(1.1)
    row.begin(outer)
    inner = Work(1.1, enclosing=(outer,))
    row.begin(inner)
    row.record(moved(2, spent=3))
    inner.ended, inner.resumes_at = 2.0, 60.0
    row.record(moved(2 + QUIET, spent=3))
    assert inner.cost.together is not None
    outer.ended = 60.0
    row.record(moved(60, spent=3))
    row.record(moved(60 + QUIET, spent=3))
    assert (outer.cost.credits, outer.cost.confidence) == (inner.cost.credits, "shared")
    assert outer.cost.together is None
