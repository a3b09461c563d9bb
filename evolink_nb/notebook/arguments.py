"""Parsers for the magics' options: each returns a value, or raises an error that says what to write."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable
from importlib import import_module
from keyword import iskeyword
from typing import TYPE_CHECKING

from traitlets import TraitError

if TYPE_CHECKING:
    from decimal import Decimal

OFF = "off"
"""Typed in place of a limit to remove it."""
PERIODS = ("day", "week", "month")
"""The periods a budget may be set for, instead of the session."""
COST_WAYS = ("cell", "notebook", "key", "user")
WAYS = ("minute", "hour", "day", "week", "month", "cell", "notebook", "key", "user")
"""What a history can be added up by; repeated here so that loading needn't import the history."""


def positive(text: str) -> float:
    """Parse a number above 0.

    Args:
        text: The text typed.

    Returns:
        The number.

    Raises:
        ArgumentTypeError: The text is not such a number.
    """
    number = _number(text)
    if not 0 < number < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number above 0: write 10 or 0.5")
    return number


def seconds(text: str) -> float:
    """Parse a number of seconds.

    Args:
        text: The text typed.

    Returns:
        The seconds, 0 or more.

    Raises:
        ArgumentTypeError: The text is not such a number.
    """
    number = _number(text)
    if not 0 <= number < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number of seconds: write 30 or 0.5")
    return number


def part(text: str) -> float:
    """Parse a fraction of a whole.

    Args:
        text: The text typed.

    Returns:
        The fraction, from 0 to 1.

    Raises:
        ArgumentTypeError: The text is not such a number.
    """
    number = _number(text)
    if not 0 <= number <= 1:
        raise ArgumentTypeError(f"{text!r} is not a number from 0 to 1: write 0.8 for 80 %")
    return number


def credits(text: str) -> Decimal:
    """Parse an exact number of credits.

    Args:
        text: The text typed.

    Returns:
        The credits, more than 0.

    Raises:
        ArgumentTypeError: The text is not such a number.
    """
    # Decimal itself would also accept "1_0", "NaN" and digits of any script.
    plain = text.isascii() and text.replace(".", "", 1).isdigit()
    number = _exact(text if plain else "0")
    if number <= 0:
        raise ArgumentTypeError(f"{text!r} is not a number of credits above 0: write 5 or 0.5")
    return number


def credits_or_off(text: str) -> Decimal | str:
    """Parse an exact number of credits, or "off".

    Args:
        text: The text typed.

    Returns:
        The credits, more than 0, or `OFF`.

    Raises:
        ArgumentTypeError: The text is neither.
    """
    return OFF if text == OFF else credits(text)


def budget_setting(text: str) -> tuple[Decimal, str | None]:
    """Parse a configured budget.

    Args:
        text: Credits, such as "50", or credits for each day, week or month, such as "50/day".

    Returns:
        The credits, more than 0, and their period; None for the session.

    Raises:
        ArgumentTypeError: The text is neither.
    """
    amount, _, per = text.replace(" ", "").partition("/")
    if per not in {"", *PERIODS}:
        raise ArgumentTypeError(f"{text!r} is not a budget: write 50, 50/day, 50/week or 50/month")
    return credits(amount), per or None


def limit(text: str) -> str:
    """Return the text of a limit, after checking that it can be parsed.

    Args:
        text: The text typed.

    Returns:
        The same text.

    Raises:
        ArgumentTypeError: The text is neither a number of credits nor a duration.
    """
    from ..card.alarms import Threshold  # noqa: PLC0415 - loading the extension must not import the card

    try:
        Threshold.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    return text


def name(text: str) -> str:
    """Return the text of a variable name, after checking it.

    Args:
        text: The text typed.

    Returns:
        The same text.

    Raises:
        ArgumentTypeError: The text is not a valid variable name.
    """
    if not text.isidentifier() or iskeyword(text):
        raise ArgumentTypeError(f"{text!r} is not the name of a variable: write cost or cost_2")
    return text


def label(text: str) -> str:
    """Parse the name of a cell.

    Args:
        text: The text typed.

    Returns:
        The name without quotation marks.

    Raises:
        ArgumentTypeError: It is empty, or can't be shown.
    """
    found = unquoted(text).strip()
    if not found or not found.isprintable():
        raise ArgumentTypeError(f"{text!r} is not a name: write train or 'train the judge'")
    return found


def unquoted(text: str) -> str:
    """Parse the name of a file or a budget.

    Args:
        text: The text typed.

    Returns:
        The text without the quotation marks around a name with spaces.
    """
    # IPython splits a line at spaces and keeps the quotation marks.
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def checked_budget(value: str | float) -> str:
    """Return a configured budget as text that `budget_setting` can parse, "" for none.

    Args:
        value: The configured value.

    Raises:
        TraitError: It is not a budget.
    """
    return _checked(value, budget_setting)


def checked_limit(value: str | float) -> str:
    """Return a configured limit as text that `limit` accepts, "" for none.

    Args:
        value: The configured value.

    Raises:
        TraitError: It is not a limit.
    """
    return _checked(value, limit)


class Place(str):
    """Where a history is kept; its ``repr``, printed by ``%config``, hides the user and password."""

    __slots__ = ()

    def __repr__(self) -> str:
        scheme, separator, rest = self.partition("://")
        return repr(f"{scheme}{separator}…@{rest.rpartition('@')[2]}" if "@" in rest else str(self))


def checked_place(text: str) -> str:
    """Return the configured place of the history, "" for the one set by the environment.

    Args:
        text: The configured value.

    Raises:
        TraitError: No history can be kept there.
    """
    if text.strip():
        location = import_module("evolink_nb.history.storage.location")  # only if it is configured
        try:
            location.find_location(text)
        except location.ConfigurationError as error:
            raise TraitError(str(error)) from None
    return Place(text.strip())


def _checked(value: str | float, parse: Callable[[str], object]) -> str:
    """Return a setting's text, "" for none, after checking that it can be parsed."""
    text = _plain(value)
    if text in {"", "0"}:
        return ""
    try:
        parse(text)
    except ArgumentTypeError as error:
        raise TraitError(str(error)) from None
    return text


def _plain(value: str | float) -> str:
    """Return a setting's text; a number is written with all its digits."""
    if isinstance(value, str):
        return value.strip()
    return str(int(value)) if value.is_integer() else format(_exact(repr(value)), "f")


def _exact(text: str) -> Decimal:
    from decimal import Decimal  # noqa: PLC0415 - a fifth of what %load_ext takes, and only options need it

    return Decimal(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
