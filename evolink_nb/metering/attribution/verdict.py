"""Assesses the cost of each stretch of work in an account's row. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...credits import CreditsDelta, difference, total
from ...formatting import format_amount
from ..cost import STILL_MOVING, Cost, Together, assess
from .movements import Movement, groups_of, shares_of
from .quiet import quiet_for
from .receipts import CONFIRMED, weigh
from .work import label_of

if TYPE_CHECKING:
    from decimal import Decimal

    from ...credits import Credits
    from ...errors import EvoLinkError
    from .key_counter import KeyCounter
    from .share import Share
    from .work import Work

AT_THE_SAME_TIME = "other metered work ran at the same time"
IN_A_ROW = "work right before or after it may have spent part of this"
AROUND_IT = "the surrounding work may have spent part of this"
BESIDE_UNMEASURED = "an unmeasured cell may have spent part of this"
SPENT_BEFORE = "{} spent just before this or as it started"
EARLIER_CALLS = "earlier calls were still settling"
STEADY = 3
"""How many successive charges after the end of work mean that something else is spending."""
STILL_SPENDING = "credits were still being spent after it ended, perhaps elsewhere"
ELSEWHERE = "this key is in use elsewhere too"
REFUNDED = "a call was refunded meanwhile, perhaps an earlier one"
NO_READING = "the balance could not be read"


def why_unread(error: EvoLinkError | None) -> str:
    """Return why a cost is unknown.

    Args:
        error: Why the balance could not be read; None if unknown.
    """
    return NO_READING + (f": {error.message}" if error is not None else "")


def spent_before(share: Share | None = None) -> str:
    """Return why a cost may include spending before its work, and how much of the cost that is.

    Args:
        share: What the work spent; None if no amount can be given.
    """
    is_part = share is not None and 0 < share.before < share.credits
    what = f"{format_amount(share.before)} of it was" if share is not None and is_part else "credits were"
    return SPENT_BEFORE.format(what)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a row at one moment.

    Attributes:
        start: The reading at which the account was last at rest.
        now: The newest reading.
        works: All work since then.
        movements: The movements since then that can belong to this work.
        counter: The counter that shows what the key spends; `start` and `now` come from its `view`.
        quiet: The quiet time, in seconds.
        strange_at: When a movement was last seen that can't belong to any work, in seconds; None if never.
        elsewhere: Whether the key is known to be in use elsewhere.
        lag: The longest time ever seen between work and its charge, in seconds.
    """

    start: Credits
    now: Credits
    works: Sequence[Work]
    movements: Sequence[Movement]
    counter: KeyCounter
    quiet: float
    strange_at: float | None = None
    elsewhere: bool = False
    lag: float = 0.0

    @property
    def frozen(self) -> bool:
        """Whether the key's own counter stands still."""
        return self.counter.frozen

    def quiet_of(self, work: Work) -> float:
        """Return the quiet time of work, in seconds.

        Args:
            work: The work.
        """
        return quiet_for(work.settle, quiet=self.quiet, lag=self.lag)

    @property
    def is_settling(self) -> bool:
        """Whether any reservation is outstanding."""
        return outstanding(self.start, self.now, frozen=self.frozen)


def outstanding(start: Credits, now: Credits, *, frozen: bool) -> bool:
    """Return whether any reservation made between two readings has not settled.

    Args:
        start: A reading at which none had.
        now: The newest reading.
        frozen: Whether the key's own counter stands still.
    """
    spend = CreditsDelta.between(start, now)
    return spend.topped_up < 0 or (spend.others < 0 and spend.user >= 0 and not frozen)


@dataclass(frozen=True, slots=True)
class _Row:
    """What all work of a row has in common.

    Attributes:
        shares: What each stretch of work spent.
        outers: The measured work that isn't part of other work, in the order in which it began.
        uncharged: The work that made guarded calls but has no movement.
        sums: The sum of each group; None for a group whose sum isn't known, or of a single work.
        at_rest: Whether nothing has moved for the quiet time.
        adds_up: Whether all guarded calls cost what their receipts say.
    """

    shares: Mapping[Work, Share]
    outers: Sequence[Work]
    uncharged: Sequence[Work]
    sums: Mapping[frozenset[Work], Together | None]
    at_rest: bool
    adds_up: bool


def costs_of(facts: Facts, *, at_rest: bool) -> dict[Work, Cost]:
    """Return the cost of each stretch of work in a row.

    Args:
        facts: What is known about the row.
        at_rest: Whether nothing has moved for the quiet time.
    """
    groups = groups_of(facts.works, facts.movements, frozen=facts.frozen)
    shares = shares_of(facts.works, facts.movements, frozen=facts.frozen)
    measured = [work for work in facts.works if not work.is_anonymous]
    row = _Row(
        shares,
        sorted({work.outermost for work in measured}, key=lambda each: each.started),
        [work for work in shares if work.calls and not shares[work].has_moved],
        {group: _together(group, shares) for group in set(groups.values())},
        at_rest,
        at_rest and _receipts_add_up(facts.works, shares),
    )
    return {
        work: _cost_of(facts, work, row, groups.get(work.whole, frozenset()))
        for work in measured
        if work.ended is not None
    }


def confirmed(facts: Facts, work: Work) -> Cost:
    """Return the cost of work whose calls' receipts explain everything that moved.

    Args:
        facts: What is known about the row.
        work: The work.
    """
    spent = work.receipts
    return Cost(
        token=spent,
        user=spent,
        others=difference(spent, spent),
        topped_up=difference(spent, spent),
        seconds=work.seconds,
        settled=True,
        confidence="confirmed",
        reason=CONFIRMED,
        simulated=facts.now.simulated,
    )


def _cost_of(facts: Facts, work: Work, row: _Row, group: frozenset[Work]) -> Cost:
    if work.before is None:
        return replace(work.cost, seconds=work.seconds)
    shares, at_rest = row.shares, row.at_rest
    is_single = len(row.outers) == 1
    is_apart = is_single or (at_rest and facts.is_settling)
    begun = work.outermost if is_apart else row.outers[0]
    begin = facts.start if begun.before is None else facts.counter.view(begun.before)
    before = max(facts.start, begin, key=lambda reading: reading.monotonic)
    share = shares[work]
    cost = assess(before, facts.now, seconds=work.seconds, stable=at_rest)
    cost = _with_share(cost, share.credits, facts, is_single=is_single and work is begun)
    if at_rest and cost.confidence == "clean" and facts.is_settling:
        cost = replace(cost, confidence="shared", reason=EARLIER_CALLS)
    if at_rest and share.is_alone and not share.was_refunded:
        cost = weigh(cost, work, share, adds_up=row.adds_up)
    together = row.sums.get(group)
    reason = _why_shared(facts, work, row, group)
    if cost.confidence in {"clean", "shared"} and reason is not None:
        cost = replace(cost, confidence="shared", reason=reason)
        if row.adds_up and together is not None:
            # The group may still contain work that a long row has dropped.
            has_fallen = any(shares[each].has_fallen for each in group if each in shares)
            cost = _weigh_together(cost, work, together, group, has_fallen=has_fallen)
    if cost.reason == STILL_MOVING and reason == STILL_SPENDING:
        # The account may never come to rest: say what is known.
        cost = replace(cost, reason=reason)
    return replace(cost, together=together, settled=cost.settled and cost.confidence != "unsettled")


def _receipts_add_up(works: Sequence[Work], shares: Mapping[Work, Share]) -> bool:
    """Return whether the work of a row that made guarded calls cost, in total, what their receipts say.

    If not, some call was settled for less, and a similar charge may hide which one.
    """
    calling = [work for work in works if work.calls and work.outermost is work]
    spent = total(shares[work].credits for work in calling)
    return difference(spent, total(work.receipts for work in calling)) == 0


def _with_share(cost: Cost, spent: Decimal, facts: Facts, *, is_single: bool) -> Cost:
    """Return a row's cost, reduced to what one stretch of work in it spent."""
    if cost.credits == spent and is_single and (cost.token is None) == facts.frozen:
        return cost
    if facts.frozen and cost.credits == spent == 0:
        return cost  # everything that moved was given back
    if facts.frozen:
        return replace(cost, token=None, user=spent, others=None, topped_up=None)
    others = cost.others if is_single and cost.token is not None else None
    if cost.others == 0:
        others = cost.others
    user = total((spent, others)) if others is not None else spent
    return replace(
        cost,
        token=spent,
        user=user,
        others=others,
        topped_up=cost.topped_up if is_single or not cost.topped_up else None,
    )


def _together(group: frozenset[Work], shares: Mapping[Work, Share]) -> Together | None:
    """Return the sum of a group of several stretches of work; None if it isn't known."""
    known = [work for work in group if work in shares]
    measured = [work for work in known if not work.is_anonymous]
    # Work around other work of the group goes on; what was shared in an earlier row is only an estimate.
    is_open = any(outer in group and outer.contains(work) for work in known for outer in work.enclosing)
    is_estimate = any(not work.carried.is_alone for work in known)
    if len(known) < 2 or not measured or is_open or is_estimate:
        return None
    return Together(
        label_of(measured, has_more=len(known) > len(measured)), total(shares[work].credits for work in known)
    )


def _why_shared(facts: Facts, work: Work, row: _Row, group: frozenset[Work]) -> str | None:
    """Return why a cost may include what other work spent; None if it can't."""
    share, together = row.shares[work], row.sums.get(group)
    is_beside = together is not None and any(each.is_anonymous for each in group)
    # A missing charge of other work may be hidden by this work's settlement for less.
    is_missing = any(not work.contains(other) for other in row.uncharged)
    reasons = (
        (work.shared is not None, work.shared),
        (is_beside, BESIDE_UNMEASURED),
        (together is not None or not work.carried.is_alone, IN_A_ROW),
        (share.is_alone and share.after_end >= STEADY, STILL_SPENDING),
        (share.follows_gap, spent_before(share)),
        (not share.is_alone and work.outermost is not work, AROUND_IT),
        (not share.is_alone, IN_A_ROW),
        (
            facts.strange_at is not None and work.started - facts.strange_at < facts.quiet,
            spent_before(),
        ),
        (share.was_refunded or share.credits < 0, REFUNDED),
        (is_missing and share.has_moved, IN_A_ROW),
        (facts.elsewhere, ELSEWHERE),
    )
    return next((reason for holds, reason in reasons if holds), None)


def _weigh_together(
    cost: Cost, work: Work, together: Together, group: frozenset[Work], *, has_fallen: bool
) -> Cost:
    """Return the cost of work in a group: that of its own receipts, if receipts explain the whole group."""
    all_told = all(each.is_guarded_only and (each.has_all_receipts or not each.calls) for each in group)
    receipts = total(each.receipts for each in group)
    if not all_told or has_fallen or difference(together.credits, receipts) != 0:
        return cost
    spent = work.receipts
    return replace(cost, token=spent, user=spent, confidence="confirmed", reason=CONFIRMED)
