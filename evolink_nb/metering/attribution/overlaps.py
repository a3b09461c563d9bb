"""Which costs may hold what the same key spent in other kernels, by what these have recorded. Pure.

A cost is *shared* if another kernel's work that spent anything overlaps it: from the reading before this work
until its counters last moved. Another kernel's work counts until its charges must have shown: for the quiet
time after its end, unless receipts explain them. So a kernel that was only restarted makes no cost shared.

It is also shared, for a while, after a kernel has seen the key being used by something that nobody measures.
What this kernel did itself, or a third one has recorded, is no such use.

A charge that came late, while this kernel rested, is taken out of the cost it was added to once another
kernel has recorded work that explains it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...credits import difference, total
from ..other_kernels import Run, Seen, UnexplainedSpending
from .quiet import QuietTime
from .unattributed import ELSEWHERE_FOR, withdraw
from .verdict import ELSEWHERE, STILL_SPENDING

if TYPE_CHECKING:
    from decimal import Decimal

    from .own_time import OwnTime
    from .unattributed import Unattributed
    from .work import Work

RAN_MEANWHILE = "{} ran meanwhile with the same key"
"""Why a cost may hold what another kernel spent."""
RAN_BEFORE = "{} had only just run with the same key"
"""Likewise, where that had ended before."""
ANOTHER = "another notebook"


def is_open(work: Work) -> bool:
    """Return whether work of other kernels may still change what is said of a cost.

    Args:
        work: The work that it is the cost of.
    """
    cost = work.cost
    if work.late is not None:
        return True
    if work.ended is None or work.after is None or work.before is None or work.shared is not None:
        return False
    # Nobody else's spending is in a cost of nothing.
    may_be_clean = cost.confidence == "clean" if work.is_final else cost.confidence != "confirmed"
    return bool(cost.credits) and may_be_clean


def withdraw_late(
    works: Iterable[Work], unattributed: Unattributed, runs: Sequence[Run], quiet: QuietTime
) -> bool:
    """Take late charges out of costs again which other kernels' work explains.

    Args:
        works: The work of an account whose costs may still change.
        unattributed: What becomes of movements of the account that are no work's.
        runs: The work of all other kernels with its key.
        quiet: The account's quiet time.

    Returns:
        Whether any cost has changed.
    """
    has_changed = False
    for work in works:
        late = work.late
        if late is None or late.credits < 0:
            continue
        # This account isn't late, if the charge isn't its own: the time is that from before it.
        known = QuietTime(quiet.setting, late.longest_lag).seconds
        others = [run for run in runs if run.is_settled and run.credits is not None]
        found = _between(others, late.since.requested_at, late.until.monotonic, known)
        if found and _come_to(found, late.credits):
            withdraw(work, late, unattributed, quiet)
            has_changed = True
    return has_changed


def mark_shared(
    works: Iterable[Work], unattributed: Unattributed, seen: Seen, own: OwnTime, *, quiet: float
) -> bool:
    """Call costs *shared* that other kernels' work may be in.

    Args:
        works: The work of an account whose costs may still change.
        unattributed: What becomes of movements of the account that are no work's.
        seen: What other kernels did with its key.
        own: When this kernel may have spent.
        quiet: The account's quiet time, in seconds.

    Returns:
        Whether any cost has changed.
    """
    seen_at = [each.until for each in seen.unexplained if not is_explained(each, seen.runs, own, quiet=quiet)]
    for each in seen_at:
        unattributed.hear(each)
    has_changed = False
    for work in filter(is_open, works):
        beside = ran_beside(work, seen.runs, quiet=quiet)
        if beside is not None:
            work.shared = beside
        elif any(_is_near(work, each) for each in seen_at):
            beside = ELSEWHERE
        if beside is not None and work.cost.confidence == "clean":
            work.cost = replace(work.cost, confidence="shared", reason=beside)
            has_changed = True
    return has_changed


def ran_beside(work: Work, runs: Iterable[Run], *, quiet: float) -> str | None:
    """Return why a cost may hold what another kernel spent meanwhile; None if it can't.

    Args:
        work: The work that it is the cost of.
        runs: Other kernels' work.
        quiet: The quiet time, in seconds.
    """
    assert work.before is not None  # for mypy: there is a cost  # noqa: S101
    begins = work.before.requested_at
    found = [
        run
        for run in runs
        if _may_have_spent(run) and run.began <= work.settled_at and _until(run, quiet) >= begins
    ]
    if not found:
        return None
    latest = max(found, key=lambda run: run.ended)
    words = RAN_MEANWHILE if latest.ended >= begins else RAN_BEFORE
    return words.format(_name(latest.notebook) or ANOTHER)


def is_explained(spending: UnexplainedSpending, runs: Sequence[Run], own: OwnTime, *, quiet: float) -> bool:
    """Return whether what a kernel saw being spent was this kernel's, or is in a third one's costs.

    Args:
        spending: What it saw.
        runs: The work of all kernels but this one.
        own: When this kernel may have spent.
        quiet: The quiet time, in seconds.
    """
    since, until = spending.since, spending.until
    if own.overlaps(since - quiet, until):
        return True
    others = [run for run in runs if run.kernel != spending.kernel]
    found = _between(others, since, until, quiet)
    if spending.credits is None:
        return bool(found)
    return _come_to(found, spending.credits)


def unexplained_in(run: Run, *, kind: str, reason: str, quiet: float) -> UnexplainedSpending | None:
    """Return what a kernel has seen of others by what it recorded; None if that tells of nobody.

    Args:
        run: What it recorded.
        kind: What that was: "idle" for what was spent while nothing of it ran.
        reason: Why its cost is as sure as it is.
        quiet: The quiet time, in seconds.
    """
    if kind == "idle":
        seen = UnexplainedSpending(run.kernel, run.began, run.ended, run.credits)
        return seen if reason == ELSEWHERE else None
    # Charges came one after the other since its end: the first of them at once.
    return UnexplainedSpending(run.kernel, run.ended, run.ended + quiet) if reason == STILL_SPENDING else None


def _is_near(work: Work, seen_at: float) -> bool:
    """Return whether the key was seen in use elsewhere before a cost was known, and not long before."""
    known_at = work.after.monotonic if work.after is not None else work.started
    return seen_at <= known_at and work.started - seen_at < ELSEWHERE_FOR


def _between(runs: Iterable[Run], since: float, until: float, quiet: float) -> list[Run]:
    """Return the work that may have been charged between two times; none of it within another."""
    return [
        run
        for run in runs
        if not run.within and _may_have_spent(run) and run.began <= until and _until(run, quiet) >= since
    ]


def _come_to(runs: Sequence[Run], credits: Decimal) -> bool:
    """Return whether work may have cost so much: what isn't known of it may be any amount."""
    known = total(run.credits for run in runs if run.credits is not None)
    return any(run.credits is None for run in runs) or difference(credits, known) <= 0


def _may_have_spent(run: Run) -> bool:
    return not run.is_settled or run.credits is None or run.credits != 0


def _until(run: Run, quiet: float) -> float:
    """Return until when charges for a run may have come."""
    return run.ended + (0.0 if run.is_confirmed else quiet)


def _name(notebook: str) -> str:
    return re.split(r"[\\/]", notebook)[-1]
