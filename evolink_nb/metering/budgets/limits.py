"""Validates the limits and other options that users give."""

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
    """Return how long guarded work may go on once its limit is reached.

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


def parse_warn_at(value: float | None) -> Decimal | None:
    """Return the fraction of a limit at which to warn.

    Args:
        value: A fraction from 0 to 1; None or 0 for no warning.

    Returns:
        The fraction, above 0; None for no warning.

    Raises:
        ValueError: The value is not such a number.
    """
    if value is None or value == 0:
        return None
    if isinstance(value, bool) or not 0 < value <= 1:
        raise ValueError(f"warn_at must be a fraction of the limit, from 0 to 1, not {value!r}")
    return Decimal(str(value))


def parse_max_blind(value: float | None) -> float:
    """Return how long a budget may be unable to read the balance.

    Args:
        value: Seconds; None for no limit.

    Returns:
        Seconds, 0 or more; infinity for no limit.

    Raises:
        ValueError: The value is not such a number.
    """
    if value is None:
        return float("inf")
    if isinstance(value, bool) or not value >= 0:
        raise ValueError(f"max_blind must be a number of seconds, 0 or more, not {value!r}")
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


def require_limit(limit: Decimal | None, **options: tuple[object, object]) -> None:
    """Reject options of a budget if there is no limit: they would do nothing.

    Args:
        limit: The limit, in credits; None if there is none.
        options: For each option's name, the value given and the usual value.

    Raises:
        ValueError: There is no limit, and an option differs from its usual value.
    """
    given = [name for name, (value, usual) in options.items() if value != usual]
    if limit is None and given:
        raise ValueError(f"{given[0]} needs max_credits: it has no effect without a limit")
