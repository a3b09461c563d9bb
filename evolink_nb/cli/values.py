"""Parsers for the option values of `evolink-nb`."""

from __future__ import annotations

from argparse import ArgumentTypeError
from decimal import Decimal, InvalidOperation
from importlib import import_module
from typing import Any

PERIODS = ("day", "week", "month")
_MAX_PORT = 65_535
_MAX_DIGITS = 6
"""The most digits that a number of days may have: thousands of years are enough."""


def credits(text: str) -> Decimal:
    """Parse a number of credits.

    Args:
        text: The text typed.

    Returns:
        Credits.

    Raises:
        ArgumentTypeError: The text is not a number.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise ArgumentTypeError(f"{text!r} is not a number of credits")
    return amount


def seconds(text: str) -> float:
    """Parse a number of seconds, at least 1.

    Args:
        text: The text typed.

    Returns:
        Seconds.

    Raises:
        ArgumentTypeError: The text is not such a number.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number of seconds, at least 1")
    return seconds


def days(text: str) -> int:
    """Parse a number of days; 0 means forever.

    Args:
        text: The text typed.

    Returns:
        Days.

    Raises:
        ArgumentTypeError: The text is not a whole number, or too long.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise ArgumentTypeError(f"{text!r} is not a number of days (0 means forever)")
    return int(text)


def limit(text: str) -> Any:
    """Parse a limit: credits or a runway.

    Args:
        text: The text typed.

    Returns:
        The `Threshold`.

    Raises:
        ArgumentTypeError: The text is neither.
    """
    # Imported on use: --help doesn't need it.
    threshold = import_module("evolink_nb.card.alarms").Threshold
    try:
        return threshold.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def budget(text: str) -> tuple[Decimal, str]:
    """Parse a budget for each day, week or month, such as 50/day.

    Args:
        text: The text typed.

    Returns:
        Credits, and "day", "week" or "month".

    Raises:
        ArgumentTypeError: The text is not such a budget.
    """
    amount, _, per = text.replace(" ", "").partition("/")
    if per not in PERIODS:
        raise ArgumentTypeError(f"{text!r} is not a budget: write 50/day, 200/week or 600/month")
    return credits(amount), per


def port(text: str) -> int:
    """Parse a port.

    Args:
        text: The text typed.

    Returns:
        Its number.

    Raises:
        ArgumentTypeError: The text is not a port number.
    """
    if not text.isdecimal() or int(text) > _MAX_PORT:
        raise ArgumentTypeError(f"{text!r} is not a port")
    return int(text)
