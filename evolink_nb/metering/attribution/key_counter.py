"""Which of an account's counters shows what a key spends: the obvious one may stand still. Pure.

Normally the key's used credits show it. If they stand still, the remaining credits of a key with a limit do;
for an unlimited key, only what the whole account spends can be seen.
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
        key: According to the key's counter; negative for a settlement for less.
        account: According to the account's, including reservations.
    """

    key: Decimal
    account: Decimal


class KeyCounter:
    """Chooses the counter to use, from one reading to the next.

    Attributes:
        frozen: Whether to use the account's counters, as the key's stands still.
        by_remaining: Whether to use the key's remaining credits.
    """

    def __init__(self) -> None:
        """Start with the key's used credits."""
        self.frozen = False
        self.by_remaining = False
        self._used_moves = False

    def step(self, start: Credits, earlier: Credits, later: Credits, *, has_moved: bool = False) -> Step:
        """Return what moved between two readings, and choose the counter to use.

        Args:
            start: The reading at which the row began.
            earlier: One reading since then.
            later: The next reading.
            has_moved: Whether the key's counter has moved before in the row.
        """
        delta = CreditsDelta.between(earlier, later)
        self._used_moves = self._used_moves or delta.token > 0
        # Lowering a limit takes nothing from the account.
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
            later: The next reading.

        Returns:
            Credits; negative for a settlement for less or a refund, which the balance shows too.
        """
        step, limited = CreditsDelta.between(earlier, later), _is_limited(earlier, later)
        if self.by_remaining and limited:
            moved = min(abs(step.token_drop), abs(step.user_drop)) == abs(step.token_drop)
            return step.token_drop if moved and step.token_drop * step.user_drop > 0 else NOTHING
        # When a counter is reset, no balance rises.
        dropped = step.token_drop if limited else step.user_drop
        is_reset = min(difference(dropped, step.token), difference(step.user_drop, step.token)) > 0
        return dropped if step.token < 0 and is_reset else step.token

    def view(self, reading: Credits) -> Credits:
        """Return a reading whose used credits show what the key spends.

        Args:
            reading: The reading.
        """
        if not self.by_remaining or reading.token.unlimited:
            return reading
        return replace(reading, token=replace(reading.token, used=-reading.token.remaining))


def account_step(start: Credits, earlier: Credits, later: Credits) -> Decimal:
    """Return what the account spent or reserved between two readings.

    Args:
        start: The reading at which the row began.
        earlier: One reading since then.
        later: The next reading.
    """
    before, after = (CreditsDelta.between(start, each) for each in (earlier, later))
    return difference(max(after.user, after.user_drop), max(before.user, before.user_drop))


def _is_limited(earlier: Credits, later: Credits) -> bool:
    return not earlier.token.unlimited and not later.token.unlimited
