"""What one reading of the balance says, and the arithmetic of amounts. Values only.

Amounts are credits, as exact ``Decimal``s: 1095.3996 - 1094.0396 is 1.36 here and
1.3599999999998 in floats. Field meanings: EvoLink's API page "Get Credits Usage".

Sums, differences and comparisons of amounts go through the functions below, never through operators: those
use the ambient decimal context, whose precision, rounding and traps belong to the notebook's author.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)
from functools import reduce
from typing import Any, Literal, NoReturn

# A number far outside these bounds is not a balance, and writing one out in full would fill the memory.
MAX_EXPONENT = 30
MAX_DIGITS = 60
# Small ones are: a gateway that computes in doubles leaves dust like 2.7755575615628914e-17.
MAX_DECIMALS = 400

DUST = Decimal("0.000001")
"""Credits below which two amounts count as equal.

A gateway that computes in doubles answers 135.90479999999999 in one counter and 135.9048 in another. Balances
have at most 4 decimals, and those errors lie far below a hundredth of the last of them.
"""

# Every amount that a reading may hold is exact in this, and so is the sum of many.
_EXACT = Context(
    prec=1_000, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow], flags=[]
)
_MEAN = Context(prec=28, rounding=ROUND_HALF_EVEN, traps=_EXACT.traps, flags=[])


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum of amounts.

    Args:
        amounts: Credits.

    Returns:
        Credits; 0 for no amounts.
    """
    return reduce(_EXACT.add, amounts, Decimal(0))


def difference(minuend: Decimal, subtrahend: Decimal) -> Decimal:
    """Return the exact difference of two amounts, 0 where they are equal but for `DUST`.

    Args:
        minuend: Credits.
        subtrahend: Credits.

    Returns:
        Credits; its sign compares the two amounts.
    """
    exact = _EXACT.subtract(minuend, subtrahend)
    return Decimal(0) if exact and exact.copy_abs() <= DUST else exact


def negated(amount: Decimal) -> Decimal:
    """Return an amount with the other sign, exactly."""
    return amount.copy_negate() if amount else amount


def mean(amount: Decimal, count: int) -> Decimal:
    """Return the equal share of an amount.

    Args:
        amount: Credits.
        count: By how many it is divided; at least 1.

    Returns:
        Credits, to 28 digits.
    """
    return _MEAN.divide(amount, Decimal(count))


def product(amount: Decimal, count: Decimal | int) -> Decimal:
    """Return an amount taken so many times, exactly."""
    return _EXACT.multiply(amount, Decimal(count))


def times_covered(amount: Decimal, price: Decimal) -> int:
    """Return how many times an amount pays a price.

    Args:
        amount: Credits; negative when overdrawn.
        price: Credits, more than 0.

    Returns:
        A whole number, 0 when overdrawn.
    """
    return max(int(_EXACT.divide_int(amount, price)), 0)


@dataclass(frozen=True, slots=True)
class TokenCredits:
    """What one API key (the API's "token") may still spend and has spent, in credits.

    When ``unlimited`` the key has no limit of its own and ``remaining`` means nothing:
    gateways of this family answer 0, a frozen number or a sentinel there.
    """

    remaining: Decimal
    used: Decimal
    unlimited: bool

    @property
    def total(self) -> Decimal:
        """What the key was given in all: what is left and what was used."""
        return total((self.remaining, self.used))


@dataclass(frozen=True, slots=True)
class UserCredits:
    """What the account (the API's "user") still holds and has spent, in credits."""

    remaining: Decimal
    used: Decimal

    @property
    def total(self) -> Decimal:
        """What the account was given in all: what is left and what was used."""
        return total((self.remaining, self.used))


@dataclass(frozen=True, slots=True)
class Credits:
    """One reading: what the key and the account have left and have used, and when it was read.

    Attributes:
        token: The key's half.
        user: The account's half.
        read_at: When it was read, as an aware datetime. For showing only: that clock may be set.
        simulated: Whether the demo account answered.
        requested_at: When it was asked for, in seconds of the monotonic clock: later spending is not in it.
        monotonic: When it was read, in seconds of the monotonic clock. Ages and orders come from here.
    """

    token: TokenCredits
    user: UserCredits
    read_at: datetime
    simulated: bool = False
    requested_at: float = field(default=0.0, compare=False)
    monotonic: float = field(default=0.0, compare=False)

    @property
    def binding(self) -> Literal["token", "user"]:
        """Which half limits spending: "token" when the key would run out first, else "user"."""
        if self.token.unlimited or self.user.remaining <= self.token.remaining:
            return "user"
        return "token"

    @property
    def spendable(self) -> Decimal:
        """Credits that can really be spent with this key now; negative when overdrawn."""
        return self.token.remaining if self.binding == "token" else self.user.remaining

    @classmethod
    def from_dict(
        cls,
        answer: object,
        *,
        read_at: datetime,
        simulated: bool = False,
        requested_at: float = 0.0,
        monotonic: float = 0.0,
    ) -> Credits:
        """Return the reading in a parsed answer of ``GET /v1/credits``, its numbers parsed as ``Decimal``.

        Fields the API does not document are ignored.

        Args:
            answer: The answer as `parse_json` returns it.
            read_at: When it came, by the wall clock.
            simulated: Whether the demo account answered.
            requested_at: When it was asked for, in seconds of the monotonic clock.
            monotonic: When it came, in seconds of the monotonic clock.

        Raises:
            ValueError: A field is missing or of another type; the message names it.
        """
        token = _object(answer, "data", "token")
        user = _object(answer, "data", "user")
        unlimited = token.get("unlimited_credits")
        if not isinstance(unlimited, bool):
            _refuse("data.token.unlimited_credits", unlimited, "true or false")
        return cls(
            token=TokenCredits(
                remaining=_amount(token, "data.token.remaining_credits"),
                used=_amount(token, "data.token.used_credits"),
                unlimited=unlimited,
            ),
            user=UserCredits(
                remaining=_amount(user, "data.user.remaining_credits"),
                used=_amount(user, "data.user.used_credits"),
            ),
            read_at=read_at,
            simulated=simulated,
            requested_at=requested_at,
            monotonic=monotonic,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the reading in the API's own shape and field names, and beside it what follows from it.

        Amounts are ``Decimal``; ``read_at`` is ISO 8601.
        """
        return {
            "data": {
                "token": {
                    "remaining_credits": self.token.remaining,
                    "used_credits": self.token.used,
                    "unlimited_credits": self.token.unlimited,
                },
                "user": {"remaining_credits": self.user.remaining, "used_credits": self.user.used},
            },
            "message": "",
            "success": True,
            "spendable": self.spendable,
            "binding": self.binding,
            "read_at": self.read_at.isoformat(),
            "simulated": self.simulated,
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON text with every amount to its last digit."""
        # json can't write a Decimal as a number, and a float may not hold it: the digits go in
        # marked as text and lose the quotes afterwards. No other value can hold the marker.
        marked = json.dumps(self.to_dict(), default=lambda amount: f"\0{amount:f}\0", indent=2)
        return re.sub(r'"\\u0000(.*?)\\u0000"', r"\1", marked)


@dataclass(frozen=True, slots=True)
class CreditsDelta:
    """The difference of two readings, in credits.

    ``token`` and ``user`` are what the counters of used credits rose by, ``token_drop`` and ``user_drop``
    what the remaining credits fell by; each may be negative. A call that has reserved but not settled shows
    in all but ``user``.
    """

    token: Decimal
    user: Decimal
    token_drop: Decimal
    user_drop: Decimal

    @classmethod
    def between(cls, earlier: Credits, later: Credits) -> CreditsDelta:
        """Return what changed from one reading to the next."""
        return cls(
            token=difference(later.token.used, earlier.token.used),
            user=difference(later.user.used, earlier.user.used),
            token_drop=difference(earlier.token.remaining, later.token.remaining),
            user_drop=difference(earlier.user.remaining, later.user.remaining),
        )

    @property
    def others(self) -> Decimal:
        """What the account spent beyond this key; negative while the key's calls are unsettled."""
        return difference(self.user, self.token)

    @property
    def topped_up(self) -> Decimal:
        """What came onto the account; negative while calls are unsettled."""
        return difference(self.user, self.user_drop)


def parse_json(text: str) -> Any:
    """Return the JSON value in ``text`` with every number as an exact ``Decimal``.

    Raises ``ValueError`` for what is not JSON, NaN and Infinity included, and for numbers beyond any use.
    """

    def refuse(name: str) -> NoReturn:
        raise ValueError(f"{name} is not a number JSON knows")

    try:
        return json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=refuse)
    except RecursionError:
        problem = "nested too deeply"
    except InvalidOperation:
        problem = "a number's exponent is out of all bounds"
    raise ValueError(problem)


def _object(answer: object, *path: str) -> Mapping[str, Any]:
    value = answer
    for depth, name in enumerate(path, 1):
        value = value.get(name) if isinstance(value, Mapping) else None
        if not isinstance(value, Mapping):
            _refuse(".".join(path[:depth]), value, "an object")
    assert isinstance(value, Mapping)  # for mypy: every path has at least one step  # noqa: S101
    return value


def _amount(half: Mapping[str, Any], field: str) -> Decimal:
    value = half.get(field.rpartition(".")[2])
    if not isinstance(value, Decimal) or not value.is_finite():
        _refuse(field, value, "a number")
    digits, exponent = value.as_tuple()[1:]
    assert isinstance(exponent, int)  # for mypy: only NaN and Infinity have another  # noqa: S101
    if value.adjusted() > MAX_EXPONENT or exponent < -MAX_DECIMALS or len(digits) > MAX_DIGITS:
        raise ValueError(f"{field} is not a plausible number of credits")
    return value


def _refuse(field: str, value: object, wanted: str) -> NoReturn:
    found = "missing" if value is None else f"of type {type(value).__name__}"
    raise ValueError(f"{field} is {found}, not {wanted}")
