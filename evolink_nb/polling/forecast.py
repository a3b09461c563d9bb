"""Burn rate and runway, computed from a series of readings. Pure functions.

Spending doesn't only rise, because calls reserve and later settle for less; and machines sleep. If the
readings don't give a rate, none is made up. All durations and ages come from the monotonic clock that stamped
each reading, because the time of day may change meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from ..credits import difference

Point = tuple[float, Decimal]
"""The monotonic time of a reading and the credits spent until then (`evolink_nb.polling.tally`)."""
HALF_LIFE = 180.0
"""Seconds after which a step counts half as much towards the burn rate."""
MEMORY = 5 * HALF_LIFE
"""Seconds after which a step no longer counts."""
MAX_STEP = 600.0
"""Seconds between two readings beyond which a step says nothing about the present."""
MIN_RECORD = 20.0
"""Seconds of observation needed for a rate."""
MIN_STEPS = 3
"""Steps between readings needed for a rate."""
MIN_SPENT = 0.0001
"""Credits, weighted by age, that must have been spent for a rate; anything less is a gateway's rounding."""


def burn_rate(points: Sequence[Point]) -> float | None:
    """Return the recent rate of spending, in credits per second.

    Recent steps count more (`HALF_LIFE`). A rate needs `MIN_STEPS` steps over `MIN_RECORD` seconds, and some
    spending (`MIN_SPENT`) within `MEMORY`.

    Args:
        points: One for each reading, in chronological order.

    Returns:
        Credits per second, more than 0; None if the readings don't give a rate.
    """
    if not points:
        return None
    now = points[-1][0]
    spent = observed = weighted_time = 0.0
    steps = 0
    for (earlier, spent_earlier), (later, spent_later) in pairwise(points):
        length, age = later - earlier, now - later
        if not 0 < length <= MAX_STEP or not 0 <= age <= MEMORY:
            continue
        weight = 0.5 ** (age / HALF_LIFE)
        if spent_later != spent_earlier:  # mostly nothing was spent, and exact differences take time
            spent += weight * float(difference(spent_later, spent_earlier))
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
