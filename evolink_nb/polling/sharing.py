"""The reading loop's interface to sharing: processes that read the same account share one reading.

Before a reading that is due by the interval, the loop asks whose turn it is. A reading that was asked for, or
that a budget needs, is always taken here, because it must be as new as possible.
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
        term: Identifies the turn. A reading published after the turn has passed to another process is
            refused.
    """

    term: int


@dataclass(frozen=True, slots=True)
class News:
    """The outcome of another process's reading.

    Attributes:
        outcome: The reading or the error.
        age: Seconds since it was read.
        took: Seconds from its request until it was read.
    """

    outcome: Outcome
    age: float
    took: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Another process is going to read.

    Attributes:
        seconds: Seconds to wait before asking again.
    """

    seconds: float


Turn = Duty | News | Wait


class SharedReadings(Protocol):
    """The readings of one account, shared between processes."""

    def turn(self, interval: float, last: Credits | None) -> Turn | None:
        """Return whose turn it is; None if that is unknown now, so that each process reads for itself.

        Args:
            interval: Seconds between two readings in this process.
            last: This process's newest reading.
        """

    def publish(self, duty: Duty, outcome: Outcome, took: float) -> None:
        """Publish the outcome of this process's turn.

        Args:
            duty: The turn.
            outcome: The reading or the error.
            took: Seconds from its request to its outcome.
        """

    def release(self) -> None:
        """Let another process read from now on: this one needs no readings for the time being."""


class Sharing:
    """Whether and how readings are shared; a layer above decides that."""

    def __init__(self) -> None:
        """Share nothing."""
        self._share: Callable[[Client], SharedReadings | None] = _nothing

    def use(self, share: Callable[[Client], SharedReadings | None] | None) -> None:
        """Share readings from now on.

        Args:
            share: A function that returns the shared readings of a client's account, or None; None to share
                nothing.
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
"""This process's sharing."""
