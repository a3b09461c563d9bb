"""Which counter tells what a key spends, where some stand still."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from evolink_nb.credits import CreditsDelta
from evolink_nb.metering.attribution.key_counter import KeyCounter, Step
from evolink_nb.metering.attribution.quiet import QUIET, QuietTime
from evolink_nb.metering.attribution.row import Row
from evolink_nb.metering.attribution.work import Work
from tests.support.readings import reading

if TYPE_CHECKING:
    from evolink_nb.credits import Credits

USED, LEFT = Decimal("583.5571"), Decimal("99416.4429")


def seen(at: float, *, spent: int, used: int = 0, lowered: int = 0, others: int = 0) -> Credits:
    """A reading of a key with a limit, whose used credits may show less than it spent."""
    return reading(
        at,
        token=LEFT - spent - lowered,
        token_used=USED + used,
        user=Decimal("1095.3996") - spent - others,
        user_used=Decimal("135.9048") + spent + others,
    )


def test_what_is_left_tells_what_was_spent() -> None:
    """Where the used credits of a key with a limit stand still."""
    row = Row(QuietTime())
    row.record(seen(1, spent=0))
    work = Work(1.0)
    row.begin(work)
    row.record(seen(2, spent=2))
    work.ended = 3.0
    row.record(seen(3, spent=5))
    row.record(seen(3 + QUIET, spent=5))
    assert (work.cost.credits, work.cost.confidence) == (Decimal(5), "clean")


def test_a_lowered_limit_is_not_spent() -> None:
    """Also while the used credits stand still, and others spend."""
    counter, start = KeyCounter(), seen(0, spent=0)
    assert counter.step(start, start, seen(1, spent=0, lowered=100)) == Step(Decimal(0), Decimal(0))
    spent = seen(2, spent=2, lowered=100)
    assert counter.step(start, seen(1, spent=0, lowered=100), spent).key == 2
    assert counter.step(start, spent, seen(3, spent=2, others=1)).key == 0


def test_used_credits_that_lag_count_once() -> None:
    """A charge that the other counter showed first isn't counted twice."""
    row = Row(QuietTime())
    row.record(seen(1, spent=0))
    work = Work(1.0)
    row.begin(work)
    work.ended = 2.0
    row.record(seen(2, spent=2))
    assert work.cost.credits == 2
    row.record(seen(4, spent=2, used=2))
    row.record(seen(4 + QUIET, spent=2, used=2))
    assert (work.cost.credits, work.cost.confidence) == (Decimal(2), "clean")


def test_it_is_seen_by_what_is_left() -> None:
    counter, start, end = KeyCounter(), seen(0, spent=0), seen(1, spent=3)
    counter.step(start, start, end)
    assert CreditsDelta.between(counter.view(start), counter.view(end)).token == 3
