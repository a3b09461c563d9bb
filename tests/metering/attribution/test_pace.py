"""When work that has ended wants a reading: soon enough for its figure, and not more often than needed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.metering.attribution.pace import (
    MAX_PAUSE,
    MAX_ROW,
    OFFSETS,
    OFFSETS_TRACKED,
    end_of,
    is_unread,
    limit_of,
    next_read_at,
)
from evolink_nb.metering.attribution.quiet import MAX_QUIET, QUIET
from evolink_nb.metering.attribution.rest import SLACK
from evolink_nb.metering.attribution.work import SETTLE, Work
from evolink_nb.metering.cost import Cost
from tests.support.readings import moved
from tests.support.rows import works

if TYPE_CHECKING:
    from evolink_nb.credits import Credits

MAX_REQUESTS = 11
"""The most requests after one cell: with the one before it, 12."""

quiets = st.floats(QUIET, MAX_QUIET)
seconds = st.floats(0, 100)


def ended(at: float, *, tracked: bool = False) -> Work:
    return Work(at - 1, is_tracked=tracked, ended=at)


def read(work: Work, reading: Credits | None = None) -> None:
    """Record that a reading has come."""
    work.after, work.cost = reading or moved(0), Cost(reason="read")


@given(st.floats(1, 1000), st.booleans())
def test_the_first_reading_is_prompt(at: float, tracked: bool) -> None:
    """A figure is shown as soon as there is one."""
    work = ended(at, tracked=tracked)
    due = next_read_at(work, tried_at=at - 1, moved_at=-math.inf, quiet=QUIET, is_open=False)
    assert due == at + (OFFSETS_TRACKED if tracked else OFFSETS)[0]
    assert is_unread(work)
    read(work)
    assert not is_unread(work)


@given(st.floats(1, 1000), seconds, seconds, quiets, st.booleans(), st.booleans())
def test_a_reading_is_soon_but_not_early(
    at: float, tried: float, moved_before: float, quiet: float, is_open: bool, tracked: bool
) -> None:
    """After the last one; and within the longest pause or the quiet time of what may decide."""
    work = ended(at, tracked=tracked)
    read(work)
    tried_at = at + tried
    moved_at = tried_at - moved_before
    due = next_read_at(work, tried_at=tried_at, moved_at=moved_at, quiet=quiet, is_open=is_open)
    assert due > tried_at
    assert due - tried_at <= max(MAX_PAUSE, quiet) + SLACK
    decision = max(at, moved_at) + quiet
    if decision > tried_at and not is_open:
        assert due <= decision


@given(st.floats(1, 1000), quiets, st.booleans())
def test_a_prompt_account_is_soon_decided(at: float, quiet: float, tracked: bool) -> None:
    """With a reading at the very moment at which nothing has moved for long enough."""
    work = ended(at, tracked=tracked)
    requests: list[float] = []
    tried_at = at - 1
    while not requests or requests[-1] < at + quiet:
        tried_at = next_read_at(work, tried_at=tried_at, moved_at=at, quiet=quiet, is_open=False)
        requests.append(tried_at)
        read(work)
    assert requests[-1] == at + quiet
    assert len(requests) <= len(OFFSETS) + 1


@given(st.floats(1, 1000), quiets, st.booleans(), st.lists(st.floats(0, SETTLE), max_size=3))
def test_a_cell_takes_few_requests(at: float, quiet: float, tracked: bool, moves: list[float]) -> None:
    """Whatever is outstanding, and whenever it moves, until its time to settle is up."""
    work = ended(at, tracked=tracked)
    limit = limit_of(work, at)
    tried_at, requests = at - 1, 0
    while tried_at < limit:
        moved_at = max((at + move for move in moves if at + move <= tried_at), default=-math.inf)
        due = next_read_at(work, tried_at=tried_at, moved_at=moved_at, quiet=quiet, is_open=True)
        tried_at = min(due, max(limit, tried_at))
        requests += 1
        read(work)
    assert requests <= MAX_REQUESTS


@given(works(), st.floats(0, 100))
def test_a_row_ends_with_its_last_work(made: list[Work], settle: float) -> None:
    row_ends = end_of(made)
    for work in made:
        work.settle = settle
        if work.is_anonymous:
            continue
        assert row_ends >= (math.inf if work.ended is None else work.ended)
        if work.ended is not None:
            limit = limit_of(work, row_ends)
            assert work.ended + settle <= limit <= work.ended + MAX_ROW + settle
            assert limit <= limit_of(work, row_ends + 1)
