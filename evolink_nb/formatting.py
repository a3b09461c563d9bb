"""Formats numbers and durations for users. ``card/card.js`` has the same functions; a test compares them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import TextIO

MINUS = "\N{MINUS SIGN}"
INFINITY = "\N{INFINITY}"
MIN_SCALE = 0.01
"""The smallest change that fills a sparkline's height, as a part of the last amount: less must not look
like a crash."""

_THOUSANDS = re.compile(r"(\d{1,3}(?:,\d{3})+)(?:\.\d+)?", re.ASCII)
_SIZES = ("\N{NO-BREAK SPACE}M", "\N{NO-BREAK SPACE}B", "\N{NO-BREAK SPACE}T")

# Not the ambient context, whose precision and traps are the notebook author's. The precision allows for the
# longest amount a reading may hold: the sentinels of unlimited keys need more than the usual 28 digits.
_ROUNDING = Context(prec=1_000, rounding=ROUND_HALF_UP, traps=[InvalidOperation], flags=[])


def format_amount(amount: Decimal) -> str:
    """Return credits with thousands separators, at most 4 decimals and no trailing zeros.

    Args:
        amount: Credits.

    Returns:
        The text, such as "1,095.3996"; "<0.0001", not "0", for an amount too small for 4 decimals.
    """
    shown = amount.quantize(Decimal("0.0001"), context=_ROUNDING)
    sign = MINUS if amount < 0 else ""
    if shown == 0 and amount != 0:
        return f"{'>' if sign else '<'}{sign}0.0001"
    return sign + plain_amount(shown.copy_abs(), separator=",")


def plain_amount(amount: Decimal, separator: str = "") -> str:
    """Return a number to its last digit, without an exponent or trailing zeros.

    Args:
        amount: Any number.
        separator: The thousands separator: "," or nothing.

    Returns:
        The text, such as "1095.3996".
    """
    text = f"{amount:{separator}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def shorten(text: str) -> str:
    """Return a text with its amount shortened to what a glance needs.

    From 1,000 on, an amount has no decimals; from seven digits on, it has four to six digits and a suffix for
    its size. Nothing is rounded up: at least that much is there.

    Args:
        text: A text with one amount, as `format_amount` writes it.

    Returns:
        The text with the amount shortened: "1,095" for "1,095.3996", "1.217 M" for "1,217,283.9409".
    """
    return _THOUSANDS.sub(lambda found: _shortened(found[1]), text)


def counted(figure: str, unit: str) -> str:
    """Return a figure with its unit, in the plural unless it is 1: "1 credit", "2.5 credits".

    Args:
        figure: A formatted number.
        unit: Its unit in the singular.

    Returns:
        The text.
    """
    return f"{figure} {unit}{'' if figure == '1' else 's'}"


def in_credits(amount: Decimal) -> str:
    """Return an amount with its unit: "1,095.3996 credits"."""
    return counted(format_amount(amount), "credit")


def format_time(seconds: float) -> str:
    """Return a duration in its one or two largest units.

    Args:
        seconds: The duration; a negative one counts as 0.

    Returns:
        The text: "12 s", "2 min", "1 h 28 min", "3 d 4 h".
    """
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
    """Return a burn rate with three significant figures, per minute or per hour.

    Args:
        rate: Credits per second, more than 0.

    Returns:
        The text: "12.4 / min" or "3 / h".
    """
    amount, unit = (rate * 60, "min") if rate * 60 >= 1 else (rate * 3600, "h")
    places = 2 + math.ceil(-math.log10(amount))
    last_figure = Decimal((0, (1,), -places))
    figures = Decimal(str(amount)).quantize(last_figure, context=_ROUNDING)
    return f"{plain_amount(figures, separator=',')} / {unit}"


def print_line(line: str, stream: TextIO | None) -> None:
    """Print a line and its end in one piece, so that no other thread's or process's output gets in between.

    Args:
        line: The line, without its end.
        stream: Where to print it; None, as of a program without a console, prints nothing.
    """
    if stream is not None:
        stream.write(f"{line}\n")
        stream.flush()


def may_style(stream: TextIO | None, environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether a stream can show bold type and colour, and the user wants them.

    Follows the usual convention: ``NO_COLOR`` (https://no-color.org) wins, then ``FORCE_COLOR``, then whether
    the stream is a terminal that isn't "dumb".

    Args:
        stream: Where the text goes.
        environment: The environment's variables.
    """
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    if environment.get("TERM") == "dumb" or stream is None or stream.closed:
        return False
    return stream.isatty()


def sparkline(points: Sequence[tuple[float, float]]) -> str:
    """Return the line through a series of readings as an SVG path in a box of 100 by 40.

    Args:
        points: Pairs of (milliseconds, credits), in chronological order.

    Returns:
        The path's ``d``; "" for fewer than two points.
    """
    if len(points) < 2:
        return ""
    start = points[0][0]
    width = points[-1][0] - start or 1
    amounts = [amount for _, amount in points]
    low, high = min(amounts), max(amounts)
    middle = (low + high) / 2
    scale = max(high - low, abs(amounts[-1]) * MIN_SCALE) or 1
    spots = (
        ((time - start) / width * 100 for time, _ in points),
        (20 - (amount - middle) / scale * 32 for amount in amounts),
    )
    return "M" + "L".join(f"{_tenths(x)} {_tenths(y)}" for x, y in zip(*spots, strict=True))


def _shortened(whole: str) -> str:
    first, second, *rest = whole.split(",")
    if not rest:
        return whole
    size = _SIZES[len(rest) - 1] if len(rest) <= len(_SIZES) else f"e{3 * len(rest) + 3}"
    return f"{first}.{second}{size}"


def _tenths(value: float) -> Decimal:
    # Rounded like the browser's toFixed(1), not like Python's ".1f": 6.25 becomes 6.3.
    return _ROUNDING.create_decimal_from_float(value).quantize(Decimal("0.1"), context=_ROUNDING)
