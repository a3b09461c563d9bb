"""What the items of a loop have cost so far, and whether the next one may still be afforded."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import TYPE_CHECKING

from ..formatting import format_amount, in_credits
from .cost import spent_so_far

if TYPE_CHECKING:
    from ..credits import Credits

EACH, ESTIMATE = Context(prec=4), Context(prec=3)
"""How many digits are shown of what an item costs, and of what all may come to."""

_MEAN = Context(prec=28)


class LoopSpend:
    """What readings between the items say: amounts in credits, of the items they cover."""

    def __init__(self, limit: Decimal | None) -> None:
        self.limit = limit
        self.expected: Decimal | None = None
        self.reading: Credits | None = None
        self.spent: Decimal | None = None
        self.items = 0
        self.dearest = Decimal(0)
        self.over: tuple[int, Decimal] | None = None
        """The item that went over the limit, counted from 1, and what it cost."""

    @property
    def per_item(self) -> Decimal | None:
        """What an item cost on average; None while that is not known."""
        # A reading from the start of a long item shows nothing of it yet: that is no price of 0.
        if self.spent is None or self.spent <= 0 or not self.items:
            return None
        return _MEAN.divide(self.spent, Decimal(self.items))

    def take_in(self, before: Credits, reading: Credits, items: int) -> None:
        """Take a reading that was taken when ``items`` items were done."""
        spent = spent_so_far(before, reading)
        cost = spent - (self.spent or 0)
        if items > self.items:
            if self.limit is not None and spent > self.limit and cost > self.dearest:
                self.over = items, cost
            self.dearest = max(self.dearest, cost)
        self.reading, self.spent, self.items = reading, spent, items

    def breaks_limit(self) -> bool:
        """Tell whether one more item would go over, or all is spent already."""
        if self.limit is None or self.spent is None:
            return False
        return self.spent >= self.limit or self.spent + self.next_cost > self.limit

    @property
    def next_cost(self) -> Decimal:
        """What the next item may cost: as much as the dearest, or as in earlier runs before there is one."""
        return self.dearest or self.expected or Decimal(0)

    def why(self) -> str:
        """Say why the next item would break the limit."""
        assert self.limit is not None and self.spent is not None  # for mypy  # noqa: S101, PT018
        so_far = f"{format_amount(self.spent)} of {in_credits(self.limit)} spent"
        if self.over is not None:
            return f"{so_far}; {self.why_over()}"
        if self.dearest:
            return f"{so_far}, and an item has cost up to {format_amount(self.dearest)}."
        if self.expected is not None:
            return f"{so_far}, and an item cost {rounded(self.expected, EACH)} in earlier runs."
        return f"{so_far}."

    def why_over(self) -> str:
        """Name the item that went over."""
        assert self.over is not None  # for mypy  # noqa: S101
        item, cost = self.over
        if item == 1:
            return f"item 1 alone cost {format_amount(cost)}."
        return f"item {item} cost {format_amount(cost)}, more than any before it."


def rounded(amount: Decimal, digits: Context) -> str:
    """Give an amount as people read it, in so many digits."""
    return format_amount(digits.plus(amount))
