"""A simulated account whose counters misbehave, and whose true spending is known."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tests.support.readings import reading

if TYPE_CHECKING:
    from evolink_nb.credits import Credits

HUGE = Decimal(1_000_000)


class KeyedAccount:
    """One key of an account, the calls it makes, and everything else that moves its counters.

    Attributes:
        truth: What this key's calls have cost since the start, reservations included.
        reserved: What they would have cost at most: each call's reservation or cost, the larger.
    """

    def __init__(
        self, *, unlimited: bool = False, frozen: bool = False, used: Decimal = Decimal("583.5571")
    ) -> None:
        self.unlimited = unlimited
        self.frozen = frozen
        self.token = self.user = HUGE
        self.token_used = used
        self.user_used = Decimal("135.9048")
        self.truth = self.reserved = Decimal(0)
        self.held: list[tuple[Decimal, Decimal]] = []
        self._reads = 0

    def read(self) -> Credits:
        """Return a reading, a second after the last."""
        self._reads += 1
        return reading(
            self._reads,
            token=self.token,
            token_used=self.token_used,
            unlimited=self.unlimited,
            user=self.user,
            user_used=self.user_used,
        )

    def reserve(self, amount: Decimal, cost: Decimal) -> None:
        """Begin a call that will cost ``cost``."""
        self.held.append((amount, cost))
        self.truth += amount
        self.reserved += max(amount, cost)
        self._move(amount)

    def settle(self, *, failed: bool = False) -> None:
        """Settle the oldest call, at nothing if it ``failed``."""
        if self.held:
            amount, cost = self.held.pop(0)
            cost = Decimal(0) if failed else cost
            self.truth += cost - amount
            self._move(cost - amount)
            self.user_used += cost

    def refund_earlier(self, amount: Decimal, *, shows: bool) -> None:
        """Refund a call made before the start; the account's used credits may not show it."""
        self._move(-amount)
        if shows:
            self.user_used -= amount

    def spend_as_other(self, amount: Decimal) -> None:
        self.user -= amount
        self.user_used += amount

    def top_up(self, amount: Decimal) -> None:
        self.user += amount

    def reset_used(self) -> None:
        # A refund may have brought it below 0 already.
        self.token_used = min(self.token_used, Decimal(0))

    def change_limit(self, amount: Decimal) -> None:
        """Raise the key's limit; lower it if negative."""
        self.token += amount

    def toggle_limit(self) -> None:
        """Set or remove the key's limit."""
        self.unlimited = not self.unlimited
        self.token = HUGE / 2 if self.token == HUGE else HUGE

    def _move(self, amount: Decimal) -> None:
        # A frozen counter is the used one; an unlimited key's remaining credits mean nothing.
        if not self.frozen:
            self.token_used += amount
        if not self.unlimited:
            self.token -= amount
        self.user -= amount
