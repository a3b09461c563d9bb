"""One stretch of work as an account's row sees it: when it ran, what it called, what it cost. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from ...credits import total
from ..cost import Cost
from .share import Share

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ...api.calls import Call
    from ...credits import Credits
    from .charges import LateCharge

SETTLE = 30.0
"""The longest time to keep reading the cost after the work, in seconds, unless the user says otherwise."""
MIN_CALL_SECONDS = 0.02
"""The shortest time, in seconds, that a call that spends can take: work that waited less made none. Even a
call through a local gateway goes over the internet. On a busy machine threads wait for one another and for
files, but rarely that long."""
MIN_PAID_CALL_SECONDS = 0.1
"""The shortest time, in seconds, that a model takes to answer. Guarded work that waited less than this
outside its calls, or an unmeasured cell that waited less in total, made no other call: it waited for a busy
machine or a file."""
NOTHING = Decimal(0)
EN_DASH = "\u2013"


@dataclass(eq=False, slots=True)
class Work:
    """One stretch of work.

    Attributes:
        started: When it began, in seconds of the fetcher's clock.
        settle: The longest time to keep reading its cost, in seconds.
        enclosing: The work around it, outermost first.
        number: The number of its cell; None if it isn't a cell.
        is_anonymous: Whether it isn't measured: an unmeasured cell, or a guarded call outside measured work.
        is_tracked: Whether it began without a reading of its own.
        waits_since: When the code around it began to wait for the reading before it; None if it didn't.
        ended: When it ended; None while it runs.
        resumes_at: When the code around it went on, if that waited for its cost; None means at its end.
        computed: How many seconds its thread spent computing, or ready to compute.
        calls: The guarded calls made in it.
        children: The work within it that may still have to be told apart from it.
        before: The reading before it; None if there is none.
        shared: Why its cost is shared, if something else is known to have spent meanwhile.
        carried: What earlier rows say of it.
        has_spent: Whether some movement of the account can only belong to it.
        cost: Its cost, as far as known.
        after: The reading that `cost` was assessed by.
        settled_at: When the counters last moved, as of that reading.
        is_final: Whether the cost is final, or no more readings are taken for it.
        is_early: Whether its cost became final after a quiet time shorter than the account's.
        is_closed: Whether its row is over: only a late charge can still change its cost.
        late: The late charge that its cost includes, if any.
    """

    started: float
    settle: float = SETTLE
    enclosing: tuple[Work, ...] = ()
    number: int | None = None
    is_anonymous: bool = False
    is_tracked: bool = False
    waits_since: float | None = None
    ended: float | None = None
    resumes_at: float | None = None
    computed: float = 0.0
    calls: list[Call] = field(default_factory=list)
    children: list[Work] = field(default_factory=list)
    before: Credits | None = None
    shared: str | None = None
    carried: Share = field(default_factory=Share)
    has_spent: bool = False
    cost: Cost = field(default_factory=Cost)
    after: Credits | None = None
    settled_at: float = 0.0
    is_final: bool = False
    is_early: bool = False
    is_closed: bool = False
    late: LateCharge | None = None

    # -- time -------------------------------------------------------------------------------------------

    @property
    def rests_since(self) -> float | None:
        """When the work and all its calls had ended; None while any of them is under way."""
        if self.ended is None or self.has_calls_under_way:
            return None
        return max([self.ended, *(call.ended_at for call in self.calls if call.ended_at is not None)])

    @property
    def has_calls_under_way(self) -> bool:
        """Whether any of its guarded calls is still under way."""
        return any(call.ended_at is None for call in self.calls)

    @property
    def seconds(self) -> float:
        """How long it took; 0 while it runs."""
        return 0.0 if self.ended is None else self.ended - self.started

    @property
    def waited(self) -> float:
        """Seconds it spent waiting, as calls do, rather than computing."""
        return max(self.seconds - self.computed, 0.0)

    @property
    def could_spend(self) -> bool:
        """Whether it may have made a call: work that nobody asked to measure may be too short for one."""
        if self.ended is None or self.calls or not (self.is_tracked or self.is_anonymous):
            return True
        return self.waited >= (MIN_PAID_CALL_SECONDS if self.is_anonymous else MIN_CALL_SECONDS)

    @property
    def is_guarded_only(self) -> bool:
        """Whether it can't have made other calls: between guarded ones it never, or hardly, waited."""
        if self.ended is None:
            return False
        spans = [(call.began_at, call.ended_at) for call in self.calls if call.ended_at is not None]
        gaps = gaps_between(spans, self.started, self.ended)
        least = MIN_PAID_CALL_SECONDS if self.calls else MIN_CALL_SECONDS
        return max(gaps, default=0.0) < least or sum(gaps) - self.computed < least

    # -- nesting ----------------------------------------------------------------------------------------

    def contains(self, other: Work) -> bool:
        """Return whether ``other`` is this work, or ran within it and didn't outlive it."""
        if other is self:
            return True
        outlived = self.ended is not None and (other.ended is None or other.ended > self.ended)
        return self in other.enclosing and not outlived

    def carry(self, parts: Mapping[Work, Decimal], *, is_refund: bool, follows_gap: bool) -> None:
        """Carry over this work's part of a movement that its row drops.

        Args:
            parts: The credits of the movement that each of its candidates spent.
            is_refund: Whether the movement was the refund of a settled call.
            follows_gap: Whether the movement may have happened before any of its candidates began.
        """
        within = [part for work, part in parts.items() if self.contains(work)]
        if within:
            credits = total(within)
            self.carried.add(
                credits,
                is_alone=len(within) == len(parts),
                follows_gap=follows_gap,
                is_refund=is_refund,
                has_fallen=credits < 0,
            )

    @property
    def occupied_until(self) -> float:
        """When the code around the work went on; infinity until then."""
        ends = self.ended if self.resumes_at is None else self.resumes_at
        return float("inf") if ends is None else ends

    @property
    def outermost(self) -> Work:
        """The outermost work that this is part of; itself if there is none."""
        return next((outer for outer in self.enclosing if outer.contains(self)), self)

    @property
    def whole(self) -> Work:
        """The outermost ended work that this is part of, as only that has a cost; itself if there is none."""
        around = (outer for outer in self.enclosing if outer.ended is not None and outer.contains(self))
        return next(around, self)

    def own_spans(self, since: float) -> list[tuple[float, float]]:
        """Return when the work ran without measured work inside it.

        Args:
            since: The time from which it matters.

        Returns:
            The beginning and end of each span; the end is infinity while the work runs.
        """
        end = float("inf") if self.ended is None else self.ended
        self.children = [each for each in self.children if each.occupied_until >= since]
        if not self.children:
            return [(self.started, end)]
        spans, begin = [], self.started
        for child in sorted(self.children, key=lambda each: each.started):
            stops = child.started if child.waits_since is None else child.waits_since
            if stops - begin >= MIN_CALL_SECONDS:
                spans.append((begin, stops))
            begin = max(begin, child.occupied_until)
        if end - begin >= MIN_CALL_SECONDS:
            spans.append((begin, end))
        return spans

    # -- receipts ---------------------------------------------------------------------------------------

    @property
    def receipts(self) -> Decimal:
        """Credits that its guarded calls reserved, according to their answers."""
        return total(call.reserved for call in self.calls if call.reserved is not None)

    @property
    def has_all_receipts(self) -> bool:
        """Whether it made guarded calls, and all of them have ended with a receipt."""
        return bool(self.calls) and all(
            call.reserved is not None and call.ended_at is not None for call in self.calls
        )


def calls_of(works: Iterable[Work]) -> list[Call]:
    """Return the guarded calls made in any of the works, each once."""
    return list(dict.fromkeys(call for work in works for call in work.calls))


def label_of(works: Sequence[Work], *, has_more: bool = False) -> str:
    """Return the name of several stretches of work, such as "cells 8 to 12" or "cells 8, 10 and 12".

    Args:
        works: The measured ones.
        has_more: Whether there is also unmeasured work.
    """
    return _names_of(works) + (" and unmeasured work" if has_more else "")


def _names_of(works: Sequence[Work]) -> str:
    numbers = sorted({work.number for work in works if work.number is not None})
    if len(numbers) < len(works):
        return f"{len(works)} pieces of work" if len(works) > 1 else "this"
    if len(numbers) == 1:
        return f"cell {numbers[0]}"
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"cells {numbers[0]}{EN_DASH}{numbers[-1]}"
    return f"cells {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def gaps_between(spans: Iterable[tuple[float, float]], begin: float, end: float) -> list[float]:
    """Return the lengths, in seconds, of the gaps that spans leave between two times.

    Args:
        spans: The beginning and end of each span.
        begin: The first of the two times.
        end: The second.
    """
    gaps, reached = [], begin
    for start, stop in sorted(each for each in spans if each[0] < each[1]):
        if min(start, end) > reached:
            gaps.append(min(start, end) - reached)
        reached = max(reached, stop)
    return [*gaps, end - reached] if end > reached else gaps
