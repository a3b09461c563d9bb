"""The content of one half of a card. ``card.js`` has the same logic for live cards; a test compares them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from ..formatting import INFINITY, MINUS, format_amount, plain_amount

if TYPE_CHECKING:
    from ..credits import Credits

Half = Literal["user", "token"]


@dataclass(frozen=True, slots=True)
class Gauge:
    """The texts and the bar for one half of a reading; with no arguments, an empty one.

    Attributes:
        binding: Whether this half limits spending.
        unlimited: Whether it is a key without a limit of its own.
        remaining: Remaining credits, formatted.
        remaining_value: The same as a number of credits; None if there is none.
        unit: The unit of that number.
        total: The credits the half was granted in total, formatted; "" if meaningless.
        used: Used credits, formatted.
        used_value: The same as a number of credits.
        share: Percentage of the bar that is filled, to tenths.
        maximum: The meter's ``aria-valuemax``.
        now: The meter's ``aria-valuenow``, from 0 to ``maximum``.
        spoken: The meter's ``aria-valuetext``.
    """

    binding: bool = False
    unlimited: bool = False
    remaining: str = ""
    remaining_value: Decimal | None = None
    unit: str = ""
    total: str = ""
    used: str = ""
    used_value: Decimal | None = None
    share: str = "0"
    maximum: str = "1"
    now: str = "0"
    spoken: str = "not read yet"

    @classmethod
    def of(cls, credits: Credits | None, half: Half) -> Gauge:
        """Return the gauge of one half.

        Args:
            credits: The reading; None before the first.
            half: The half, "user" or "token".

        Returns:
            The gauge.
        """
        if credits is None:
            # Until it is known which half binds, the account has the larger place.
            return cls(binding=half == "user")
        amounts = credits.user if half == "user" else credits.token
        binding, used = credits.binding == half, format_amount(amounts.used)
        if half == "token" and credits.token.unlimited:
            unit = "no limit of its own"
            return cls(binding, True, INFINITY, None, unit, used=used, used_value=amounts.used, spoken=unit)
        remaining, total = format_amount(amounts.remaining), format_amount(amounts.total)
        unit = "overdrawn" if amounts.remaining < 0 else "credits left"
        return cls(
            binding=binding,
            remaining=remaining,
            remaining_value=amounts.remaining,
            unit=unit,
            total=total,
            used=used,
            used_value=amounts.used,
            share=_share(amounts.remaining, amounts.total),
            maximum=plain_amount(max(amounts.total, amounts.remaining, Decimal(0)) or Decimal(1)),
            now=plain_amount(max(amounts.remaining, Decimal(0))),
            spoken=f"{remaining.replace(MINUS, 'minus ')} of {total} {unit}",
        )


def _share(remaining: Decimal, total: Decimal) -> str:
    """Return the percentage of ``total`` that remains, from 0 to 100, exactly rounded to tenths."""
    if total <= 0:
        return "0"
    share = min(max(Fraction(remaining) / Fraction(total), Fraction(0)), Fraction(1))
    return f"{math.trunc(share * 1000 + Fraction(1, 2)) / 10:g}"
