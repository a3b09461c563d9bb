"""Which readings are kept: those that differ from the last one kept, and a heartbeat. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ...credits import Credits

HEARTBEAT = 600.0
"""Seconds after which even an unchanged reading is kept, which distinguishes a flat stretch from a gap."""
GAP = 2 * HEARTBEAT
"""Seconds without a reading that count as a gap: nothing read the account, or nothing could."""


class Point(NamedTuple):
    """A reading as a history keeps it.

    Attributes:
        at: When it was taken, in milliseconds since 1970 by the database's clock.
        credits: The reading.
    """

    at: int
    credits: Credits


def is_worth_keeping(last: Point | None, new: Point) -> bool:
    """Return whether a reading says something new.

    Args:
        last: The last reading kept before it; None if there is none.
        new: The reading.
    """
    if last is None or not is_unchanged(last.credits, new.credits):
        return True
    return new.at - last.at >= HEARTBEAT * 1000


def is_unchanged(earlier: Credits, later: Credits) -> bool:
    """Return whether two readings of a key say the same.

    Args:
        earlier: One reading.
        later: The other.
    """
    return (earlier.token, earlier.user) == (later.token, later.user)
