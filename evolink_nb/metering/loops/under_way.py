"""A loop's items whose charge may not have shown yet, and what they may cost. Pure.

A reading shows what has been charged, and accounts charge late: seconds after the answer, in batches, or for
more than was reserved. An item that is done is therefore *under way* until its charge is known to be
complete, in one of these ways:

- Its charge has shown, alone, and nothing is reserved any more.
- The receipts of its guarded calls have shown, and the account has charged what earlier receipts said.
- The quiet time, within which an account is expected to charge, has passed since it ended.

Until then, the total may be as high as what was spent before these items plus a price for each of them. While
few prices are known, that price is far above the highest one: the next items may cost ten times as much.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING

from ...credits import difference, mean, product, total

if TYPE_CHECKING:
    from ...api.calls import Call

NOTHING = Decimal(0)

CAUTION = 9
"""By what factor the next items may cost more than the dearest one known, divided by the number known."""
SPREAD = Decimal("2.5")
"""How far items may exceed their expected sum, in prices of one item, per square root of their number.

The price is the largest rise between two readings: items charged together hide the dearest of them.
"""
LAG_MARGIN = 1.5
"""How many times longer than the longest lag seen a charge may take."""
PROMPT_ITEMS = 3
"""After this many charges in a row that show in the first reading after their item, an account is prompt."""
MAX_CALL_SECONDS = 30.0
"""How long after an item's end, in seconds, its calls that haven't ended are waited for."""


class Settling(Enum):
    """Whether reserved credits settle while a loop waits for them."""

    UNSEEN = "unseen"
    """Nothing reserved has settled yet."""
    SEEN = "seen"
    """They have settled: waiting for it helps."""
    TOO_LATE = "too late"
    """They haven't settled within the quiet time: what is reserved counts as the price."""


@dataclass(frozen=True, slots=True)
class LagTiming:
    """How long an item's charge may take to show.

    Attributes:
        quiet: Seconds after its end within which an item is charged, unless a charge has taken longer.
        prompt_quiet: The same for accounts whose charges have all shown at once.
    """

    quiet: float = 6.0
    prompt_quiet: float = 1.0


@dataclass(eq=False, slots=True)
class Item:
    """An item that is done.

    Attributes:
        number: Its number, counted from 1.
        ended_at: When it ended, in monotonic seconds.
        calls: The guarded calls made in it.
        is_read: Whether the balance has been read since it ended.
        is_seen: Whether a charge for it has shown.
        shown: That charge, in credits.
        is_reserved: Whether that charge was a reservation, which may settle for more or less.
    """

    number: int
    ended_at: float
    calls: Sequence[Call] = ()
    is_read: bool = False
    is_seen: bool = False
    shown: Decimal = NOTHING
    is_reserved: bool = False

    @property
    def receipts(self) -> Decimal | None:
        """Credits that its calls reserved; None if it made none, or if one has no receipt."""
        told = [call.reserved for call in self.calls if call.reserved is not None]
        return total(told) if told and len(told) == len(self.calls) else None

    @property
    def rests_since(self) -> float:
        """When the item and all its calls had ended, in monotonic seconds."""
        latest = self.ended_at + MAX_CALL_SECONDS
        ends = [latest if call.ended_at is None else call.ended_at for call in self.calls]
        return max(self.ended_at, *ends) if ends else self.ended_at


class UnderWay:
    """The items of one loop that are done but may not have been fully charged.

    Attributes:
        items: These items, in order.
        spent: Credits spent as of the newest reading.
        dearest: The cost of the dearest item known, in credits.
        known: The number of items whose charge is complete.
        unsettled: Credits reserved and not settled as of the newest reading.
    """

    def __init__(self, timing: LagTiming | None = None) -> None:
        """Start without items.

        Args:
            timing: How long a charge may take.
        """
        self.items: deque[Item] = deque()
        self.spent = self.dearest = self.unsettled = NOTHING
        self.known = 0
        self._timing = timing or LagTiming()
        self._base = NOTHING  # spent when the first of the items began
        self._largest_rise = NOTHING
        self._last_end = 0.0
        self._max_lag = 0.0
        self._prompt = 0
        self._priced = 0
        self._comes_in_parts = False
        self._settling = Settling.UNSEEN
        self._receipts_hold: bool | None = None

    @property
    def quiet(self) -> float:
        """Seconds after its end within which an item is charged, as far as known."""
        if self._prompt >= PROMPT_ITEMS and not self._max_lag:
            return self._timing.prompt_quiet
        return max(self._timing.quiet, LAG_MARGIN * self._max_lag)

    @property
    def mean(self) -> Decimal:
        """The mean cost of the items whose charge is complete, in credits; 0 while there are none."""
        return mean(self._base, self.known) if self.known else NOTHING

    def add(self, item: Item) -> None:
        """Add an item that has just ended.

        Args:
            item: The item.
        """
        # If receipts explain everything that was spent, an item without guarded calls spent nothing.
        item.is_seen = bool(self._receipts_hold) and not item.calls
        self.items.append(item)
        self._last_end = item.ended_at

    def record(self, spent: Decimal, *, unsettled: Decimal, requested_at: float) -> None:
        """Record what a reading shows.

        Args:
            spent: Credits spent since the loop began, including reservations.
            unsettled: Credits of these that are reserved and not settled.
            requested_at: When the reading was requested, in monotonic seconds; after the last item's end.
        """
        rise = difference(spent, self.spent)
        self.spent, self._base = spent, min(self._base, spent)
        self._largest_rise = max(self._largest_rise, rise)
        if rise > 0:
            self._sight(rise, requested_at, is_reserved=difference(unsettled, self.unsettled) > 0)
        self._prompt += rise > 0 and not unsettled and self._is_first_reading
        for item in self.items:
            item.is_read = True
            if self._receipts_hold:
                self.dearest = max(self.dearest, item.receipts or NOTHING)
        if self._settling is Settling.UNSEEN and self.unsettled > 0 and not unsettled:
            self._settling = Settling.SEEN
        self.unsettled = unsettled
        self._close_complete()
        self._close_quiet(requested_at)

    def at_most(self, expected: Decimal | None = None) -> Decimal:
        """Return the most that all items done may cost, in credits.

        Args:
            expected: The cost of an item in earlier runs, if known; used until the cost of an item is known.
        """
        if not self.items:
            return self.spent
        price = max(self.dearest, self.mean, *(item.shown for item in self.items)) or expected or NOTHING
        careful = total((price, mean(product(price, CAUTION), max(self._priced, 1))))
        bounds = [self._bound(item, careful) for item in self.items]
        root = Decimal(math.isqrt(bounds.count(careful)))
        spread = product(max(price, self._largest_rise), product(SPREAD, root))
        return max(self.spent, total((self._base, spread, *bounds)))

    # -- the rules -------------------------------------------------------------------------------------

    @property
    def _is_first_reading(self) -> bool:
        """Whether an item has ended since the previous reading."""
        return bool(self.items) and not self.items[-1].is_read

    def _bound(self, item: Item, price: Decimal) -> Decimal:
        receipts = item.receipts
        if self._receipts_hold:
            return price if item.calls and receipts is None else receipts or NOTHING
        return max(price, receipts or NOTHING)

    def _sight(self, rise: Decimal, at: float, *, is_reserved: bool) -> None:
        """Record which item a rise may be the charge of, and how long it took."""
        unseen = [item for item in self.items if not item.is_seen]
        if len(unseen) == 1:
            item = unseen[0]
            item.is_seen, item.shown, item.is_reserved = True, rise, is_reserved
        if not self._is_first_reading and self._last_end:
            # No item has ended since the previous reading: this was charged late.
            self._max_lag = max(self._max_lag, at - self._last_end)
            self._comes_in_parts = self._comes_in_parts or not self.items

    def _close_complete(self) -> None:
        """Close all items if their charges are complete."""
        is_settled = not self.unsettled or self._settling is Settling.TOO_LATE
        told = [item.receipts or NOTHING for item in self.items if item.calls]
        cost, receipts = difference(self.spent, self._base), total(told)
        has_receipts = receipts > 0 and all(item.receipts is not None for item in self.items if item.calls)
        are_covered = has_receipts and difference(cost, receipts) >= 0
        are_seen = not self._comes_in_parts and all(item.is_seen for item in self.items)
        is_complete = is_settled and are_seen
        if not self.items or not (is_complete or (are_covered and (is_settled or self._receipts_hold))):
            return
        if is_settled and self._receipts_hold is not False and (receipts or cost):
            # After one charge above its receipt, or without one, receipts no longer predict charges.
            self._receipts_hold = has_receipts and difference(cost, receipts) <= 0
        self._close(len(self.items))

    def _close_quiet(self, now: float) -> None:
        """Close the items whose quiet time has passed."""
        rested = 0
        while rested < len(self.items) and now - self.items[rested].rests_since >= self.quiet:
            rested += 1
        if rested:
            if self.unsettled and self._settling is Settling.UNSEEN:
                self._settling = Settling.TOO_LATE
            self._close(rested)

    def _close(self, count: int) -> None:
        """Close the first items: what has been spent so far includes their cost."""
        # Part of it may be the other items': the mean over all items never exceeds the dearest one.
        each = mean(difference(self.spent, self._base), len(self.items))
        self._priced += count if each > 0 else 0
        self.dearest = max(self.dearest, each)
        for _ in range(count):
            item = self.items.popleft()
            if not item.is_reserved:
                self.dearest = max(self.dearest, item.shown)
        self.known += count
        self._base = self.spent
