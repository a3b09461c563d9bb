"""What the options of the magics take. Each returns its value, or raises an error that says what to write."""

from __future__ import annotations

from argparse import ArgumentTypeError
from decimal import Decimal
from keyword import iskeyword


def positive(text: str) -> float:
    """Return a number above 0.

    Args:
        text: What was typed.

    Returns:
        The number.

    Raises:
        ArgumentTypeError: It is none.
    """
    number = _number(text)
    if not 0 < number < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number above 0: write 10 or 0.5")
    return number


def seconds(text: str) -> float:
    """Return a number of seconds.

    Args:
        text: What was typed.

    Returns:
        The seconds, 0 or more.

    Raises:
        ArgumentTypeError: It is none.
    """
    number = _number(text)
    if not 0 <= number < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number of seconds: write 30 or 0.5")
    return number


def credits(text: str) -> Decimal:
    """Return a number of credits, exactly.

    Args:
        text: What was typed.

    Returns:
        The credits, more than 0.

    Raises:
        ArgumentTypeError: It is none.
    """
    # Decimal itself would read "1_0", "NaN" and digits of any script too.
    plain = text.isascii() and text.replace(".", "", 1).isdigit()
    number = Decimal(text if plain else 0)
    if number <= 0:
        raise ArgumentTypeError(f"{text!r} is not a number of credits above 0: write 5 or 0.5")
    return number


def limit(text: str) -> str:
    """Return the text of a limit, once it is sure that it can be read.

    Args:
        text: What was typed.

    Returns:
        The same text.

    Raises:
        ArgumentTypeError: It is neither a number of credits nor a time.
    """
    from ..card.alarms import Threshold  # noqa: PLC0415 - loading the extension must not import the card

    try:
        Threshold.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    return text


def name(text: str) -> str:
    """Return the name of a variable.

    Args:
        text: What was typed.

    Returns:
        The same text.

    Raises:
        ArgumentTypeError: No variable can be called that.
    """
    if not text.isidentifier() or iskeyword(text):
        raise ArgumentTypeError(f"{text!r} is not the name of a variable: write cost or cost_2")
    return text


def file(text: str) -> str:
    """Return the name of a file.

    Args:
        text: What was typed.

    Returns:
        The same without the quotation marks around a name with spaces.
    """
    # IPython splits a line at its spaces and leaves the marks.
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
