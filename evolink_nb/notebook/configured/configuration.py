"""The settings: ``c.EvoLinkMagics.interval = 30``, or an environment variable for each."""

from __future__ import annotations

import math
import os
import sys
from typing import Any

from traitlets import Bool, Float, Int, TraitError, TraitType, Unicode, Union, validate
from traitlets.config import Configurable

from ..arguments import checked_budget, checked_limit, checked_place

_PREFIX = "EVOLINK_NB_"
_SWITCH = {
    **dict.fromkeys(("on", "1", "true", "yes"), True),
    **dict.fromkeys(("off", "0", "false", "no"), False),
}
"""The texts accepted for a setting that is on or off."""


class EvoLinkSettings(Configurable):
    """The settings of the magics. The configuration wins over the environment, and an option over both."""

    budget = Union(
        [Unicode(), Float()],
        help='A budget that is always in force: 50 (for the session), "50/day" or "50/month".',
    ).tag(config=True)
    credits_per_dollar: Any = Float(
        None, allow_none=True, help="How many credits a dollar buys; with it, cards show what is left in USD."
    ).tag(config=True)
    critical_below = Union(
        [Unicode(), Float()],
        help="Live cards raise another alarm, a critical one, below this; none by default.",
    ).tag(config=True)
    history = Unicode(
        help="Where the history is kept: a file, a URL, or off; by default, as the environment says."
    ).tag(config=True)
    interval = Float(15.0, min=0.1, help="Seconds between two readings of a live card.").tag(config=True)
    keep_history: Any = Int(
        None,
        allow_none=True,
        min=0,
        help="Days for which a file keeps the history; 0 (the default) keeps it forever.",
    ).tag(config=True)
    keep_readings: Any = Int(
        None,
        allow_none=True,
        min=0,
        help="Days for which a file keeps all readings (40); after that, one an hour.",
    ).tag(config=True)
    quiet = Float(6.0, min=0.0, help="Seconds without any change after which a cost counts as settled.").tag(
        config=True
    )
    settle = Float(
        0.0,
        min=0.0,
        help="Seconds that each measured cell waits for its cost. If fewer than `quiet`, they replace it.",
    ).tag(config=True)
    timezone = Unicode(
        help='Time zone in which days begin, such as "Europe/Berlin"; the machine\'s by default.'
    ).tag(config=True)
    track = Bool(
        False, help="Whether every cell that spends shows its cost, as after %evolink_track on."
    ).tag(config=True)
    warn_below = Union(
        [Unicode(), Float()],
        help='Live cards raise an alarm below this: 50 (credits) or "2h" (left); none by default.',
    ).tag(config=True)

    def take_environment(self) -> None:
        """Apply the environment's settings; a value that can't be used is reported and ignored."""
        for name, trait in settings().items():
            text = os.environ.get(variable_of(name), "").strip()
            # The history's own code reads its variable: programs without IPython keep a history too.
            if not text or name == "history":
                continue
            try:
                self.set_trait(name, _parsed(trait, text))
            except TraitError as error:
                print(f"{variable_of(name)} is not used: {error}", file=sys.stderr)

    @validate("budget")
    def _check_budget(self, proposal: Any) -> str:
        return checked_budget(proposal["value"])

    @validate("warn_below", "critical_below")
    def _check_limit(self, proposal: Any) -> str:
        return checked_limit(proposal["value"])

    @validate("history")
    def _check_place(self, proposal: Any) -> str:
        return checked_place(proposal["value"])

    @validate("interval", "quiet", "settle")
    def _check_seconds(self, proposal: Any) -> float:
        return _finite(proposal["trait"].name, proposal["value"])

    @validate("credits_per_dollar")
    def _check_rate(self, proposal: Any) -> float | None:
        rate = proposal["value"]
        if rate is not None and rate <= 0:
            raise TraitError(f"credits_per_dollar must be above 0, not {rate:g}.")
        return None if rate is None else _finite("credits_per_dollar", rate)


def settings() -> dict[str, TraitType[Any, Any]]:
    """Return the settings by name."""
    own: dict[str, TraitType[Any, Any]] = EvoLinkSettings.class_own_traits(config=True)
    return own


def variable_of(name: str) -> str:
    """Return the environment variable for a setting.

    Args:
        name: The setting's name.
    """
    return f"{_PREFIX}{name.upper()}"


def _parsed(trait: TraitType[Any, Any], text: str) -> Any:
    if isinstance(trait, Union):
        return text
    if isinstance(trait, Bool):
        if text.lower() not in _SWITCH:
            raise TraitError(f"{text!r} is neither on nor off.")
        return _SWITCH[text.lower()]
    try:
        return trait.from_string(text)
    except ValueError:
        kind = "whole number" if isinstance(trait, Int) else "number"
        raise TraitError(f"{text!r} is not a {kind}.") from None


def _finite(name: str, number: float) -> float:
    if not math.isfinite(number):
        raise TraitError(f"{name} must be a finite number, not {number:g}.")
    return number
