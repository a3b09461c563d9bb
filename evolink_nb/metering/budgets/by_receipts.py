"""Which part of an account's spending is a budget's own, by guarded calls' receipts. Pure: no lock or clock.

An account's counters add up what all work on it spends. What other work's calls reserved, according to their
receipts, is not the budget's. What no call explains may be, and counts as the budget's own.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ...credits import difference, total

if TYPE_CHECKING:
    from ...api.calls import Call

NOTHING = Decimal(0)
KEPT = 200
"""The number of calls of a group that are kept individually; earlier, ended ones are kept as sums."""


class _Group:
    """The calls of the budget's own work, or those of other work."""

    def __init__(self) -> None:
        self.calls: dict[Call, None] = {}
        self._earlier = NOTHING
        self._is_partial = False

    def fold(self, as_of: float) -> None:
        """Once there are many calls, keep only the sum of those that a reading shows."""
        if len(self.calls) <= KEPT:
            return
        old = [call for call in self.calls if _is_over_by(call, as_of)]
        self._earlier = total((self._earlier, *map(_receipt_of, old)))
        self._is_partial = self._is_partial or any(call.reserved is None for call in old)
        for call in old:
            del self.calls[call]

    def receipts(self, as_of: float) -> Decimal:
        """Return the sum of the receipts of all calls that a reading may show."""
        return total((self._earlier, *(_receipt_of(call) for call in self.calls if call.began_at < as_of)))

    def has_unreceipted(self) -> bool:
        """Return whether a call has ended without a receipt."""
        return self._is_partial or any(not call.is_under_way and call.reserved is None for call in self.calls)

    def under_way(self, as_of: float = float("inf")) -> int:
        """Return the number of calls still under way, of those that a reading may show."""
        return sum(call.is_under_way and call.began_at < as_of for call in self.calls)


class Attribution:
    """The guarded calls on an account since a budget began: its own and those of other work."""

    def __init__(self) -> None:
        """Start without calls."""
        self._own = _Group()
        self._others = _Group()
        self._dearest: Decimal | None = None

    def add(self, call: Call, *, is_own: bool) -> None:
        """Record a call that begins, or that was under way when the budget began.

        Args:
            call: The call.
            is_own: Whether the budget's own work makes it.
        """
        if is_own:
            self._others.calls.pop(call, None)
        (self._own if is_own else self._others).calls[call] = None

    @property
    def under_way(self) -> int:
        """The number of the budget's own calls that are still under way."""
        return self._own.under_way()

    @property
    def is_blurred(self) -> bool:
        """Whether other work has made calls without a receipt."""
        return self._others.has_unreceipted()

    def own(self, spent: Decimal, as_of: float, shows: float | None = None) -> Decimal:
        """Return what the budget's own work has spent.

        Args:
            spent: Credits spent on the account since the budget began, as of the newest reading.
            as_of: When that reading arrived, in monotonic seconds.
            shows: The time up to which the reading certainly shows all charges: when it was requested, or
                earlier; by default, when it arrived.

        Returns:
            Credits: what its own calls reserved, or what nothing else explains, whichever is more.
        """
        dearest = self._dearest_receipt()
        shows = as_of if shows is None else shows
        self._own.fold(shows)
        self._others.fold(shows)
        # Calls that a reading shows may have been settled for less than their receipts. Those that it may not
        # show yet count in full: otherwise the figure would fall when a reading comes before a charge.
        unseen = [call for call in self._own.calls if not _is_over_by(call, shows) and call.began_at < as_of]
        seen = difference(self._own.receipts(as_of), total(map(_receipt_of, unseen)))
        known = total((min(spent, seen), *map(_receipt_of, unseen)))
        # A call begun since the reading can't be in it.
        newer = total(_receipt_of(call) for call in self._own.calls if call.began_at >= as_of)
        return total((max(known, self._not_others(spent, as_of, dearest)), newer))

    def unexplained(self, spent: Decimal, as_of: float) -> Decimal:
        """Return how much of `own` isn't explained by the receipts of the budget's own calls.

        Args:
            spent: Credits spent on the account since the budget began, as of the newest reading.
            as_of: When that reading arrived, in monotonic seconds.

        Returns:
            Credits, 0 or more.
        """
        return max(difference(self.own(spent, as_of), self._own.receipts(float("inf"))), NOTHING)

    def _not_others(self, spent: Decimal, as_of: float, dearest: Decimal | None) -> Decimal:
        """Return the account's spending without that of other work's calls."""
        waiting = self._others.under_way(as_of)
        if waiting and dearest is None:
            return NOTHING  # they may have been charged already, and no price is known yet
        # Calls not answered yet may cost as much as the most expensive one.
        explained = (self._others.receipts(as_of), *[dearest or NOTHING] * waiting)
        return max(difference(spent, total(explained)), NOTHING)

    def _dearest_receipt(self) -> Decimal | None:
        """Return the largest receipt so far; 0 if no answer has one, None if there were no answers."""
        calls = (*self._own.calls, *self._others.calls)
        # A refused call, which reserves nothing, says nothing about the others.
        told = [_receipt_of(call) for call in calls if not call.is_under_way and call.reserved != 0]
        known = [*told, *([] if self._dearest is None else [self._dearest])]
        self._dearest = max(known, default=None)
        return self._dearest


def _is_over_by(call: Call, time: float) -> bool:
    return call.ended_at is not None and call.ended_at <= time


def _receipt_of(call: Call) -> Decimal:
    return call.reserved or NOTHING
