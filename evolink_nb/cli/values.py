"""What an option of `evolink-nb` accepts."""

from __future__ import annotations

from argparse import ArgumentTypeError
from decimal import Decimal, InvalidOperation
from importlib import import_module
from typing import Any

PERIODS = ("day", "week", "month")
_MAX_PORT = 65_535
_MAX_DIGITS = 6
"""Of a number of days: thousands of years are enough."""


def credits(text: str) -> Decimal:
    """Return a number of credits.

    Args:
        text: The text typed.

    Returns:
        Credits.

    Raises:
        ArgumentTypeError: It is none.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise ArgumentTypeError(f"{text!r} is not a number of credits")
    return amount


def seconds(text: str) -> float:
    """Return a number of seconds, at least 1.

    Args:
        text: The text typed.

    Returns:
        Seconds.

    Raises:
        ArgumentTypeError: It is none.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number of seconds, at least 1")
    return seconds


def days(text: str) -> int:
    """Return a number of days, 0 for ever.

    Args:
        text: The text typed.

    Returns:
        Days.

    Raises:
        ArgumentTypeError: It is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise ArgumentTypeError(f"{text!r} is not a number of days, or 0 for ever")
    return int(text)


def limit(text: str) -> Any:
    """Return a limit: credits, or a runway.

    Args:
        text: The text typed.

    Returns:
        The `Threshold`.

    Raises:
        ArgumentTypeError: It is none.
    """
    # Imported when it is used: --help needs none of it.
    threshold = import_module("evolink_nb.card.alarms").Threshold
    try:
        return threshold.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def budget(text: str) -> tuple[Decimal, str]:
    """Return a budget for each period.

    Args:
        text: The text typed.

    Returns:
        Credits, and "day", "week" or "month".

    Raises:
        ArgumentTypeError: It is none.
    """
    amount, _, per = text.replace(" ", "").partition("/")
    if per not in PERIODS:
        raise ArgumentTypeError(f"{text!r} is not a budget: write 50/day, 200/week or 600/month")
    return credits(amount), per


def port(text: str) -> int:
    """Return a port.

    Args:
        text: The text typed.

    Returns:
        Its number.

    Raises:
        ArgumentTypeError: It is none.
    """
    if not text.isdecimal() or int(text) > _MAX_PORT:
        raise ArgumentTypeError(f"{text!r} is not a port")
    return int(text)
