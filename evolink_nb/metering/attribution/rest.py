"""What the rules of a row say of work once its account is at rest, or once receipts explain all. Pure."""

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
"""Seconds by which a reading may come early, for the rounding of floats."""


def rests(facts: Facts, moved_at: float) -> bool:
    """Return whether nothing has moved for the quiet time.

    Args:
        facts: What is known of the row.
        moved_at: When the reading was requested that showed the last movement.
    """
    return _has_rested(facts, facts.quiet, moved_at)


def rested_works(facts: Facts, moved_at: float = -math.inf) -> list[Work]:
    """Return the work whose quiet time is over, where it can be told from all whose isn't.

    Args:
        facts: What is known of the row.
        moved_at: When the reading was requested that showed the last movement; by default long ago.
    """
    measured = [work for work in facts.works if not work.is_anonymous]
    waiting = {work for work in measured if not _is_rested(work, facts, moved_at)}
    # What shares a movement with work that waits, waits too, but for the work around it: that may go on for
    # hours, and then nobody knows more.
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
    """Return whether work ended, and the account has rested, for the account's own quiet time.

    Args:
        work: The work.
        facts: What is known of the row.
        moved_at: When the reading was requested that showed the last movement.
    """
    return rests(facts, moved_at) and _ended_before(work, facts, facts.quiet)


def is_kept(work: Work, facts: Facts) -> bool:
    """Return whether nothing has moved that can be its since its cost was final early.

    Args:
        work: The work.
        facts: What is known of the row.
    """
    if not work.is_early or work.after is None:
        return False
    since = work.after.monotonic
    return not any(
        movement.seen_at > since and any(work.contains(each) for each in movement.possible)
        for movement in facts.movements
    )


def is_explained(facts: Facts, moved_at: float) -> bool:
    """Return whether receipts explain all that moved, and nothing else can have been spent.

    Args:
        facts: What is known of the row.
        moved_at: When the reading was requested that showed the last movement.
    """
    if not facts.works or facts.is_settling or any(movement.key < 0 for movement in facts.movements):
        return False
    befores = [work.before for work in facts.works if work.before is not None]
    since_start = [reading for reading in befores if _read_at(reading) >= _read_at(facts.start)]
    if len(since_start) < len(facts.works):
        return False
    moved = {work for each in facts.movements for work in each.possible}
    is_told = all(
        # Whatever else it did had time enough to show.
        work.is_guarded_only or (work not in moved and _is_quiet(work, facts, moved_at))
        for work in facts.works
    )
    first = facts.counter.view(min(befores, key=_read_at))
    return is_told and explain(facts.works, first, facts.now)


def _is_around(outer: Work, work: Work) -> bool:
    return outer is not work and outer.ended is None and outer.contains(work)


def _is_rested(work: Work, facts: Facts, moved_at: float) -> bool:
    # What is outstanding since before work leaves it alone.
    return _is_quiet(work, facts, moved_at) and (not facts.is_settling or _is_held_since_before(work, facts))


def _is_quiet(work: Work, facts: Facts, moved_at: float) -> bool:
    """Return whether work ended, and the account has rested, for the work's quiet time."""
    quiet = facts.quiet_of(work)
    return _has_rested(facts, quiet, moved_at) and _ended_before(work, facts, quiet)


def _has_rested(facts: Facts, quiet: float, moved_at: float) -> bool:
    return facts.now.requested_at - moved_at >= quiet - SLACK


def _ended_before(work: Work, facts: Facts, quiet: float) -> bool:
    """Return whether work ended so many seconds before the newest reading."""
    ends = work.rests_since
    return ends is not None and ends <= facts.now.requested_at - quiet + SLACK


def _is_held_since_before(work: Work, facts: Facts) -> bool:
    """Return whether all that is outstanding was already so before work began."""
    before = work.outermost.before
    if before is None or _read_at(before) <= _read_at(facts.start):
        return False
    was = CreditsDelta.between(facts.start, before).topped_up
    return was < 0 and was == CreditsDelta.between(facts.start, facts.now).topped_up


def _read_at(reading: Credits) -> float:
    return reading.monotonic
