"""Whether a known reading serves as the one before work, and what was spent while nothing ran."""

from __future__ import annotations

from decimal import Decimal

import pytest

from evolink_nb.metering.attribution.baseline import MAX_GAP, MAX_IDLE, serves
from evolink_nb.metering.attribution.quiet import QUIET, QuietTime
from evolink_nb.metering.attribution.row import Row
from evolink_nb.metering.attribution.verdict import spent_before
from evolink_nb.metering.attribution.work import Work
from tests.support.readings import moved

NOW = 10.0


def worked(begun: float, ended: float | None, computed: float = 0.0) -> Work:
    """Work that ran in between, and computed for so long."""
    return Work(begun, ended=ended, computed=computed)


@pytest.mark.parametrize(
    ("read_at", "works", "is_fresh"),
    [
        (NOW - 0.1, [], True),
        (NOW - MAX_IDLE - 0.1, [], False),
        (NOW - 0.9, [worked(NOW - 0.9, NOW - 0.1, computed=0.8)], True),
        (NOW - 0.9, [worked(NOW - 0.5, NOW - 0.1, computed=0.4)], False),
        (NOW - 0.9, [worked(NOW - 0.9, NOW - 0.1)], False),
        (NOW - 0.9, [worked(NOW - 20, None)], True),
        (NOW - 1.1, [worked(NOW - 20, None)], False),
    ],
)
def test_only_a_watched_time_is_bridged(read_at: float, works: list[Work], is_fresh: bool) -> None:
    """A reading serves if nothing but known work ran since, and that can't have spent."""
    assert serves(moved(read_at), works, NOW, max_age=MAX_GAP) == is_fresh


@pytest.mark.parametrize("idle", [MAX_IDLE + 0.1, 0.9, 3.0, 60.0])
@pytest.mark.parametrize("is_first", [True, False])
def test_idle_spending_is_not_clean(idle: float, *, is_first: bool) -> None:
    """Spent before a tracked cell, and seen by the reading beside it: the cost says how much that is."""
    row = Row(QuietTime())
    row.record(moved(0))
    if not is_first:
        row.begin(Work(0.0, ended=0.0003, is_tracked=True))
    work = Work(idle, is_tracked=True)
    row.begin(work)
    row.record(moved(idle + 0.1, spent=3, requested_at=idle))
    work.ended = idle + 2
    row.record(moved(idle + 2.2, spent=4))
    row.record(moved(idle + 2.2 + QUIET, spent=4))
    assert (work.cost.credits, work.cost.confidence) == (Decimal(4), "shared")
    assert work.cost.reason == "3 of it was spent just before this or as it started"
    assert spent_before() == "credits were spent just before this or as it started"
