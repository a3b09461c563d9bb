"""Guarded calls whose answers give no price, and what such a call is known to cost. Pure: no lock or clock.

Chats give no price: only a reading shows what they cost, and work may make many of them between two readings.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ...credits import difference, mean, product, total

if TYPE_CHECKING:
    from ...api.calls import Call


class UnpricedCalls:
    """A budget's own calls that no reading shows yet, and the highest price of a call seen so far."""

    def __init__(self) -> None:
        """Start without calls."""
        self._calls: list[Call] = []
        self._dearest: Decimal | None = None

    def add(self, call: Call) -> None:
        """Record a call that begins."""
        self._calls.append(call)

    def record(self, rise: Decimal, requested_at: float) -> None:
        """Record a reading.

        Args:
            rise: The credits that it shows as spent since the reading before.
            requested_at: When it was requested, in monotonic seconds.
        """
        shown = [call for call in self._calls if call.ended_at is not None and call.ended_at <= requested_at]
        self._calls = [call for call in self._calls if call not in shown]
        told = total(call.reserved for call in shown if call.reserved is not None)
        untold = sum(call.reserved is None for call in shown)
        price = mean(difference(rise, told), untold) if untold else Decimal(0)
        if price > 0:
            self._dearest = max(price, self._dearest or Decimal(0))

    def may_exceed(self, left: Decimal) -> bool:
        """Return whether calls answered since the newest reading may have used up a budget.

        Args:
            left: Credits left of the budget as of that reading.

        Returns:
            True also if nothing is known about their price yet; False if nothing is left anyway.
        """
        if left <= 0:
            return False
        answered = sum(call.ended_at is not None and call.reserved is None for call in self._calls)
        if not answered or self._dearest is None:
            return answered > 0
        under_way = sum(call.ended_at is None for call in self._calls)
        return difference(product(self._dearest, answered + under_way), left) >= 0
