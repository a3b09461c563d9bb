"""What the options of the magics take: each gives its value, or raises a ``ValueError`` for argparse to tell.

argparse says "invalid … value" with a function's name, so these are named as people would say it.
"""

from __future__ import annotations

import re
from decimal import Decimal

_NUMBER = re.compile(r"\d+(\.\d*)?|\.\d+")


def positive(text: str) -> float:
    """Give a number above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


positive.__name__ = "positive number"  # what argparse says when the text is none


def limit(text: str) -> str:
    """Give the text of a limit that `alarms` can read."""
    from .alarms import Threshold  # noqa: PLC0415

    Threshold.parse(text)
    return text


limit.__name__ = "limit (credits like 50, or a time like 2h)"


def credits(text: str) -> Decimal:
    """Give a number of credits above 0, exactly."""
    number = Decimal(text) if _NUMBER.fullmatch(text) else Decimal(0)
    if number <= 0:
        raise ValueError
    return number


credits.__name__ = "number of credits above 0"


def seconds(text: str) -> float:
    """Give a number of seconds, 0 or more."""
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError
    return number


seconds.__name__ = "number of seconds"


def name(text: str) -> str:
    """Give the name of a variable."""
    if not text.isidentifier():
        raise ValueError
    return text


name.__name__ = "name"
