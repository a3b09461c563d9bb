"""How processes that read the same account share one reading: what the reading loop needs of that.

Before a reading that is due by the interval, the loop asks whose turn it is. A reading that somebody asked
for is always taken, and so is one for a budget: they must be as new as possible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..credits import Credits
    from .attempt import Client, Outcome


@dataclass(frozen=True, slots=True)
class Duty:
    """It is this process's turn to read.

    Attributes:
        term: Identifies the turn: what is published after it has gone to another is refused.
    """

    term: int


@dataclass(frozen=True, slots=True)
class News:
    """What another process has read.

    Attributes:
        outcome: The reading or the error.
        age: Seconds since it was read.
        took: Seconds from its request until then.
    """

    outcome: Outcome
    age: float
    took: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Another process is going to read.

    Attributes:
        seconds: When to ask again, from now.
    """

    seconds: float


Turn = Duty | News | Wait


class SharedReadings(Protocol):
    """Readings of one account that are shared between processes."""

    def turn(self, interval: float, last: Credits | None) -> Turn | None:
        """Return whose turn it is; None if that can't be told now, and so each reads for itself.

        Args:
            interval: Seconds between two readings, as far as this process is concerned.
            last: Its newest reading.
        """

    def publish(self, duty: Duty, outcome: Outcome, took: float) -> None:
        """Publish what came of this process's turn.

        Args:
            duty: The turn.
            outcome: The reading or the error.
            took: Seconds from its request to its outcome.
        """

    def release(self) -> None:
        """Let another process read from now on: this one needs no more readings for the present."""


class Sharing:
    """Whether readings are shared, and by whom: something above this layer says so."""

    def __init__(self) -> None:
        """Share nothing."""
        self._share: Callable[[Client], SharedReadings | None] = _nothing

    def use(self, share: Callable[[Client], SharedReadings | None] | None) -> None:
        """Share readings from now on.

        Args:
            share: Returns the shared readings of a client's account, or None; None to share nothing.
        """
        self._share = share or _nothing

    def of(self, client: Client) -> SharedReadings | None:
        """Return the shared readings of a client's account; None if they aren't shared.

        Args:
            client: The client.
        """
        return self._share(client)


def _nothing(_client: Client) -> None:
    return None


sharing = Sharing()
"""This process's."""
