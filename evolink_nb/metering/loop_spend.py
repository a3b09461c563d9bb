"""What a loop's items have cost, and whether the next is affordable. Pure."""

from __future__ import annotations

from collections.abc import Sized
from decimal import Decimal
from typing import TYPE_CHECKING

from ..credits import difference, mean, product, total
from .cost import spent_so_far

if TYPE_CHECKING:
    from ..credits import Credits


class LoopSpend:
    """The cost of a loop, according to readings between its items.

    Attributes:
        limit: Credits that the loop may spend; None for no limit.
        length: The number of items; None if unknown.
        expected: The cost of an item in earlier runs, in credits; None without earlier runs.
        reading: The newest reading; None before the first.
        spent: Credits spent as of that reading; None before the first.
        items: The number of items done as of that reading.
        dearest: The cost of the dearest item, in credits.
        over: The item that went over the limit, counted from 1, and its cost; None if none did.
    """

    def __init__(self, limit: Decimal | None, length: int | None = None) -> None:
        """Start without a reading.

        Args:
            limit: Credits that the loop may spend; None for no limit.
            length: The number of items; None if unknown.
        """
        self.limit = limit
        self.length = length
        self.expected: Decimal | None = None
        self.reading: Credits | None = None
        self.spent: Decimal | None = None
        self.items = 0
        self.dearest = Decimal(0)
        self.over: tuple[int, Decimal] | None = None

    @property
    def per_item(self) -> Decimal | None:
        """Average cost of an item in credits; None while unknown."""
        # A reading from the start of a long item shows none of its cost yet: that is not a price of 0.
        if self.spent is None or self.spent <= 0 or not self.items:
            return None
        return mean(self.spent, self.items)

    @property
    def projected(self) -> Decimal | None:
        """Credits that all items will have cost; None while unknown."""
        each = self.per_item
        return None if each is None or not self.length else product(each, max(self.length, self.items))

    @property
    def over_by(self) -> Decimal:
        """Credits spent beyond the limit; 0 without one."""
        if self.limit is None or self.spent is None:
            return Decimal(0)
        return max(difference(self.spent, self.limit), Decimal(0))

    @property
    def next_cost(self) -> Decimal:
        """Credits the next item may cost: the dearest so far, or the price in earlier runs."""
        return self.dearest or self.expected or Decimal(0)

    def record(self, before: Credits, reading: Credits, items: int) -> None:
        """Record a reading.

        Args:
            before: The reading before the loop.
            reading: The new one.
            items: The number of items done when it was taken.
        """
        spent = spent_so_far(before, reading)
        cost = difference(spent, self.spent or Decimal(0))
        if items > self.items and difference(cost, self.dearest) > 0:
            if self.limit is not None and difference(spent, self.limit) > 0:
                self.over = items, cost
            self.dearest = cost
        self.reading, self.spent, self.items = reading, spent, items

    def may_continue(self) -> bool:
        """Return whether another item may begin: credits are left, and the item wouldn't go over."""
        if self.limit is None or self.spent is None:
            return True
        # A limit below `DUST` isn't reached by spending nothing.
        is_spent = self.spent > 0 and difference(self.spent, self.limit) >= 0
        return not is_spent and difference(total((self.spent, self.next_cost)), self.limit) <= 0


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
