"""Burn rate and runway from a series of readings. Pure functions.

Balances don't only fall: accounts are topped up, calls reserve and later settle for less, machines sleep.
Where the readings give no answer, no rate is made up. All durations and ages come from the monotonic clock
that stamped each reading: the time of day may be changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from ..credits import Credits, difference

HALF_LIFE = 180.0
"""Seconds after which a step counts half as much towards the burn rate."""
MEMORY = 5 * HALF_LIFE
"""Seconds after which a step no longer counts."""
MAX_STEP = 600.0
"""Seconds between two readings beyond which the step says nothing about the present."""
MIN_RECORD = 20.0
"""Seconds of observation needed for a rate."""
MIN_STEPS = 3
"""Steps between readings needed for a rate."""
MIN_SPENT = 0.0001
"""Credits, weighted by age, that must have been spent; anything less is a gateway's rounding."""


def spent_between(earlier: Credits, later: Credits) -> Decimal:
    """Return the credits spent between two readings.

    A top-up, or a new limit for the key, is not spending. Where the key binds, its own counter gives the
    amount; where the account does, others spend too, so the account's loss says more, unless it was topped up
    in between.

    Args:
        earlier: The earlier reading.
        later: The later reading.

    Returns:
        Credits; negative if a settlement refunded some.
    """
    counted = difference(later.token.used, earlier.token.used)
    if later.binding == "token":
        return counted
    drop = difference(earlier.user.remaining, later.user.remaining)
    if drop < 0 and counted == 0 and later.token.unlimited:
        # An unlimited key's counters may be frozen; the account's move later, when calls settle.
        counted = difference(later.user.used, earlier.user.used)
    return drop if difference(drop, counted) > 0 else counted


def burn_rate(readings: Sequence[Credits]) -> float | None:
    """Return the recent rate of spending, in credits per second.

    Recent steps count more (`HALF_LIFE`). A rate needs `MIN_STEPS` steps over `MIN_RECORD` seconds, and some
    spending (`MIN_SPENT`) within `MEMORY`.

    Args:
        readings: Readings in chronological order, each with its monotonic time.

    Returns:
        Credits per second, more than 0; None if the readings don't give a rate.
    """
    if not readings:
        return None
    now = readings[-1].monotonic
    spent = observed = weighted_time = 0.0
    steps = 0
    for earlier, later in pairwise(readings):
        length, age = later.monotonic - earlier.monotonic, now - later.monotonic
        if not 0 < length <= MAX_STEP or not 0 <= age <= MEMORY:
            continue
        weight = 0.5 ** (age / HALF_LIFE)
        spent += weight * float(spent_between(earlier, later))
        weighted_time += weight * length
        observed += length
        steps += 1
    if steps < MIN_STEPS or observed < MIN_RECORD or spent < MIN_SPENT:
        return None
    return spent / weighted_time


def runway(spendable: Decimal, rate: float | None) -> float | None:
    """Return how long the credits will last.

    Args:
        spendable: Credits; negative when overdrawn.
        rate: Credits spent per second; None if unknown.

    Returns:
        Seconds; None if the rate is unknown or nothing is left.
    """
    return float(spendable) / rate if rate and spendable > 0 else None
