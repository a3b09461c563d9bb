"""What the movements of a row say of one stretch of work. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ...credits import total

NOTHING = Decimal(0)


@dataclass(slots=True)
class Share:
    """What one stretch of work spent, according to the movements.

    Attributes:
        credits: Its credits: the movements that are its alone, and its estimated parts of others.
        is_alone: Whether none of its movements can belong to other work as well.
        follows_gap: Whether some of it may have been spent before the work began.
        before: How many credits that is.
        has_moved: Whether any movement can belong to it.
        was_refunded: Whether any of its movements was the refund of a settled call.
        has_fallen: Whether any of its movements was a settlement for less.
        after_end: The number of its charges between two readings that were both requested after its end.
    """

    credits: Decimal = NOTHING
    is_alone: bool = True
    follows_gap: bool = False
    before: Decimal = NOTHING
    has_moved: bool = False
    was_refunded: bool = False
    has_fallen: bool = False
    after_end: int = 0

    def add(
        self, credits: Decimal, *, is_alone: bool, follows_gap: bool, is_refund: bool, has_fallen: bool
    ) -> None:
        """Add the work's part of a movement.

        Args:
            credits: Its credits; negative for a settlement for less.
            is_alone: Whether the movement can belong to no other work.
            follows_gap: Whether it may have happened before the work began.
            is_refund: Whether it was the refund of a settled call.
            has_fallen: Whether it was a settlement for less, or a refund.
        """
        self.credits = total((self.credits, credits))
        self.is_alone = self.is_alone and is_alone
        self.follows_gap = self.follows_gap or follows_gap
        self.was_refunded = self.was_refunded or is_refund
        self.has_fallen = self.has_fallen or has_fallen
        if follows_gap:
            self.before = total((self.before, credits))
