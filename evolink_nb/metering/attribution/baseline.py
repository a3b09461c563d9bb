"""Whether a known reading can serve as the baseline of the next work. Pure functions.

While no work of ours runs, something else may spend with the same key; such spending mustn't be attributed to
the next work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .work import MIN_CALL_SECONDS, gaps_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...credits import Credits
    from .work import Work

MAX_GAP = 1.0
"""The longest time from a reading's request until work, in seconds, that doesn't count as a gap."""
MAX_IDLE = 0.25
"""The same from the reading's arrival. It is shorter, as waiting for a reading is not idle time."""

MAX_WAIT = 0.05
"""The longest time that tracked work waits for a reading after a gap, in seconds; too short to be noticed."""


def serves(latest: Credits, works: Sequence[Work], now: float, *, max_age: float) -> bool:
    """Return whether a reading can serve as the baseline of work that begins now.

    Args:
        latest: The newest reading.
        works: The work since the account was last at rest.
        now: The current time, in seconds.
        max_age: The greatest age that the reading may have, since its request, in seconds.
    """
    # Age counts from the request: the reading may miss what was spent while it was in flight.
    return (
        now - latest.requested_at <= max_age
        and not is_idle_between(latest, works, now)
        and not any(_is_missed(work, latest) for work in works)
    )


def is_idle_between(earlier: Credits, works: Sequence[Work], begun: float) -> bool:
    """Return whether no work ran for so long before new work that something else may have spent.

    Args:
        earlier: The last reading before the new work.
        works: The work since the account was last at rest.
        begun: When the new work began, in seconds.
    """
    idle = _idle_seconds(works, earlier.monotonic, begun)
    return idle > MAX_IDLE or _idle_seconds(works, earlier.requested_at, begun) > MAX_GAP


def _idle_seconds(works: Sequence[Work], since: float, until: float) -> float:
    spans = [(work.started, until if work.ended is None else work.ended) for work in works]
    return sum(gaps_between(spans, since, until))


def _is_missed(work: Work, latest: Credits) -> bool:
    """Return whether work that may have spent ended after a reading was requested."""
    return work.ended is not None and work.ended > latest.requested_at and work.waited >= MIN_CALL_SECONDS
