"""Decides which work is final: once its account is at rest, or once receipts explain everything. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...credits import CreditsDelta
from .receipts import explain

if TYPE_CHECKING:
    from ...credits import Credits
    from .verdict import Facts
    from .work import Work

SLACK = 1e-6
"""Seconds by which a reading may be early, to allow for floating-point rounding."""


def rests(facts: Facts, moved_at: float) -> bool:
    """Return whether nothing has moved for the quiet time.

    Args:
        facts: What is known about the row.
        moved_at: When the reading that showed the last movement was requested.
    """
    return _has_rested(facts, facts.quiet, moved_at)


def rested_works(facts: Facts, moved_at: float = -math.inf) -> list[Work]:
    """Return the work whose quiet time is over and that can be told apart from all work whose isn't.

    Args:
        facts: What is known about the row.
        moved_at: When the reading that showed the last movement was requested; by default long ago.
    """
    measured = [work for work in facts.works if not work.is_anonymous]
    waiting = {work for work in measured if not _is_rested(work, facts, moved_at)}
    # Work that shares a movement with waiting work waits too, unless the waiting work is only around it: that
    # may go on for hours, and nothing more would be known then.
    candidates = [movement.possible for movement in facts.movements]
    grows = True
    while grows:
        mixed = {
            work
            for possible in candidates
            for work in possible
            if any(each in waiting and not _is_around(each, work) for each in possible)
        }
        outers = {outer for work in waiting for outer in work.enclosing if outer.contains(work)}
        grows = not (mixed | outers) <= waiting
        waiting |= mixed | outers
    return [work for work in facts.works if work not in waiting]


def is_over(work: Work, facts: Facts, moved_at: float) -> bool:
    """Return whether work has been over, and the account at rest, for the account's own quiet time.

    Args:
        work: The work.
        facts: What is known about the row.
        moved_at: When the reading that showed the last movement was requested.
    """
    return rests(facts, moved_at) and _ended_before(work, facts, facts.quiet)


def is_kept(work: Work, facts: Facts) -> bool:
    """Return whether the cost of work became final early, and no movement since can belong to the work.

    Args:
        work: The work.
        facts: What is known about the row.
    """
    if not work.is_early or work.after is None:
        return False
    since = work.after.monotonic
    return not any(
        movement.seen_at > since and any(work.contains(each) for each in movement.possible)
        for movement in facts.movements
    )


def is_explained(facts: Facts, moved_at: float) -> bool:
    """Return whether receipts explain everything that moved, and nothing else can have been spent.

    Args:
        facts: What is known about the row.
        moved_at: When the reading that showed the last movement was requested.
    """
    if not facts.works or facts.is_settling or any(movement.key < 0 for movement in facts.movements):
        return False
    befores = [work.before for work in facts.works if work.before is not None]
    since_start = [reading for reading in befores if _read_at(reading) >= _read_at(facts.start)]
    if len(since_start) < len(facts.works):
        return False
    moved = {work for each in facts.movements for work in each.possible}
    is_told = all(
        # Anything else that the work did has had enough time to show.
        work.is_guarded_only or (work not in moved and _is_quiet(work, facts, moved_at))
        for work in facts.works
    )
    first = facts.counter.view(min(befores, key=_read_at))
    return is_told and explain(facts.works, first, facts.now)


def _is_around(outer: Work, work: Work) -> bool:
    return outer is not work and outer.ended is None and outer.contains(work)


def _is_rested(work: Work, facts: Facts, moved_at: float) -> bool:
    # A reservation made before the work doesn't keep it waiting.
    return _is_quiet(work, facts, moved_at) and (not facts.is_settling or _is_held_since_before(work, facts))


def _is_quiet(work: Work, facts: Facts, moved_at: float) -> bool:
    """Return whether work has been over, and the account at rest, for the work's quiet time."""
    quiet = facts.quiet_of(work)
    return _has_rested(facts, quiet, moved_at) and _ended_before(work, facts, quiet)


def _has_rested(facts: Facts, quiet: float, moved_at: float) -> bool:
    return facts.now.requested_at - moved_at >= quiet - SLACK


def _ended_before(work: Work, facts: Facts, quiet: float) -> bool:
    """Return whether work ended at least the quiet time before the newest reading was requested."""
    ends = work.rests_since
    return ends is not None and ends <= facts.now.requested_at - quiet + SLACK


def _is_held_since_before(work: Work, facts: Facts) -> bool:
    """Return whether everything that is outstanding was outstanding before the work began."""
    before = work.outermost.before
    if before is None or _read_at(before) <= _read_at(facts.start):
        return False
    was = CreditsDelta.between(facts.start, before).topped_up
    return was < 0 and was == CreditsDelta.between(facts.start, facts.now).topped_up


def _read_at(reading: Credits) -> float:
    return reading.monotonic
