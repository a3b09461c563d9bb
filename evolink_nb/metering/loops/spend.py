"""What a loop's items have cost, and whether the next one is affordable. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING

from ...credits import CreditsDelta, difference, mean, product, total
from ...polling.spending import Spending
from .under_way import NOTHING, Item, LagTiming, UnderWay

if TYPE_CHECKING:
    from ...api.calls import Call
    from ...credits import Credits


class Verdict(Enum):
    """Whether the next item may begin."""

    GO = "go"
    """It may: whatever the items done turn out to cost, it stays within the limit."""
    WAIT = "wait"
    """Not before more is known about the cost of the items that are done."""
    STOP = "stop"
    """It may not: it would exceed the limit."""


@dataclass(frozen=True, slots=True)
class Over:
    """The items that took a loop over its limit.

    Attributes:
        first: The number of the first item that may have done so, counted from 1.
        last: The number of the last one.
        cost: What they cost together, in credits.
        is_dearest: Whether it is a single item, dearer than all before it.
    """

    first: int
    last: int
    cost: Decimal
    is_dearest: bool


class LoopSpend:
    """The cost of a loop, according to readings between its items.

    Attributes:
        limit: Credits that the loop may spend; None for no limit.
        length: The number of items; None if unknown.
        expected: The cost of an item in earlier runs, in credits; None without earlier runs.
        reading: The newest reading; None before the first.
        spent: Credits spent as of that reading, never below 0; None before the first.
        items: The number of items done as of that reading, without those that had ended by the first.
        early_items: The number of items that had ended by the first reading; it may include what they cost.
        under_way: The items of a loop with a limit whose charge may not have shown yet.
        over: The items that took the loop over its limit; None if none did.
    """

    def __init__(
        self, limit: Decimal | None, length: int | None = None, timing: LagTiming | None = None
    ) -> None:
        """Start without a reading.

        Args:
            limit: Credits that the loop may spend; None for no limit.
            length: The number of items; None if unknown.
            timing: How long an item's charge may take to show.
        """
        self.limit = limit
        self.length = length
        self.expected: Decimal | None = None
        self.reading: Credits | None = None
        self.spent: Decimal | None = None
        self.items = self.early_items = 0
        self.under_way = UnderWay(timing)
        self.over: Over | None = None
        self._spending: Spending | None = None

    # -- events ----------------------------------------------------------------------------------------

    def start(self, first: Credits, earlier: Iterable[Credits] = ()) -> None:
        """Record the reading from which the loop's spending counts.

        Args:
            first: The reading.
            earlier: Readings before it, oldest first.
        """
        self._spending = Spending(first, earlier=earlier)
        self.reading, self.spent = first, NOTHING

    def end_item(self, number: int, now: float, calls: Sequence[Call] = ()) -> None:
        """Record that an item is done.

        Args:
            number: Its number, counted from 1.
            now: When it ended, in monotonic seconds.
            calls: The guarded calls made in it.
        """
        if self.limit is not None:
            self.under_way.add(Item(number, now, calls))

    def record(self, readings: Sequence[Credits], items: int, *, begun: int = 0) -> None:
        """Record what the readings so far show.

        Args:
            readings: The account's readings, oldest first; those already recorded are ignored. The last was
                requested when ``items`` items were done.
            items: The number of items done.
            begun: At the end of a loop, the number of items begun: one left unfinished counts if it cost
                anything.
        """
        if self._spending is None or not readings or readings[-1] is self.reading:
            return
        items, begun = self.later(items), self.later(begun)
        before = self.spent or NOTHING
        spent = self._spending.record_all(readings)
        self.reading, self.spent = self._spending.latest, spent
        if difference(spent, before) > 0:
            items = max(items, begun)
        if self.limit is not None:
            self._note_over(self.limit, before, spent, items)
            self.under_way.record(spent, unsettled=self._unsettled, requested_at=self.reading.requested_at)
        self.items = items

    def later(self, items: int) -> int:
        """Return how many of a number of items, counted from the first, ended after the first reading."""
        return max(items - self.early_items, 0)

    # -- what is known ---------------------------------------------------------------------------------

    @property
    def is_account_wide(self) -> bool:
        """Whether ``spent`` is what the whole account spent, because the key's own counter doesn't move."""
        return self._spending is not None and self._spending.is_account_wide and bool(self.spent)

    @property
    def is_pending(self) -> bool:
        """Whether more may still be charged for the items of a loop with a limit."""
        return bool(self.under_way.items) or self.under_way.unsettled > 0

    @property
    def dearest(self) -> Decimal:
        """The cost of the dearest item of a loop with a limit, as far as known, in credits."""
        return self.under_way.dearest

    @property
    def per_item(self) -> Decimal | None:
        """Average cost of an item in credits; None while unknown."""
        if self.under_way.items:
            return self.under_way.mean or None
        # A reading from the start of a long item doesn't show its cost yet; that is not a price of 0.
        return mean(self.spent, self.items) if self.spent and self.items else None

    @property
    def projected(self) -> Decimal | None:
        """Credits that all items will cost in total; None while unknown."""
        each = self.per_item
        return None if each is None or not self.length else product(each, max(self.length, self.items))

    def progress(self, done: int) -> float | None:
        """Return how far the loop has got towards its last item, or towards its limit if that is nearer.

        Args:
            done: The number of items done.

        Returns:
            From 0 to 1; None if the loop has neither a known length nor a limit.
        """
        parts = []
        if self.length:
            parts.append(min(done / self.length, 1.0))
        if self.limit is not None:
            parts.append(min(float(self.spent or NOTHING) / float(self.limit), 1.0))
        return max(parts, default=None)

    @property
    def over_by(self) -> Decimal:
        """Credits spent beyond the limit; 0 without one."""
        if self.limit is None or self.spent is None:
            return NOTHING
        return max(difference(self.spent, self.limit), NOTHING)

    @property
    def next_cost(self) -> Decimal:
        """Credits that the next item may cost: as much as the dearest so far, or as in earlier runs."""
        return self.dearest or self.expected or NOTHING

    @property
    def is_used_up(self) -> bool:
        """Whether the limit allows no further item, judging by what has been charged or reserved so far."""
        if self.limit is None or self.spent is None:
            return False
        # Spending nothing never reaches a limit, even one below `DUST`.
        is_spent = self.spent > 0 and difference(self.spent, self.limit) >= 0
        return is_spent or not self._fits(self.limit, self.spent)

    def decide(self) -> Verdict:
        """Return whether another item may begin: credits are left, and it wouldn't exceed the limit."""
        if self.limit is None or self.spent is None:
            return Verdict.GO
        if not self.is_used_up and self._may_run_ahead(self.limit):
            return Verdict.GO
        if self.under_way.items:
            # Reservations may be settled for less; if not, at least the figures at the loop's end are right.
            return Verdict.WAIT
        return Verdict.STOP

    # -- the rules -------------------------------------------------------------------------------------

    def _may_run_ahead(self, limit: Decimal) -> bool:
        """Return whether the next item may begin, whatever the items under way turn out to cost."""
        way = self.under_way
        if not way.items:
            return True
        if self.expected is None and not way.known:
            return False
        if not self.next_cost:
            # Nothing has cost anything so far: go on carefully, but don't wait for each item of a free loop.
            return len(way.items) <= way.known
        return self._fits(limit, way.at_most(self.expected))

    def _fits(self, limit: Decimal, spent: Decimal) -> bool:
        return difference(total((spent, self.next_cost)), limit) <= 0

    @property
    def _unsettled(self) -> Decimal:
        """Credits reserved and not settled, as far as is known while others spend too."""
        assert self._spending is not None  # for mypy  # noqa: S101
        delta = CreditsDelta.between(self._spending.first, self._spending.latest)
        settled = max(delta.user, NOTHING)
        gone = max(self._spending.spent, delta.user_drop)
        return max(difference(gone, settled), NOTHING)

    def _note_over(self, limit: Decimal, before: Decimal, spent: Decimal, items: int) -> None:
        if difference(spent, limit) <= 0:
            self.over = None  # a reservation was settled for less
        elif self.over is None and items:
            self.over = self._those_over(before, spent, items)

    def _those_over(self, before: Decimal, spent: Decimal, items: int) -> Over:
        cost = difference(spent, before)
        unseen = [item.number for item in self.under_way.items if not item.is_seen] or [items]
        is_dearest = len(unseen) == 1 and difference(cost, self.dearest) > 0
        return Over(unseen[0], unseen[-1], cost, is_dearest)


def length_of(iterable: object) -> int | None:
    """Return the number of items in an iterable.

    Args:
        iterable: The iterable.

    Returns:
        The number; None if unknown: some objects raise in ``len``.
    """
    try:
        return len(iterable) if isinstance(iterable, Sized) else None
    except (TypeError, AttributeError, NotImplementedError, OverflowError):
        return None
