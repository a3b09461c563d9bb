"""Numbers and times as people read them; what ``static/card.js`` has too, a test compares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal

MINUS = "\N{MINUS SIGN}"
INFINITY = "\N{INFINITY}"


def format_amount(amount: Decimal) -> str:
    """Give credits with their thousands separated, at most 4 decimals and no trailing zero.

    An amount too small for that is not shown as nothing: "<0.0001".
    """
    # The usual 28 digits don't hold the sentinels of unlimited keys with 4 decimals.
    digits = Context(prec=max(amount.adjusted(), 0) + 6)
    shown = amount.quantize(Decimal("0.0001"), ROUND_HALF_UP, digits)
    sign = MINUS if amount < 0 else ""
    if shown == 0 and amount != 0:
        return f"{'>' if sign else '<'}{sign}0.0001"
    return sign + plain_amount(shown.copy_abs(), separator=",")


def plain_amount(amount: Decimal, separator: str = "") -> str:
    """Give a number to its last digit, without an exponent or trailing zeros."""
    text = f"{amount:{separator}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def counted(figure: str, unit: str) -> str:
    """Give a figure with its unit, in the plural unless it is one: "1 credit", "2.5 credits"."""
    return f"{figure} {unit}{'' if figure == '1' else 's'}"


def in_credits(amount: Decimal) -> str:
    """Give an amount with its unit: "1,095.3996 credits"."""
    return counted(format_amount(amount), "credit")


def format_time(seconds: float) -> str:
    """Give a time in one or two units: "12 s", "2 min", "1 h 28 min", "3 d 4 h"."""
    whole = max(int(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 1440:
        large, rest, small = f"{minutes // 60} h", minutes % 60, "min"
    else:
        large, rest, small = f"{minutes // 1440} d", minutes % 1440 // 60, "h"
    return f"{large} {rest} {small}" if rest else large


def format_rate(rate: float) -> str:
    """Give a burn rate of ``rate`` credits a second in the unit that reads best: "12.4 / min" or "3 / h"."""
    amount, unit = (rate * 60, "min") if rate * 60 >= 1 else (rate * 3600, "h")
    places = 2 - math.floor(math.log10(amount))
    figures = Decimal(str(amount)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return f"{plain_amount(figures, separator=',')} / {unit}"


def sparkline(points: Sequence[tuple[float, float]]) -> str:
    """Give the SVG path of ``points`` (milliseconds, credits) in a box of 100 by 40, "" for under two."""
    if len(points) < 2:
        return ""
    start = points[0][0]
    width = points[-1][0] - start or 1
    low = min(amount for _, amount in points)
    height = max(amount for _, amount in points) - low
    spots = (
        ((time - start) / width * 100, 36 - (amount - low) / height * 32 if height else 20)
        for time, amount in points
    )
    return "M" + "L".join(f"{_tenths(x)} {_tenths(y)}" for x, y in spots)


def _tenths(value: float) -> Decimal:
    # As the browser's toFixed(1) rounds, which Python's ".1f" doesn't: 6.25 is 6.3.
    return Decimal(value).quantize(Decimal("0.1"), ROUND_HALF_UP)
