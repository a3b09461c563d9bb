"""One reading of the balance, and the arithmetic of amounts. Values only.

Amounts are credits, as exact ``Decimal`` numbers: 1095.3996 - 1094.0396 is 1.36 here and
1.3599999999998 in floats. Field meanings: EvoLink's API page "Get Credits Usage".

Add, subtract and compare amounts with the functions below, never with operators: operators use the ambient
decimal context, whose precision, rounding and traps belong to the notebook's author.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import (
    ROUND_DOWN,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)
from functools import reduce
from typing import Any, Literal, NoReturn

# A number far outside these bounds is not a balance, and printing it in full would exhaust memory.
MAX_EXPONENT = 30
MAX_DIGITS = 60
# Tiny numbers are allowed: a gateway that computes in doubles leaves dust like 2.7755575615628914e-17.
MAX_DECIMALS = 400

DUST = Decimal("0.000001")
"""Credits below which two amounts count as equal.

A gateway that computes in doubles reports 135.90479999999999 in one counter and 135.9048 in another. Balances
have at most 4 decimals, and such errors are far below a hundredth of the last one.
"""

# Exact for every amount a reading may hold, and for sums of many.
_EXACT = Context(
    prec=1_000, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow], flags=[]
)
_MEAN = Context(prec=28, rounding=ROUND_HALF_EVEN, traps=_EXACT.traps, flags=[])
_DOWN = Context(prec=1_000, rounding=ROUND_DOWN, traps=_EXACT.traps, flags=[])


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum of amounts.

    Args:
        amounts: Credits.

    Returns:
        Credits; 0 if there are none.
    """
    return _trimmed(reduce(_EXACT.add, amounts, Decimal(0)))


def difference(minuend: Decimal, subtrahend: Decimal) -> Decimal:
    """Return the exact difference of two amounts, or 0 where they differ by no more than `DUST`.

    Args:
        minuend: Credits.
        subtrahend: Credits.

    Returns:
        Credits; its sign compares the two amounts.
    """
    exact = _EXACT.subtract(minuend, subtrahend)
    return Decimal(0) if exact and exact.copy_abs() <= DUST else _trimmed(exact)


def _trimmed(amount: Decimal) -> Decimal:
    """Return an amount without trailing zeros: 3 instead of the 3.0000 that subtracting balances gives."""
    trimmed = _EXACT.normalize(amount)
    exponent = trimmed.as_tuple().exponent
    return _EXACT.quantize(trimmed, Decimal(1)) if isinstance(exponent, int) and exponent > 0 else trimmed


def mean(amount: Decimal, count: int) -> Decimal:
    """Return an amount divided into equal shares.

    Args:
        amount: Credits.
        count: The number of shares; at least 1.

    Returns:
        Credits, to 28 digits.
    """
    return _MEAN.divide(amount, Decimal(count))


def portion(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """Return the share of an amount that corresponds to a part of a whole, rounded down.

    Args:
        amount: Credits, at least 0.
        part: At least 0.
        whole: More than 0, and at least ``part``.

    Returns:
        Credits, to 4 decimals, as balances have them.
    """
    exact = _MEAN.divide(_EXACT.multiply(amount, part), whole)
    return _trimmed(_DOWN.quantize(exact, Decimal("0.0001")))


def product(amount: Decimal, count: Decimal | int) -> Decimal:
    """Return an amount multiplied by a count, exactly."""
    return _EXACT.multiply(amount, Decimal(count))


def times_covered(amount: Decimal, price: Decimal) -> int:
    """Return how many times an amount covers a price.

    Args:
        amount: Credits; negative when overdrawn.
        price: Credits, more than 0.

    Returns:
        A whole number; 0 when overdrawn.
    """
    return max(int(_EXACT.divide_int(amount, price)), 0)


@dataclass(frozen=True, slots=True)
class TokenCredits:
    """What one API key (the API's "token") has left to spend and has spent, in credits.

    When ``unlimited``, the key has no limit of its own and ``remaining`` means nothing: gateways of this
    family return 0, a frozen number or a sentinel there.
    """

    remaining: Decimal
    used: Decimal
    unlimited: bool

    @property
    def total(self) -> Decimal:
        """Everything the key was granted: remaining plus used."""
        return total((self.remaining, self.used))


@dataclass(frozen=True, slots=True)
class UserCredits:
    """What the account (the API's "user") has left and has spent, in credits."""

    remaining: Decimal
    used: Decimal

    @property
    def total(self) -> Decimal:
        """Everything the account was granted: remaining plus used."""
        return total((self.remaining, self.used))


@dataclass(frozen=True, slots=True)
class Credits:
    """One reading: what the key and the account have left and have used, and when it was taken.

    Attributes:
        token: The key's half.
        user: The account's half.
        read_at: When it was read, as an aware datetime. For display only: the wall clock may be set.
        simulated: Whether it comes from the demo account.
        requested_at: When it was requested, in monotonic seconds. Spending after that isn't included.
        monotonic: When it was read, in monotonic seconds. Ages and order are computed from this.
    """

    token: TokenCredits
    user: UserCredits
    read_at: datetime
    simulated: bool = False
    requested_at: float = field(default=0.0, compare=False)
    monotonic: float = field(default=0.0, compare=False)

    @property
    def binding(self) -> Literal["token", "user"]:
        """Which half limits spending: "token" if the key would run out first, else "user"."""
        if self.token.unlimited or self.user.remaining <= self.token.remaining:
            return "user"
        return "token"

    @property
    def spendable(self) -> Decimal:
        """Credits that can actually be spent with this key now; negative when overdrawn."""
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
        """Return the reading in a parsed ``GET /v1/credits`` response with ``Decimal`` numbers.

        Fields the API does not document are ignored.

        Args:
            answer: The response as `parse_json` returns it.
            read_at: When it arrived, by the wall clock.
            simulated: Whether it comes from the demo account.
            requested_at: When it was requested, in monotonic seconds.
            monotonic: When it arrived, in monotonic seconds.

        Raises:
            ValueError: A field is missing or has the wrong type; the message names it.
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

    def __str__(self) -> str:
        token = "no limit of its own" if self.token.unlimited else _readable(self.token.remaining)
        left = _readable(self.spendable.copy_abs())
        unit = "credit" if left == "1" else "credits"
        said = f"overdrawn by {left} {unit}" if self.spendable < 0 else f"{left} {unit} left"
        demo = "demo data, " if self.simulated else ""
        return (
            f"{said} · account {_readable(self.user.remaining)} · API key {token} "
            f"({demo}read {self.read_at.astimezone():%Y-%m-%d %H:%M:%S %Z})"
        )

    def _repr_html_(self) -> str:
        """Return a small table for notebooks that don't show the extension's card, such as marimo."""
        token = "no limit of its own" if self.token.unlimited else f"{_readable(self.token.remaining)} left"
        halves = (
            ("Account", f"{_readable(self.user.remaining)} left", self.user.used, "user"),
            ("API key", token, self.token.used, "token"),
        )
        rows = "".join(
            f'<tr><th scope="row" style="text-align: left">{name}</th>'
            f'<td style="text-align: right; font-weight: {600 if half == self.binding else 400}">{left}</td>'
            f'<td style="text-align: right">{_readable(used)} used</td></tr>'
            for name, left, used, half in halves
        )
        title = f"EvoLink credits{' (demo data)' if self.simulated else ''}"
        read_at = f"read {self.read_at.astimezone():%Y-%m-%d %H:%M:%S %Z}"
        return (
            '<table style="width: auto; font-variant-numeric: tabular-nums">'
            f'<caption style="text-align: left">{title} · {read_at}</caption><tbody>{rows}</tbody></table>'
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the reading with the API's own shape and field names, plus our derived fields.

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
        """Return `to_dict` as JSON text, with every digit of every amount."""
        # json can't write a Decimal as a number, and a float may not hold it: the digits go in as marked
        # strings whose quotes are then removed. No other value can contain the marker.
        marked = json.dumps(self.to_dict(), default=lambda amount: f"\0{amount:f}\0", indent=2)
        return re.sub(r'"\\u0000(.*?)\\u0000"', r"\1", marked)


@dataclass(frozen=True, slots=True)
class CreditsDelta:
    """The difference between two readings, in credits.

    ``token`` and ``user`` are the increases of the used counters, ``token_drop`` and ``user_drop`` the
    decreases of the remaining credits; each may be negative. A call that has reserved but not settled shows
    in all of them except ``user``.
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
        """What the account spent through other keys; negative while this key's calls are unsettled."""
        return difference(self.user, self.token)

    @property
    def topped_up(self) -> Decimal:
        """What was added to the account; negative while calls are unsettled."""
        return difference(self.user, self.user_drop)


def parse_json(text: str) -> Any:
    """Return the JSON value in ``text`` with every number as an exact ``Decimal``.

    Raises ``ValueError`` for anything that isn't JSON, including NaN and Infinity, and for absurd exponents.
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


def _readable(amount: Decimal) -> str:
    """Return an amount with thousands separators, as the shorter number if one is within `DUST`."""
    short = _trimmed(_EXACT.quantize(amount, DUST))
    return f"{short if difference(short, amount) == 0 else amount:,f}"


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
