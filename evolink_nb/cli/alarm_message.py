"""What an alarm of `evolink-nb watch` says: a line of text, and a JSON body for programs. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..formatting import format_amount, format_time
from .episodes import Event

if TYPE_CHECKING:
    from ..card.alarms import Threshold
    from ..credits import Credits


def text_of(event: Event, credits: Credits | None, runway: float | None, limit: Threshold | None) -> str:
    """Return an alarm as one line of text.

    Args:
        event: What it is about.
        credits: The newest reading; None before the first.
        runway: Seconds the credits will last; None if unknown.
        limit: The limit; None for nothing left at all.
    """
    if event is Event.UNREADABLE:
        return "EvoLink's balance can't be read."
    left = "" if credits is None else f"{format_amount(credits.spendable)} credits left"
    if runway is not None:
        left += f", about {format_time(runway)} at this rate"
    if event is Event.READABLE:
        return f"EvoLink's balance can be read again: {left}."
    bound = "nothing is left" if limit is None else f"below {_shown(limit)}"
    return f"EvoLink: {left}, {bound}." if event is Event.BELOW else f"EvoLink: {left} again."


def body_of(
    event: Event,
    text: str,
    credits: Credits | None,
    *,
    runway: float | None,
    burn_rate: float | None,
    limit: Threshold | None,
    account: str,
    key: str,
) -> str:
    """Return an alarm as a JSON object on one line.

    Args:
        event: What it is about.
        text: The alarm's text.
        credits: The newest reading; None before the first.
        runway: Seconds the credits will last; None if unknown.
        burn_rate: Credits spent a second; None if unknown.
        limit: The limit; None for nothing left at all.
        account: The account's label; "" for none.
        key: The key's label, never the key; "" for none.
    """
    head: dict[str, Any] = {
        "event": event,
        "text": text,
        "below": None if limit is None else _shown(limit),
        "runway_seconds": None if runway is None else round(runway),
        "burn_rate_per_hour": None if burn_rate is None else round(burn_rate * 3600, 4),
        "account": account or None,
        "key": key or None,
        "source": f"evolink-nb {__version__}",
    }
    # The reading's own JSON has every digit of each amount. On one line: shells read lines.
    reading = "null" if credits is None else " ".join(map(str.strip, credits.to_json().splitlines()))
    return f'{json.dumps(head)[:-1]}, "reading": {reading}}}'


def _shown(limit: Threshold) -> str:
    return f"{limit} credits" if limit.credits is not None else str(limit)
