"""Amounts as stored in a database: exact integer multiples of a power of ten. Pure.

A balance has at most 4 decimals, so nearly every amount is an integer multiple of 10⁻⁴ credit. Amounts that
need more decimals get a larger scale, shared by all amounts of a row. Amounts that fit 64 bits at no scale
are kept as text, next to rounded integers with 14 correct digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple

from ... import credits

SCALE = 4
"""The usual number of decimals."""
MAX_SCALE = 12
LIMIT = 2**63 // 10_000
"""The largest integer stored: both databases can add up ten thousand of them."""

# Enough digits for every amount that a reading may hold.
_CONTEXT = Context(prec=1_000, rounding=ROUND_HALF_EVEN)


class Packed(NamedTuple):
    """The amounts of one row, as integer multiples of 10 to the power of ``-scale``.

    Attributes:
        integers: One for each amount; None for an unknown amount.
        scale: Their number of decimals.
        exact: The amounts as text if the integers are rounded; None if they are exact.
    """

    integers: tuple[int | None, ...]
    scale: int
    exact: str | None = None


def pack(amounts: Sequence[Decimal | None]) -> Packed:
    """Return amounts as integers of the same scale.

    Args:
        amounts: Credits; None for an unknown amount.

    Returns:
        The integers, which `unpack` turns back into the same amounts.
    """
    decimals = max((_decimals(amount) for amount in amounts if amount is not None), default=0)
    for scale in (max(decimals, SCALE), decimals):
        integers = tuple(_integer(amount, scale) for amount in amounts)
        if scale <= MAX_SCALE and _fit(integers):
            return Packed(integers, scale)
    exact = ",".join("" if amount is None else str(amount) for amount in amounts)
    for scale in range(MAX_SCALE, 0, -1):
        integers = tuple(_integer(amount, scale) for amount in amounts)
        if _fit(integers):
            return Packed(integers, scale, exact)
    rounded = (_integer(amount, 0) for amount in amounts)
    limited = (None if each is None else max(min(each, LIMIT), -LIMIT) for each in rounded)
    return Packed(tuple(limited), 0, exact)


def unpack(packed: Packed) -> tuple[Decimal | None, ...]:
    """Return the amounts that were packed.

    Args:
        packed: What `pack` returned.
    """
    if packed.exact is not None:
        return tuple(Decimal(text) if text else None for text in packed.exact.split(","))
    return tuple(None if each is None else amount(each, packed.scale) for each in packed.integers)


def amount(integer: int, scale: int) -> Decimal:
    """Return one amount.

    Args:
        integer: The amount in units of the scale.
        scale: Its number of decimals.

    Returns:
        Credits.
    """
    return credits.total((Decimal(integer).scaleb(-scale, context=_CONTEXT),))


def _decimals(value: Decimal) -> int:
    exponent = _CONTEXT.normalize(value).as_tuple().exponent
    assert isinstance(exponent, int)  # for mypy: amounts are finite  # noqa: S101
    return max(-exponent, 0)


def _integer(value: Decimal | None, scale: int) -> int | None:
    if value is None:
        return None
    return int(_CONTEXT.to_integral_value(value.scaleb(scale, context=_CONTEXT)))


def _fit(integers: Sequence[int | None]) -> bool:
    return all(each is None or abs(each) <= LIMIT for each in integers)
