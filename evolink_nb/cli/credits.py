"""``evolink-nb credits``: the balance, and an exit code for scripts."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING

from ..api import settings
from ..api.client import EvoLinkClient
from ..card import render
from ..credits import difference
from ..errors import ConfigurationError
from ..formatting import may_style
from ..history.of_key import outlook
from . import credits_watch, output
from .exit_codes import BELOW, OK

if TYPE_CHECKING:
    from ..credits import Credits

OUTLOOK_TIMEOUT = 2.0
"""Seconds that the history may take to say how long the credits will last."""


def show_credits(
    *,
    as_json: bool,
    quiet: bool,
    minimum: Decimal | None,
    watch: bool,
    every: float | None,
    demo: bool,
    key_variable: str | None,
) -> int:
    """Print the balance, once or until interrupted.

    Args:
        as_json: Whether to print JSON with the API's own field names instead of text.
        quiet: Whether to print nothing.
        minimum: The least that must be spendable, in credits; None for no minimum.
        watch: Whether to keep reading.
        every: Seconds between two readings while watching; None for the default.
        demo: Whether to read a simulated account.
        key_variable: The environment variable that holds the key; None for the default.

    Returns:
        The exit code: `BELOW` if less than the minimum can be spent, `OK` otherwise.

    Raises:
        EvoLinkError: The balance can't be read.
        OutputError: It can't be printed.
    """
    if every is not None and not watch:
        raise ConfigurationError("--every goes with --watch: evolink-nb credits --watch --every 60")
    found = settings.connection(demo=demo or None, key_variable=key_variable)
    lasts = ""
    with EvoLinkClient(found.key, base_url=found.base_url) as client:
        if watch:
            show = credits_watch.nothing if quiet else credits_watch.printer(as_json=as_json)
            credits = credits_watch.watch(
                client, every or settings.INTERVAL, show, lambda c: _is_below(c, minimum)
            )
        else:
            credits = client.get_credits()
            lasts = "" if quiet or as_json else outlook(client, credits, timeout=OUTLOOK_TIMEOUT)
    if not watch and not quiet:
        styled = may_style(sys.stdout)
        view = render.CardView(credits, outlook=lasts)
        output.say(credits.to_json() if as_json else view.text(styled=styled))
    if not _is_below(credits, minimum):
        return OK
    if not quiet:
        output.Failure(as_json).say(f"less than {minimum:f} credits left to spend.", None, BELOW)
    return BELOW


def _is_below(credits: Credits, minimum: Decimal | None) -> bool:
    return minimum is not None and difference(credits.spendable, minimum) < 0
