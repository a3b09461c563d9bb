"""Burn rate and runway from a series of readings. Pure functions.

Balances don't just fall: accounts are topped up, calls reserve and later settle for less, machines sleep.
Where the readings don't carry an answer there is none: no rate is made up. All lengths and ages come from the
monotonic clock that each reading carries: the time of day may be set back or forth meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from ..credits import Credits, difference

HALF_LIFE = 180.0
"""Seconds after which a step counts half as much in the burn rate."""
MEMORY = 5 * HALF_LIFE
"""Seconds after which a step doesn't count at all."""
MAX_STEP = 600.0
"""Seconds between two readings beyond which the time between them says nothing about now."""
MIN_RECORD = 20.0
"""Seconds that must have been observed before there is a rate."""
MIN_STEPS = 3
"""Steps between readings that must have been observed before there is a rate."""
MIN_SPENT = 0.0001
"""Credits, older ones counting less, that must have been spent: below is a gateway's rounding."""


def spent_between(earlier: Credits, later: Credits) -> Decimal:
    """Return the credits spent from one reading to the next.

    A top-up, or another limit for the key, is no spending. Where the key binds its own counter says what
    was spent; where the account does others spend too, so that what it lost says more, unless it was
    topped up in between.

    Args:
        earlier: The reading before.
        later: The reading after.

    Returns:
        Credits; negative where a settlement gave some back.
    """
    counted = difference(later.token.used, earlier.token.used)
    if later.binding == "token":
        return counted
    drop = difference(earlier.user.remaining, later.user.remaining)
    if drop < 0 and counted == 0 and later.token.unlimited:
        # Such a key's counters may be frozen; the account's moves later, when calls settle.
        counted = difference(later.user.used, earlier.user.used)
    return drop if difference(drop, counted) > 0 else counted


def burn_rate(readings: Sequence[Credits]) -> float | None:
    """Return the credits spent a second of late.

    Recent steps count more (`HALF_LIFE`); a rate needs a few steps over `MIN_RECORD` seconds, and some
    spending (`MIN_SPENT`) within `MEMORY`.

    Args:
        readings: In the order in which they were taken, each with its monotonic time.

    Returns:
        Credits a second, more than 0; None where the readings don't tell.
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
    """Return how long credits last.

    Args:
        spendable: Credits; negative when overdrawn.
        rate: Credits spent a second, None where that is unknown.

    Returns:
        Seconds; None where that is unknown, or nothing is left.
    """
    return float(spendable) / rate if rate and spendable > 0 else None
