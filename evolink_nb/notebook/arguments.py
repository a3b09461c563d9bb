"""What the options of the magics take: each gives its value, or raises a ``ValueError`` for argparse to tell.

argparse says "invalid … value" with a function's name, so these are named as people would say it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

# What these need is imported when an option is read: loading the extension must cost next to nothing.


def positive(text: str) -> float:
    """Give a number above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


positive.__name__ = "positive number"  # what argparse says when the text is none


def limit(text: str) -> str:
    """Give the text of a limit that `alarms` can read."""
    from ..card.alarms import Threshold  # noqa: PLC0415

    Threshold.parse(text)
    return text


limit.__name__ = "limit (credits like 50, or a time like 2h)"


def credits(text: str) -> Decimal:
    """Give a number of credits above 0, exactly."""
    from decimal import Decimal  # noqa: PLC0415

    # Decimal itself would read "1_0", "NaN" and digits of any script too.
    plain = text.isascii() and text.replace(".", "", 1).isdigit()
    number = Decimal(text if plain else 0)
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


def file(text: str) -> str:
    """Give the name of a file, without the quotation marks that hold one with spaces together."""
    # IPython splits a line at its spaces and leaves the marks.
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def name(text: str) -> str:
    """Give the name of a variable."""
    if not text.isidentifier():
        raise ValueError
    return text


name.__name__ = "name"
