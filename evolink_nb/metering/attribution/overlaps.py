"""Which costs may include what the same key spent in other kernels, according to their records. Pure.

A cost is *shared* if it overlaps another kernel's work that spent anything. The cost extends from the reading
before its work until its counters last moved. The other kernel's work extends until its charges must have
shown: for the quiet time after its end, unless receipts explain them. Restarting a kernel therefore doesn't
make a cost shared.

A cost is also shared, for a while, after a kernel has seen spending with the key that nobody measured.
Spending by this kernel, or recorded by a third one, doesn't count as such.

A late charge that came while this kernel was idle is removed from the cost it was added to once another
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

RAN_MEANWHILE = "{} used the same key meanwhile"
"""Why a cost may include what another kernel spent."""
RAN_BEFORE = "{} had just used the same key"
"""Why a cost may include what another kernel spent just before."""
ANOTHER = "another notebook"


def is_open(work: Work) -> bool:
    """Return whether other kernels' work may still change a cost or its confidence.

    Args:
        work: The work whose cost it is.
    """
    return work.late is not None or _may_become_shared(work)


def _may_become_shared(work: Work) -> bool:
    cost = work.cost
    if work.ended is None or work.after is None or work.before is None or work.shared is not None:
        return False
    # A cost of 0 can't include anyone else's spending.
    may_be_clean = cost.confidence == "clean" if work.is_final else cost.confidence != "confirmed"
    return bool(cost.credits) and may_be_clean


def withdraw_late(
    works: Iterable[Work], unattributed: Unattributed, runs: Sequence[Run], quiet: QuietTime
) -> bool:
    """Remove late charges from costs if other kernels' work explains them.

    Args:
        works: The work of an account whose costs may still change.
        unattributed: The account's handler of movements that belong to no work.
        runs: The work of all other kernels with the account's key.
        quiet: The account's quiet time.

    Returns:
        Whether any cost has changed.
    """
    others = [run for run in runs if run.is_settled and run.credits is not None]
    has_changed = False
    for work in works:
        late = work.late
        if late is None or late.charge.credits < 0:
            continue
        # If the charge isn't the work's own, the account isn't late: use the quiet time from before it.
        lag = min(late.longest_lag, quiet.longest_without(late.lag))
        known = QuietTime(quiet.setting, lag).seconds
        found = _between(others, late.charge.since.requested_at, late.charge.until.monotonic, known)
        if _come_to(found, late.charge.credits):
            withdraw(work, late, unattributed, quiet)
            has_changed = True
    return has_changed


def mark_shared(
    works: Iterable[Work], unattributed: Unattributed, seen: Seen, own: OwnTime, *, quiet: float
) -> bool:
    """Mark costs as *shared* that may include other kernels' work.

    Args:
        works: The work of an account whose costs may still change.
        unattributed: The account's handler of movements that belong to no work.
        seen: What other kernels did with the account's key.
        own: When this kernel may have spent.
        quiet: The account's quiet time, in seconds.

    Returns:
        Whether any cost has changed.
    """
    seen_at = [each.until for each in seen.unexplained if not is_explained(each, seen.runs, own, quiet=quiet)]
    for each in seen_at:
        unattributed.hear(each)
    has_changed = False
    for work in filter(_may_become_shared, works):
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
    """Return why a cost may include what another kernel spent meanwhile; None if it can't.

    Args:
        work: The work whose cost it is.
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
    """Return whether spending that a kernel saw was this kernel's, or is in a third kernel's costs.

    Args:
        spending: The spending that it saw.
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
    """Return the spending by others that a kernel's record implies; None if it implies none.

    Args:
        run: What the kernel recorded.
        kind: The kind of record: "idle" for what was spent while no work of the kernel ran.
        reason: Why its cost has its confidence.
        quiet: The quiet time, in seconds.
    """
    if kind == "idle":
        seen = UnexplainedSpending(run.kernel, run.began, run.ended, run.credits)
        return seen if reason == ELSEWHERE else None
    # Charges kept coming after the run's end, the first of them at once.
    return UnexplainedSpending(run.kernel, run.ended, run.ended + quiet) if reason == STILL_SPENDING else None


def _is_near(work: Work, seen_at: float) -> bool:
    """Return whether the key was seen in use elsewhere before a cost was known, but not long before."""
    known_at = work.after.monotonic if work.after is not None else work.started
    return seen_at <= known_at and work.started - seen_at < ELSEWHERE_FOR


def _between(runs: Iterable[Run], since: float, until: float, quiet: float) -> list[Run]:
    """Return the outermost runs that may have been charged between two times."""
    return [
        run
        for run in runs
        if not run.within and _may_have_spent(run) and run.began <= until and _until(run, quiet) >= since
    ]


def _come_to(runs: Sequence[Run], credits: Decimal) -> bool:
    """Return whether runs may have cost at least so much; an unknown cost may be any amount."""
    known = total(run.credits for run in runs if run.credits is not None)
    return any(run.credits is None for run in runs) or difference(credits, known) <= 0


def _may_have_spent(run: Run) -> bool:
    return not run.is_settled or run.credits is None or run.credits != 0


def _until(run: Run, quiet: float) -> float:
    """Return the latest time at which a run may have been charged."""
    return run.ended + (0.0 if run.is_confirmed else quiet)


def _name(notebook: str) -> str:
    return re.split(r"[\\/]", notebook)[-1]
