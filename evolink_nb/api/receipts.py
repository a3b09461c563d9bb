"""Receipts: what the answer to a call says it reserved (``usage.credits_reserved``). Pure; raises nothing."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ..credits import MAX_DIGITS, parse_json

MAX_BODY = 1 << 18
"""The most bytes of a body kept to look for a receipt; the answer that starts a task has about 500."""
MAX_EXPONENT = 15
"""The largest power of ten in a plausible number of credits; its negative is the smallest."""


def may_hold_receipt(status: int, content_type: str | None) -> bool:
    """Return whether a response's body is worth keeping for `receipt_of`.

    Args:
        status: The HTTP status.
        content_type: The ``Content-Type`` header.
    """
    kind = (content_type or "").partition(";")[0].strip().lower()
    # Not an event stream, which may have no end.
    return 200 <= status < 300 and (kind == "application/json" or kind.endswith("+json"))


def receipt_of(status: int, body: bytes | None) -> Decimal | None:
    """Return the credits that an answer says its call reserved.

    Args:
        status: The HTTP status.
        body: The body, decompressed; None if it wasn't kept.

    Returns:
        Credits; 0 if the call was refused, None if the answer says nothing reliable.
    """
    if 400 <= status < 500:
        return Decimal(0)
    if not 200 <= status < 300 or body is None or len(body) > MAX_BODY:
        return None
    try:
        answer = parse_json(body.decode())
    except ValueError:
        return None
    usage = answer.get("usage") if isinstance(answer, Mapping) else None
    reserved = usage.get("credits_reserved") if isinstance(usage, Mapping) else None
    return reserved if isinstance(reserved, Decimal) and _is_plausible(reserved) else None


def _is_plausible(amount: Decimal) -> bool:
    digits = len(amount.as_tuple().digits)
    return amount == 0 or (amount > 0 and abs(amount.adjusted()) <= MAX_EXPONENT and digits <= MAX_DIGITS)
