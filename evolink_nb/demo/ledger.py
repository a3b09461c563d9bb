"""What an account's books are made of: exact amounts, the counters of a key, credits held for a call."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

LARGEST_BALANCE = Decimal(10) ** 10
"""Up to here a balance with four decimals survives the way through a JSON reader's double."""

_FOUR_PLACES = Decimal("0.0001")

Amount = Decimal | int | float | str


class OutOfCreditsError(Exception):
    """Nothing is left to spend, so the call is refused."""


def exact(amount: Amount) -> Decimal:
    """Give an amount of credits with four decimals.

    Raises ValueError if it is not a finite number.
    """
    try:
        value = Decimal(str(amount))
    except ArithmeticError:
        raise ValueError(f"not an amount of credits: {amount!r}") from None
    if not value.is_finite() or not -LARGEST_BALANCE <= value <= LARGEST_BALANCE:
        raise ValueError(f"not an amount of credits: {amount!r}")
    return value.quantize(_FOUR_PLACES)


def positive(amount: Amount) -> Decimal:
    """Give an amount of credits with four decimals.

    Raises ValueError if it is not a finite number above 0.
    """
    value = exact(amount)
    if value <= 0:
        raise ValueError(f"an amount of credits must be positive, not {amount!r}")
    return value


@dataclass
class ApiKey:
    """One key of the account, with counters of its own, in credits."""

    name: str
    remaining: Decimal
    used: Decimal
    unlimited: bool = False
    frozen: bool = False

    def spend(self, amount: Decimal) -> None:
        """Move credits from what remains to what is used; a negative amount gives them back."""
        if not self.frozen:
            self.remaining -= amount
            self.used += amount


@dataclass
class Reservation:
    """Credits held for one call until it settles at its final cost.

    ``cost`` is what the call comes to in the end; no one outside the account knows it before ``settles_at``
    (in the clock's seconds).
    """

    name: str
    key: str
    amount: Decimal
    cost: Decimal
    settles_at: float
    settled: bool = False
