"""Decides when `evolink-nb watch` raises an alarm: once per episode. Pure: no clock, no thread."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ..card.alarms import REARM_MARGIN, Limits, Threshold

if TYPE_CHECKING:
    from ..credits import Credits

UNREAD_AFTER = 900.0
"""Seconds without a reading after which an alarm says so: a low balance would go unnoticed."""


class Event(StrEnum):
    """What an alarm is about."""

    BELOW = "below"
    """Less than the limit is left."""
    RECOVERED = "recovered"
    """More is left again."""
    UNREADABLE = "unreadable"
    """The balance could not be read for a while."""
    READABLE = "readable"
    """It can be read again."""


@dataclass(frozen=True, slots=True)
class State:
    """The episodes under way.

    Attributes:
        is_below: Whether less than the limit is left.
        is_unreadable: Whether the balance can't be read.
    """

    is_below: bool = False
    is_unreadable: bool = False


class Episodes:
    """Turns readings and failures into events: one when an episode begins, one when it ends."""

    def __init__(self, limit: Threshold | None, now: float) -> None:
        """Start with no episode.

        Args:
            limit: The limit; None for nothing left at all.
            now: The time, in seconds of any steady clock.
        """
        self._limits = Limits(warn_below=limit)
        self._state = State()
        self._read_at = now

    @property
    def state(self) -> State:
        """The episodes under way."""
        return self._state

    def record(self, credits: Credits, runway: float | None, now: float) -> list[Event]:
        """Process a reading.

        Args:
            credits: The reading.
            runway: Seconds the credits will last; None if unknown.
            now: The time.

        Returns:
            The events to report.
        """
        self._read_at = now
        events = [Event.READABLE] if self._state.is_unreadable else []
        is_low = self._limits.level_of(credits, runway) != "ok"
        # A runway goes up and down: it must be well above the limit to count as recovered.
        is_well = self._limits.level_of(credits, runway, margin=REARM_MARGIN) == "ok"
        is_below = is_low or (self._state.is_below and not is_well)
        if is_below != self._state.is_below:
            events.append(Event.BELOW if is_below else Event.RECOVERED)
        self._state = State(is_below=is_below)
        return events

    def miss(self, now: float) -> list[Event]:
        """Process a failure to read.

        Args:
            now: The time.

        Returns:
            The events to report.
        """
        if self._state.is_unreadable or now - self._read_at < UNREAD_AFTER:
            return []
        self._state = State(is_below=self._state.is_below, is_unreadable=True)
        return [Event.UNREADABLE]
