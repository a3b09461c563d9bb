"""The counters of an account and its keys, and the credits held for unsettled calls.

All amounts are credits, exact to four decimals. Plain objects only: no clock, no lock, no randomness.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext
from typing import Any

MAX_BALANCE = Decimal(10) ** 10
"""The largest balance that survives a JSON reader's double with all four decimals."""

EXACT = Context(prec=28, traps=[DivisionByZero, InvalidOperation, Overflow])
"""The context for all amounts: a notebook's own may round to three digits, or trap inexact results."""

_FOUR_PLACES = Decimal("0.0001")

Amount = Decimal | int | float | str


class OutOfCreditsError(Exception):
    """Nothing is left to spend, so the call is refused."""


def exact(amount: Amount) -> Decimal:
    """Return an amount of credits with four decimals.

    Raises:
        ValueError: It is not a finite number, or too large for a balance.
    """
    with localcontext(EXACT):
        try:
            value = Decimal(str(amount))
        except ArithmeticError:
            raise ValueError(f"not an amount of credits: {amount!r}") from None
        if not value.is_finite() or not -MAX_BALANCE <= value <= MAX_BALANCE:
            raise ValueError(f"not an amount of credits: {amount!r}")
        return value.quantize(_FOUR_PLACES)


def positive(amount: Amount) -> Decimal:
    """Return an amount of credits with four decimals.

    Raises:
        ValueError: It is not a finite number above 0, or too large for a balance.
    """
    value = exact(amount)
    if value <= 0:
        raise ValueError(f"an amount of credits must be positive, not {amount!r}")
    return value


@dataclass
class ApiKey:
    """One key of the account, with its own counters, in credits."""

    name: str
    remaining: Decimal
    used: Decimal
    unlimited: bool = False
    frozen: bool = False

    def spend(self, amount: Decimal) -> None:
        """Move credits from remaining to used; a negative amount moves them back."""
        if not self.frozen:
            self.remaining -= amount
            self.used += amount


@dataclass
class Reservation:
    """Credits held for one call until it settles at its final cost.

    Attributes:
        name: Identifies the call.
        key: The name of the key that pays.
        amount: The credits held.
        cost: Its final cost in credits; only the account knows it before it settles.
        settles_at: When it settles, in seconds of the account's clock.
        settled: Whether it has settled.
    """

    name: str
    key: str
    amount: Decimal
    cost: Decimal
    settles_at: float
    settled: bool = False


class Balances:
    """What an account and each of its keys have left and have used, and the credits held for calls.

    Its methods compute in the current decimal context; callers enter `EXACT` first.

    Attributes:
        remaining: The credits the account has left.
        used: The credits the account has spent on settled calls.
        keys: The keys by name.
        reservations: All reservations ever made, by name, in the order of the calls.
        settled: The settled reservations, in the order they settled.
    """

    def __init__(self, remaining: Decimal, used: Decimal, *, overdraft: bool) -> None:
        self.remaining = remaining
        self.used = used
        self.keys: dict[str, ApiKey] = {}
        self.reservations: dict[str, Reservation] = {}
        self.settled: list[Reservation] = []
        self._overdraft = overdraft
        self._waiting: list[tuple[float, int, Reservation]] = []

    @property
    def outstanding(self) -> Decimal:
        """The credits held for calls that have not settled yet."""
        return sum((held.amount for _, _, held in self._waiting), Decimal(0))

    def seen_by(self, key: str) -> dict[str, dict[str, Any]]:
        """Return the balance as one key sees it: the API's fields, with Decimal credits.

        Raises:
            KeyError: The account has no key with that name.
        """
        token = self.keys[key]
        return {
            "token": {
                "remaining_credits": token.remaining,
                "used_credits": token.used,
                "unlimited_credits": token.unlimited,
            },
            "user": {"remaining_credits": self.remaining, "used_credits": self.used},
        }

    def spendable(self, key: str) -> Decimal:
        """Return the credits a key can still spend: the smaller of its own limit and the account's balance.

        Raises:
            KeyError: The account has no key with that name.
        """
        token = self.keys[key]
        return self.remaining if token.unlimited else min(self.remaining, token.remaining)

    def top_up(self, amount: Decimal, key: str | None) -> None:
        """Add credits to the account, and to the limit of a key if one is named.

        Args:
            amount: Credits.
            key: The name of one of the account's keys.

        Raises:
            ValueError: The balance would exceed what a double can represent.
            KeyError: The account has no key with that name.
        """
        token = None if key is None else self.keys[key]
        if max(self.remaining, token.remaining if token else self.remaining) + amount > MAX_BALANCE:
            raise ValueError(f"the balance cannot grow beyond {MAX_BALANCE:,} credits")
        self.remaining += amount
        if token is not None and not token.frozen:
            token.remaining += amount

    def hold(self, reservation: Reservation) -> None:
        """Hold the credits for a call.

        Raises:
            OutOfCreditsError: Too little is left for it.
            ValueError: Its cost is below 0, or above what it reserves.
            KeyError: The account has no key with that name.
        """
        amount, cost = reservation.amount, reservation.cost
        left = self.spendable(reservation.key)
        if left <= 0 or (amount > left and not self._overdraft):
            raise OutOfCreditsError(f"{amount} credits asked for, {left} left")
        if not 0 <= cost <= amount:
            raise ValueError(f"a call that reserves {amount} credits cannot settle at {cost}")
        self.remaining -= amount
        self.keys[reservation.key].spend(amount)
        # Of two calls due at the same time, the earlier one settles first.
        heapq.heappush(self._waiting, (reservation.settles_at, len(self.reservations), reservation))
        self.reservations[reservation.name] = reservation

    def settle(self, now: float) -> None:
        """Settle every call due by a time of the account's clock, in seconds."""
        while self._waiting and self._waiting[0][0] <= now:
            held = heapq.heappop(self._waiting)[2]
            refund = held.amount - held.cost
            self.remaining += refund
            self.used += held.cost
            self.keys[held.key].spend(-refund)
            held.settled = True
            self.settled.append(held)

    def true_cost(self, key: str | None) -> Decimal:
        """Return the final cost of all calls (of one key, or of all) in credits, settled or not."""
        costs = (held.cost for held in self.reservations.values() if key in (None, held.key))
        return sum(costs, Decimal(0))
