"""Which part of an account's spending is a budget's own: guarded calls tell theirs. Pure: no lock or clock.

An account's counters add up what all work on it spends. What other work's calls say they reserved is not the
budget's; what nobody's call explains may be, and counts as the budget's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from ..credits import difference, total

if TYPE_CHECKING:
    from ..api.calls import Call

NOTHING = Decimal(0)
KEPT = 100
"""The number of calls kept one by one; earlier ones that have ended are kept as sums."""


@dataclass(slots=True)
class _Group:
    """The calls of the budget, or those of other work."""

    calls: list[Call] = field(default_factory=list)
    earlier: Decimal = NOTHING
    """The receipts of calls that are no longer kept."""
    is_partial: bool = False
    """Whether a call that has ended had no receipt."""

    def fold(self, as_of: float) -> None:
        """Keep only the sums of calls that the newest reading shows."""
        kept = [call for call in self.calls if call.is_under_way or call.began_at >= as_of]
        self.earlier = self.receipts()
        self.is_partial = self.has_unreceipted()
        self.calls = kept
        self.earlier = difference(self.earlier, total(_receipts(kept)))

    def receipts(self) -> Decimal:
        """Return what all its calls that have ended reserved, as far as they say."""
        return total((self.earlier, *_receipts(self.calls)))

    def has_unreceipted(self) -> bool:
        """Return whether a call has ended without saying what it reserved."""
        return self.is_partial or any(not call.is_under_way and call.reserved is None for call in self.calls)

    def under_way(self) -> int:
        """Return the number of calls whose answers may still come."""
        return sum(call.is_under_way for call in self.calls)


class Tally:
    """The guarded calls on an account since a budget began: its own, and those of other work."""

    def __init__(self) -> None:
        """Start without calls."""
        self._own = _Group()
        self._others = _Group()
        self._dearest: Decimal | None = None

    def add(self, call: Call, *, is_own: bool) -> None:
        """Record a call that begins.

        Args:
            call: The call.
            is_own: Whether it is made by the budget's own work.
        """
        (self._own if is_own else self._others).calls.append(call)

    @property
    def under_way(self) -> int:
        """The number of the budget's own calls whose answers may still come."""
        return self._own.under_way()

    @property
    def is_blurred(self) -> bool:
        """Whether other work made calls that don't say what they reserved."""
        return self._others.has_unreceipted()

    def own(self, spent: Decimal, as_of: float) -> Decimal:
        """Return what the budget's own work has spent.

        Args:
            spent: Credits spent on the account since the budget began, by the newest reading.
            as_of: When that reading arrived, in monotonic seconds.

        Returns:
            Credits: what its own calls reserved, or what nothing else explains, whichever is more.
        """
        self._fold(as_of)
        # A call begun since that reading can't be in it.
        newer = total(_receipts(call for call in self._own.calls if call.began_at >= as_of))
        known = min(spent, difference(self._own.receipts(), newer))
        return total((max(known, self._unexplained(spent)), newer))

    def unexplained(self, spent: Decimal, as_of: float) -> Decimal:
        """Return how much of that no call of the budget's own accounts for.

        Args:
            spent: Credits spent on the account since the budget began, by the newest reading.
            as_of: When that reading arrived, in monotonic seconds.

        Returns:
            Credits, 0 or more.
        """
        return max(difference(self.own(spent, as_of), self._own.receipts()), NOTHING)

    def _unexplained(self, spent: Decimal) -> Decimal:
        """Return what is left of the account's spending once other work's calls are taken out."""
        waiting = self._others.under_way()
        if waiting:
            # Charged for already, perhaps, and not answered yet. No more than the dearest so far; as long as
            # none has been answered, anything.
            dearest = self._dearest_receipt()
            if dearest is None:
                return NOTHING
            spent = difference(spent, total([dearest] * waiting))
        return max(difference(spent, self._others.receipts()), NOTHING)

    def _dearest_receipt(self) -> Decimal | None:
        """Return the largest receipt; 0 if answers have none, None if there are no answers."""
        calls = (*self._own.calls, *self._others.calls)
        # One that was refused says nothing about the others.
        told = [call.reserved or NOTHING for call in calls if not call.is_under_way and call.reserved != 0]
        known = [*told, *([] if self._dearest is None else [self._dearest])]
        self._dearest = max(known, default=None)
        return self._dearest

    def _fold(self, as_of: float) -> None:
        self._dearest_receipt()
        for group in (self._own, self._others):
            if len(group.calls) > KEPT:
                group.fold(as_of)


def _receipts(calls: Iterable[Call]) -> list[Decimal]:
    return [call.reserved for call in calls if call.reserved is not None]
