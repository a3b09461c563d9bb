"""The line that follows if a loop cost other than it said."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, cast

from evolink_nb.metering.cost import Cost
from evolink_nb.metering.loops.closing import ClosingLine
from tests.support.loops import Capture, printed

if TYPE_CHECKING:
    from evolink_nb.metering.measurement import Measurement


class Measured:
    """A measurement that is final."""

    def __init__(self, credits_spent: int) -> None:
        spent = Decimal(credits_spent)
        self.cost = Cost(token=spent, user=spent, settled=True, confidence="clean", reason="")


def final(credits_spent: int) -> Measurement:
    return cast("Measurement", Measured(credits_spent))


def test_a_cost_that_stays_adds_no_line(capsys: Capture) -> None:
    closing = ClosingLine("films", None)
    closing.said(Decimal(3), items=3, is_pending=False)
    closing.final(final(3))
    assert printed(capsys) == []


def test_a_higher_cost_adds_a_line(capsys: Capture) -> None:
    closing = ClosingLine("films", Decimal(5))
    closing.said(Decimal(3), items=3, is_pending=False)
    closing.final(final(6))
    assert printed(capsys) == ["films, settled: 6 credits, 2 each, 1 credit over max_credits"]


def test_what_was_not_settled_is_followed_up(capsys: Capture) -> None:
    closing = ClosingLine("films", None)
    closing.said(Decimal(3), items=3, is_pending=True)
    closing.final(final(3))
    closing.final(final(3))
    assert printed(capsys) == ["films, settled: 3 credits, 1 each"]


def test_a_cost_may_be_final_before_the_line(capsys: Capture) -> None:
    """It settles on another thread."""
    closing = ClosingLine("films", None)
    closing.final(final(4))
    assert printed(capsys) == []
    closing.said(Decimal(3), items=2, is_pending=True)
    assert printed(capsys) == ["films, settled: 4 credits, 2 each"]
