"""Which work a change of the account's counters can belong to. Pure functions.

A *movement* is a change of the key's counter between two readings, or of the account's if the key's is
frozen. It can belong only to work that began before the movement was seen, and that ended no more than the
quiet time before the last reading without it was requested. A settlement for less can belong to any work of
the row. A movement with one candidate belongs to that work. Work that shares movements forms a *group*: its
sum is known, its parts are estimates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from ...credits import CreditsDelta, total
from .baseline import is_idle_between
from .parts import parts_of
from .quiet import quiet_for

if TYPE_CHECKING:
    from ...credits import Credits
    from .key_counter import Step
    from .share import Share
    from .work import Work

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Movement:
    """A change of the counters between two readings.

    Attributes:
        key: How much the key's counter moved, in credits; negative for a settlement for less.
        account: How much the account's counter moved, including reservations.
        candidates: The work it can belong to, most likely first.
        since: The last reading without it.
        until: The reading that shows it.
        follows_gap: Whether it may have happened before any of that work began.
        is_refund: Whether the account's used credits fell: a settled call was refunded.
        may_hide: Whether a charge and a settlement for less may have cancelled each other out in it.
    """

    key: Decimal
    account: Decimal
    candidates: tuple[Work, ...]
    since: Credits
    until: Credits
    follows_gap: bool = False
    is_refund: bool = False
    may_hide: bool = False

    @property
    def after(self) -> float:
        """When the last reading without it was requested, in seconds."""
        return self.since.requested_at

    @property
    def seen_at(self) -> float:
        """When the reading that shows it was read, in seconds."""
        return self.until.monotonic

    def amount(self, *, frozen: bool) -> Decimal:
        """Return its credits: by the key's counter, or by the account's if the key's is frozen.

        Args:
            frozen: Whether the key's own counter stands still.
        """
        return self.account if frozen else self.key

    @property
    def possible(self) -> tuple[Work, ...]:
        """The candidates, without those that turned out to be too short for a call."""
        could = tuple(work for work in self.candidates if work.could_spend)
        return could or (() if self.follows_gap else self.candidates)

    @property
    def is_over(self) -> bool:
        """Whether it can belong only to closed work."""
        return all(work.is_closed for work in self.possible)

    @property
    def is_anonymous(self) -> bool:
        """Whether none of the candidates is measured."""
        return all(work.is_anonymous for work in self.possible)

    @property
    def owner(self) -> Work | None:
        """The most likely candidate."""
        return next(iter(self.possible), None)


def movement_between(
    earlier: Credits,
    later: Credits,
    step: Step,
    works: Sequence[Work],
    *,
    quiet: float,
    lag: float,
    frozen: bool,
    so_far: Sequence[Movement] | None,
) -> Movement:
    """Return the movement between two readings, and the work it can belong to.

    Args:
        earlier: One reading.
        later: The next reading.
        step: What moved between them.
        works: The work of the row.
        quiet: The quiet time, in seconds.
        lag: The longest time ever seen between work and its charge, in seconds.
        frozen: Whether the key's own counter stands still.
        so_far: The row's earlier movements, if a reservation was outstanding then; else None. What looks like
            one charge may then be a charge minus what an earlier call was settled for less.
    """
    after, seen_at = earlier.requested_at, later.monotonic
    amount = step.account if frozen else step.key
    quiets = {work: quiet_for(work.settle, quiet=quiet, lag=lag) for work in works}
    charged = [work for work in works if _may_be_of(work, after, seen_at, quiets[work])]
    charged = charged or [work for work in works if _may_be_of(work, after, seen_at, quiet)]
    # The most likely work ran longest between the two readings, or else ended last.
    charged.sort(key=lambda work: _likelihood(work, after, seen_at), reverse=True)
    settled = [] if so_far is None else _refundable(amount, works, so_far, frozen=frozen)
    if not amount:
        # A charge and a settlement for less may have cancelled each other out. The charge can then only be of
        # work that ran just then or may be charged late, and that isn't fully explained by guarded calls.
        late = [work for work in charged if _may_be_of(work, after, seen_at, lag)]
        charged = [work for work in charged if work in late or not work.is_guarded_only]
    could = [work for work in charged if work.could_spend] or charged
    begun = min((work.started for work in could), default=after)
    found = [*charged, *settled] if amount > 0 else [*settled, *charged]
    return Movement(
        step.key,
        step.account,
        tuple(dict.fromkeys(found)),
        earlier,
        later,
        follows_gap=is_idle_between(earlier, works, begun),
        is_refund=CreditsDelta.between(earlier, later).user < 0,
        may_hide=not amount and bool(settled) and not set(charged) <= set(settled),
    )


def groups_of(
    works: Iterable[Work], movements: Iterable[Movement], *, frozen: bool
) -> dict[Work, frozenset[Work]]:
    """Return the group of each `Work.whole`: the work for which only a common sum is known.

    Args:
        works: The work of the row.
        movements: Its movements.
        frozen: Whether the key's own counter stands still.
    """
    groups: dict[Work, set[Work]] = {work.whole: {work.whole} for work in works}
    for movement in movements:
        if not movement.amount(frozen=frozen) and not movement.may_hide:
            continue
        joined: set[Work] = set()
        for work in {each.whole for each in movement.possible}:
            joined |= groups.get(work, {work})
        for work in joined:
            groups[work] = joined
    found = {id(group): frozenset(group) for group in groups.values()}
    return {work: found[id(group)] for work, group in groups.items()}


def shares_of(works: Iterable[Work], movements: Iterable[Movement], *, frozen: bool) -> dict[Work, Share]:
    """Return what each stretch of work spent, including the work within it.

    Args:
        works: The work of a row.
        movements: Its movements.
        frozen: Whether the key's own counter stands still.
    """
    shares = {work: replace(work.carried, has_moved=bool(work.carried.credits)) for work in works}
    for movement, parts in with_parts(movements, frozen=frozen):
        amount, possible = movement.amount(frozen=frozen), movement.possible
        if not possible or not (amount or movement.may_hide):
            continue
        found: dict[Work, list[Work]] = {}
        for each in possible:
            for outer in (each, *each.enclosing):
                if outer in shares and outer.contains(each):
                    found.setdefault(outer, []).append(each)
        for work, own in found.items():
            share = shares[work]
            share.has_moved = True
            share.add(
                total(parts[each] for each in own if each in parts),
                is_alone=len(own) == len(possible),
                follows_gap=movement.follows_gap,
                is_refund=movement.is_refund,
                has_fallen=amount < 0,
            )
            share.after_end += (
                amount > 0 and work.rests_since is not None and movement.after > work.rests_since
            )
    return shares


def with_parts(movements: Iterable[Movement], *, frozen: bool) -> list[tuple[Movement, dict[Work, Decimal]]]:
    """Return each movement with the estimated part of each of its candidates.

    Args:
        movements: The movements of a row, oldest first.
        frozen: Whether the key's own counter stands still.
    """
    found = list(movements)
    parts = parts_of((each.amount(frozen=frozen), each.possible) for each in found)
    return list(zip(found, parts, strict=True))


def _refundable(
    amount: Decimal, works: Sequence[Work], so_far: Sequence[Movement], *, frozen: bool
) -> list[Work]:
    """Return the work whose calls may have been settled for less, most likely first."""
    charged = [work for each in so_far for work in each.possible if each.amount(frozen=frozen) > 0]
    found = [work for work in dict.fromkeys(charged) if work in works]
    spent = shares_of(found, so_far, frozen=frozen)
    # The most likely work was charged enough; of several, the one that started first.
    found.sort(key=lambda work: (total((spent[work].credits, amount)) < 0, work.started))
    return found


def _likelihood(work: Work, after: float, seen_at: float) -> tuple[bool, float, float]:
    overlap = sum(max(min(end, seen_at) - max(begin, after), 0.0) for begin, end in work.own_spans(after))
    ran = overlap > 0 and not work.is_anonymous
    return ran, overlap, seen_at if work.ended is None else work.ended


def _may_be_of(work: Work, after: float, seen_at: float, quiet: float) -> bool:
    """Return whether work may have spent what was spent between two readings."""
    if work.has_calls_under_way:
        return True
    since = after - quiet
    if work.rests_since is not None and work.rests_since < since:
        return False
    if any(begin <= seen_at and end >= since for begin, end in work.own_spans(since)):
        return True
    # Its guarded calls may have gone on after it.
    return work.ended is not None and work.rests_since is not None and work.rests_since > work.ended
