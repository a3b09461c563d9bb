"""Which of an account's counters tells what a key spends: one that should may stand still. Pure.

The key's used credits tell it. Where those of a key with a limit stand still, what it has left does; where
those of an unlimited key do, all there is to see is what the whole account spends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from ...credits import CreditsDelta, difference

if TYPE_CHECKING:
    from ...credits import Credits

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Step:
    """What moved between two readings, in credits.

    Attributes:
        key: By the key's counter; negative for a settlement for less.
        account: By the account's, reservations included.
    """

    key: Decimal
    account: Decimal


class KeyCounter:
    """Finds out which counter to go by, from one reading to the next.

    Attributes:
        frozen: Whether to go by the account's counters.
        by_remaining: Whether to go by what the key has left.
    """

    def __init__(self) -> None:
        """Start with the key's used credits."""
        self.frozen = False
        self.by_remaining = False
        self._used_moves = False

    def step(self, start: Credits, earlier: Credits, later: Credits, *, has_moved: bool = False) -> Step:
        """Return what moved between two readings, and choose the counter to go by.

        Args:
            start: The reading at which the row began.
            earlier: One reading since then.
            later: The next.
            has_moved: Whether the key's counter has moved in the row before.
        """
        delta = CreditsDelta.between(earlier, later)
        self._used_moves = self._used_moves or delta.token > 0
        # A limit that is lowered takes nothing from the account.
        falls = NOTHING < delta.token_drop <= delta.user_drop
        is_still = not delta.token and _is_limited(earlier, later) and falls
        self.by_remaining = not self._used_moves and (self.by_remaining or is_still)
        key = self.key_step(earlier, later)
        unlimited = earlier.token.unlimited and later.token.unlimited
        self.frozen = unlimited and not key and (self.frozen or not has_moved)
        return Step(key, account_step(start, earlier, later))

    def key_step(self, earlier: Credits, later: Credits) -> Decimal:
        """Return what the key spent between two readings, whatever else changed its counters.

        Args:
            earlier: One reading.
            later: The next.

        Returns:
            Credits; negative for a settlement for less or a refund, which the balance shows as well.
        """
        step, limited = CreditsDelta.between(earlier, later), _is_limited(earlier, later)
        if self.by_remaining and limited:
            moved = min(abs(step.token_drop), abs(step.user_drop)) == abs(step.token_drop)
            return step.token_drop if moved and step.token_drop * step.user_drop > 0 else NOTHING
        # What a counter loses by being reset, no balance gets back.
        dropped = step.token_drop if limited else step.user_drop
        is_reset = min(difference(dropped, step.token), difference(step.user_drop, step.token)) > 0
        return dropped if step.token < 0 and is_reset else step.token

    def view(self, reading: Credits) -> Credits:
        """Return a reading whose used credits are those that tell what the key spends.

        Args:
            reading: The reading.
        """
        if not self.by_remaining or reading.token.unlimited:
            return reading
        return replace(reading, token=replace(reading.token, used=-reading.token.remaining))


def account_step(start: Credits, earlier: Credits, later: Credits) -> Decimal:
    """Return what the account spent or reserved between two readings.

    Args:
        start: The reading at which its row began.
        earlier: One reading since then.
        later: The next.
    """
    before, after = (CreditsDelta.between(start, each) for each in (earlier, later))
    return difference(max(after.user, after.user_drop), max(before.user, before.user_drop))


def _is_limited(earlier: Credits, later: Credits) -> bool:
    return not earlier.token.unlimited and not later.token.unlimited
