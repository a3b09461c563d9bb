"""Tracked cells in a row that no reading separates: whose cost it is what moved. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..credits import Credits

MIN_CALL_SECONDS = 0.02
"""Seconds that a call over the internet takes at least: work that waited less has hardly made one."""

IN_A_ROW = "what ran right before or after it may have spent some of it"


class Member(Protocol):
    """Work that may be one of several between two readings."""

    @property
    def is_over(self) -> bool:
        """Whether the work has ended."""

    @property
    def is_unread(self) -> bool:
        """Whether nothing was read yet since it ended, and may still be."""

    @property
    def waited(self) -> float:
        """Seconds of it that were spent waiting, as calls do, rather than computing."""

    def count_from(self, reading: Credits) -> None:
        """Leave what was spent until ``reading`` to other work."""

    def mark_shared(self, reason: str) -> None:
        """Record what else may have spent meanwhile."""

    def read_soon(self) -> None:
        """Have the account read now, as something else begins."""


class Batch:
    """Work in a row, with no reading between, which can't be told apart.

    What moved is the cost of the piece that waited longest, as calls do, and is *shared*: it is never counted
    twice.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._members: tuple[Member, ...] = ()

    def join(self, work: Member) -> None:
        """Add work that begins now.

        Args:
            work: It.
        """
        unread = tuple(each for each in self._members if each.is_unread)
        self._members = (*unread, work)
        # Read now, and it shows what they spent before this has spent anything.
        for each in unread:
            if each.is_over and each.waited >= MIN_CALL_SECONDS:
                each.read_soon()

    def attribute(self, reading: Credits) -> Member | None:
        """Return the work whose cost it is what moved up to ``reading``; the others count from there.

        Args:
            reading: The first one after some of the work.

        Returns:
            The work, which may still run; None where nothing is left that could have spent.
        """
        unread = [each for each in self._members if each.is_unread]
        if not unread:
            return None
        # What still runs began with this reading: it hardly had the time, unless nothing else had any.
        could = [each for each in unread if each.is_over and each.waited >= MIN_CALL_SECONDS] or unread
        owner = max(could, key=lambda each: each.waited)
        for other in unread:
            if other is not owner:
                other.count_from(reading)
            if owner.is_over and len(unread) > 1:
                other.mark_shared(IN_A_ROW)
        return owner
