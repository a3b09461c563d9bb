"""Consecutive tracked cells with no reading between them: which one to charge. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..credits import Credits

MIN_CALL_SECONDS = 0.02
"""The shortest time a call over the internet takes, in seconds: work that waited less hardly made one."""

IN_A_ROW = "what ran right before or after it may have spent some of it"


class Member(Protocol):
    """Work that may be one of several between two readings."""

    @property
    def is_over(self) -> bool:
        """Whether the work has ended."""

    @property
    def is_unread(self) -> bool:
        """Whether there has been no reading since it ended, though one is still expected."""

    @property
    def waited(self) -> float:
        """Seconds it spent waiting, as calls do, rather than computing."""

    def count_from(self, reading: Credits) -> None:
        """Leave spending up to ``reading`` to other work."""

    def mark_shared(self, reason: str) -> None:
        """Record what else may have spent meanwhile."""

    def read_soon(self) -> None:
        """Have the account read now, because other work begins."""


class Batch:
    """Consecutive work with no reading between, which can't be told apart.

    All spending is charged to the piece that waited longest, as calls do, and is *shared*: nothing is counted
    twice.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._members: tuple[Member, ...] = ()

    def join(self, work: Member) -> None:
        """Add work that begins now.

        Args:
            work: The work.
        """
        unread = tuple(each for each in self._members if each.is_unread)
        self._members = (*unread, work)
        # Read now, so that the reading shows what they spent and nothing of this work's spending.
        for each in unread:
            if each.is_over and each.waited >= MIN_CALL_SECONDS:
                each.read_soon()

    def attribute(self, reading: Credits) -> Member | None:
        """Return the work to charge for the change up to ``reading``; the rest count from that reading.

        Args:
            reading: The first reading after some of the work.

        Returns:
            The work, which may still be running; None if no remaining work could have spent.
        """
        unread = [each for each in self._members if each.is_unread]
        if not unread:
            return None
        # Work still running began with this reading: it hardly had time to spend, unless no other had.
        could = [each for each in unread if each.is_over and each.waited >= MIN_CALL_SECONDS] or unread
        owner = max(could, key=lambda each: each.waited)
        for other in unread:
            if other is not owner:
                other.count_from(reading)
            if owner.is_over and len(unread) > 1:
                other.mark_shared(IN_A_ROW)
        return owner
