"""A time to settle shorter than the account's quiet time is that of this work."""

from __future__ import annotations

from decimal import Decimal

import pytest

from evolink_nb.metering.attribution.quiet import LAG_MARGIN, MIN_SETTLE, QUIET, QuietTime, quiet_for
from evolink_nb.metering.attribution.row import Row
from evolink_nb.metering.attribution.work import SETTLE, Work
from tests.support.readings import moved


def run(row: Row, at: float, so_far: int, settle: float) -> Work:
    """One credit, spent within half a second and read at once, and nothing after it until it is final."""
    row.record(moved(at, spent=so_far))
    work = Work(at, settle)
    row.begin(work)
    work.ended = at + 0.5
    row.record(moved(work.ended, spent=so_far + 1))
    while not work.is_final:
        due = row.next_read_at()
        assert due is not None
        row.record(moved(due, spent=so_far + 1))
    return work


@pytest.mark.parametrize("settle", [MIN_SETTLE, 2.0, 3.0, 6.0, 8.0, SETTLE])
def test_a_prompt_charge_is_clean_in_time(settle: float) -> None:
    row = Row(QuietTime())
    work = run(row, 1, 0, settle)
    assert (work.cost.credits, work.cost.confidence, work.cost.settled) == (Decimal(1), "clean", True)
    assert row.latest is not None
    assert row.latest.requested_at - 1.5 <= min(settle, QUIET)


def test_no_time_to_settle_says_nothing() -> None:
    """Nobody who doesn't wait says that the account is that quick."""
    assert quiet_for(0.0, quiet=QUIET, lag=0.0) == QUIET
    row = Row(QuietTime())
    assert run(row, 1, 0, 0.5).cost.confidence == "unsettled"


@pytest.mark.parametrize("lag", [3.0, 8.0])
def test_a_known_lag_outweighs_a_wish(lag: float) -> None:
    """Where charges were seen to be late, a short time to settle ends in an unsettled cost."""
    quiet = QuietTime(longest_lag=lag)
    assert quiet.seconds_for(2.0) >= LAG_MARGIN * lag
    row = Row(quiet)
    assert run(row, 1, 0, 2.0).cost.confidence == "unsettled"


def test_short_waits_in_a_row_are_apart() -> None:
    """Each cost is clean: what one says of the account holds for the next, too."""
    row = Row(QuietTime())
    works = [run(row, 1 + 4 * number, number, 3.0) for number in range(3)]
    assert [work.cost.confidence for work in works] == ["clean"] * 3
    assert [work.cost.credits for work in works] == [Decimal(1)] * 3


def test_a_late_charge_amends_an_early_end() -> None:
    """It is the work's, and the account is known to be late from then on."""
    row = Row(QuietTime())
    work = run(row, 1, 0, 2.0)
    row.record(moved(5, spent=3))
    assert (work.cost.credits, work.cost.settled) == (Decimal(3), False)
    row.record(moved(5 + QUIET, spent=3))
    assert (work.cost.credits, work.cost.confidence) == (Decimal(3), "clean")
    assert row.quiet.longest_lag == 3.5


def test_other_work_leaves_an_early_end() -> None:
    """What moves for the next work alone doesn't make an early cost uncertain again."""
    row = Row(QuietTime())
    work = run(row, 1, 0, 2.0)
    following = Work(4.0)
    row.begin(following)
    row.record(moved(4.0, spent=1))
    row.record(moved(4.5, spent=2))
    assert (work.cost.credits, work.cost.confidence) == (Decimal(1), "clean")
    following.ended = 5.0
    row.record(moved(5.0, spent=2))
    row.record(moved(5.0 + QUIET, spent=2))
    assert (work.cost.credits, work.cost.confidence) == (Decimal(1), "clean")
    assert (following.cost.credits, following.cost.confidence) == (Decimal(1), "clean")
