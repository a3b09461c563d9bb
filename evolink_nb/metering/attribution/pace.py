"""When to read the account of work that has ended. Pure functions.

It is read at once, to show a figure; a few more times, to get the figure right as soon as possible; and
whenever the next decision is due.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..cost import Cost

if TYPE_CHECKING:
    from .work import Work

OFFSETS = (0.0, 0.5, 1.5, 3.5)
"""Seconds after work at which the account is read."""
OFFSETS_TRACKED = (0.2, 2.0)
"""The same for tracked work, most of which spends nothing: one reading serves several short cells."""
PAUSE = 2.5
"""The shortest time between two readings while a reservation is outstanding, in seconds."""
PAUSE_SHARE = 0.3
"""The same as a share of the time since the work: the longer it takes, the less often the account is read."""
MAX_PAUSE = 10.0
"""The upper limit of these times, in seconds."""
UNREAD = Cost().reason
"""Why a cost is unknown before any reading."""
MAX_ROW = 600.0
"""The longest time, in seconds, that work waits for later work of its row to settle too."""


def next_read_at(work: Work, *, tried_at: float, moved_at: float, quiet: float, is_open: bool) -> float:
    """Return when work that has ended needs the next reading.

    Args:
        work: The work.
        tried_at: When the last reading was requested.
        moved_at: When the reading that showed the last movement was requested.
        quiet: The quiet time, in seconds.
        is_open: Whether any reservation is outstanding or any call under way.

    Returns:
        The time in seconds of the fetcher's clock.
    """
    ended = work.ended or 0.0
    first = OFFSETS_TRACKED if work.is_tracked and not work.has_spent else OFFSETS
    times = [ended + offset for offset in first if offset < quiet]
    # The reading before the work may have been requested at the moment the work ended, but not after it.
    due = next((time for time in times if time > tried_at or (is_unread(work) and time == tried_at)), None)
    decision = max(work.rests_since or ended, moved_at) + quiet
    if due is not None:
        return due
    if decision > tried_at and not is_open:
        return decision
    least = max(min(PAUSE, 0.4 * quiet), 0.1)
    pause = min(max(least, PAUSE_SHARE * (tried_at - ended)), MAX_PAUSE)
    # While anything is outstanding, the end of the quiet time decides nothing.
    return max(tried_at, ended) + pause


def due_at(
    work: Work, row_ends: float, *, tried_at: float, moved_at: float, quiet: float, is_settling: bool
) -> float:
    """Return when work that has ended needs the next reading, at the latest when its time to settle is up.

    Args:
        work: The work.
        row_ends: When the last work of its row ended, in seconds.
        tried_at: When the last reading was requested.
        moved_at: When the reading that showed the last movement was requested.
        quiet: The work's quiet time, in seconds.
        is_settling: Whether any reservation is outstanding.
    """
    is_open = is_settling or not work.rests_since
    due = next_read_at(work, tried_at=tried_at, moved_at=moved_at, quiet=quiet, is_open=is_open)
    return min(due, max(limit_of(work, row_ends), tried_at))


def end_of(works: Iterable[Work]) -> float:
    """Return when the last measured work of a row ended; infinity while any of it runs.

    Args:
        works: The work of the row.
    """
    measured = (each for each in works if not each.is_anonymous)
    return max((math.inf if each.ended is None else each.ended for each in measured), default=0.0)


def limit_of(work: Work, row_ends: float) -> float:
    """Return when the time to settle is up: it counts from the end of the row's last work, within `MAX_ROW`.

    Args:
        work: The work.
        row_ends: When the last work of its row ended, in seconds.
    """
    ended = work.ended or 0.0
    return ended + min(max(row_ends - ended, 0.0), MAX_ROW) + work.settle


def is_unread(work: Work) -> bool:
    """Return whether no reading since the work's end has succeeded or failed.

    Args:
        work: The work.
    """
    return work.after is None and work.cost.reason == UNREAD
