"""``evolink-nb credits``: the balance, and an exit code for scripts."""

from __future__ import annotations

from decimal import Decimal

from ..api.client import EvoLinkClient
from ..card import render
from ..credits import difference
from . import output
from .exit_codes import BELOW, OK


def show_credits(*, as_json: bool, minimum: Decimal | None) -> int:
    """Print the balance.

    Args:
        as_json: Whether to print JSON with the API's own field names instead of text.
        minimum: The least that must be spendable, in credits; None for no minimum.

    Returns:
        The exit code: `BELOW` if less than the minimum can be spent, `OK` otherwise.

    Raises:
        EvoLinkError: The balance can't be read.
        OutputError: It can't be printed.
    """
    with EvoLinkClient() as client:
        credits = client.get_credits()
    output.say(credits.to_json() if as_json else render.render_text(credits))
    if minimum is not None and difference(credits.spendable, minimum) < 0:
        output.complain(f"less than {minimum:f} credits left to spend.")
        return BELOW
    return OK
