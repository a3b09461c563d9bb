"""Validates limits and intervals given by users."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation


def parse_limit(value: object) -> Decimal:
    """Return a limit as an exact number.

    Args:
        value: Credits, as a number or text.

    Returns:
        Credits, above 0.

    Raises:
        ValueError: The value is not a number above 0.
    """
    try:
        limit = Decimal(str(value))
    except InvalidOperation:
        limit = Decimal("NaN")
    if isinstance(value, bool) or not limit.is_finite() or limit <= 0:
        raise ValueError(f"max_credits must be a number of credits above 0, not {value!r}")
    return limit


def parse_grace(value: float) -> float:
    """Return the time for which guarded work may go on once its limit is reached.

    Args:
        value: Seconds.

    Returns:
        Seconds, 0 or more and finite.

    Raises:
        ValueError: The value is not such a number.
    """
    if not 0 <= value < float("inf"):
        raise ValueError(f"grace must be a number of seconds, 0 or more, not {value!r}")
    return value


def parse_interval(value: float) -> float:
    """Return the time between two readings.

    Args:
        value: Seconds.

    Returns:
        Seconds, above 0 and finite.

    Raises:
        ValueError: The value is not such a number.
    """
    if not 0 < value < float("inf"):
        raise ValueError(f"every must be a number of seconds above 0, not {value!r}")
    return value
