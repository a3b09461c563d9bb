"""Round numbers for an axis of amounts. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
)

from ...credits import DUST, difference, product
from ...formatting import MINUS, plain_amount

INTERVALS = 4
"""The approximate number of intervals of an axis."""
MAX_DIGITS = 7
"""Digits before the decimal point beyond which an axis counts in millions or more."""
LARGE_UNITS = ((12, "trillion "), (9, "billion "), (6, "million "), (0, ""))
"""Powers of ten that an axis may count in, and their names before a unit."""

_FACTORS = (Decimal(1), Decimal(2), Decimal(5), Decimal(10))
# Not the ambient context, which belongs to the notebook's author.
_EXACT = Context(prec=1_000, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero], flags=[])


@dataclass(frozen=True, slots=True)
class Axis:
    """A range with round ends, and its ticks.

    Attributes:
        low: Its lower end, in credits.
        high: Its upper end, in credits; more than ``low``.
        ticks: Round numbers from ``low`` to ``high``, both included, evenly spaced.
        exponent: The power of ten that its labels count in.
    """

    low: Decimal
    high: Decimal
    ticks: tuple[Decimal, ...]
    exponent: int = 0

    @classmethod
    def over(cls, low: Decimal, high: Decimal, *, intervals: int = INTERVALS) -> Axis:
        """Return the axis for amounts.

        Args:
            low: The smallest amount, in credits.
            high: The largest amount, in credits.
            intervals: The approximate number of intervals.
        """
        if difference(high, low) <= 0:
            # A single amount: the range from 0 to it, or from 0 to 1.
            low, high = min(low, Decimal(0)), max(high, Decimal(0))
            high = high if difference(high, low) > 0 else _EXACT.add(low, Decimal(1))
        step = round_step(difference(high, low), intervals)
        first = _whole(low, step, ROUND_FLOOR)
        last = max(_whole(high, step, ROUND_CEILING), first + 1)
        ticks = tuple(_EXACT.multiply(step, Decimal(number)) for number in range(first, last + 1))
        return cls(ticks[0], ticks[-1], ticks, _exponent(ticks))

    def position(self, amount: Decimal) -> float:
        """Return the position of an amount on the axis: 0 at its lower end, 1 at its upper end."""
        return float(_EXACT.divide(_EXACT.subtract(amount, self.low), _EXACT.subtract(self.high, self.low)))

    def label(self, tick: Decimal) -> str:
        """Return the text of a tick: "1,000,000", or "1" if the axis counts in millions.

        Args:
            tick: One of `ticks`.
        """
        text = plain_amount(tick.copy_abs().scaleb(-self.exponent, _EXACT), separator=",")
        return f"{MINUS if tick < 0 else ''}{text}"

    @property
    def unit(self) -> str:
        """The unit of its labels: "credits", "million credits"."""
        return f"{dict(LARGE_UNITS)[self.exponent]}credits"


def round_step(length: Decimal, intervals: int) -> Decimal:
    """Return a round step that divides a length into about ``intervals`` parts.

    Args:
        length: Credits, more than 0.
        intervals: The most intervals, unless the ends of the axis lie between two ticks.

    Returns:
        Credits: 1, 2 or 5 times a power of 10.
    """
    least = max(_EXACT.divide(length, Decimal(intervals)), DUST)
    power = Decimal(1).scaleb(least.adjusted(), _EXACT)
    return next(
        step for step in (product(power, factor) for factor in _FACTORS) if difference(step, least) >= 0
    )


def _whole(amount: Decimal, step: Decimal, rounding: str) -> int:
    """Return an amount in whole steps."""
    quotient = _EXACT.divide(amount, step)
    nearest = int(quotient.to_integral_value(context=_EXACT))
    # An amount that differs from a tick only by rounding errors is that tick.
    is_tick = difference(amount, _EXACT.multiply(step, Decimal(nearest))) == 0
    return nearest if is_tick else int(quotient.to_integral_value(rounding, _EXACT))


def _exponent(ticks: tuple[Decimal, ...]) -> int:
    digits = max(tick.adjusted() for tick in ticks if tick) + 1
    return next(power for power, _ in LARGE_UNITS if power == 0 or digits > max(power, MAX_DIGITS))
