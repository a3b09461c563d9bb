"""Takes turns with other processes in reading an account."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from ..credits import Credits
from ..runtime import guarded
from .sharing import Duty, News, SharedReadings, Wait

if TYPE_CHECKING:
    from .attempt import Outcome
    from .clock import Clock


LOOK_AGAIN = 0.25
"""Seconds until another look where what another process has read is no news here."""


class Turns:
    """One reading loop's turns. On the loop's thread only."""

    def __init__(self, shared: SharedReadings | None, clock: Clock) -> None:
        """Begin without a turn.

        Args:
            shared: The readings that are shared; None if none are.
            clock: Stamps what others have read.
        """
        self._shared = shared
        self._clock = clock
        self._duty: Duty | None = None

    @property
    def are_taken(self) -> bool:
        """Whether there is anybody to take turns with."""
        return self._shared is not None

    def take(self, interval: float, last: Credits | None) -> Outcome | Wait | None:
        """Return what another process has read, or how long to wait for it; None to read here and now.

        Args:
            interval: Seconds between two readings.
            last: This loop's newest reading.
        """
        self._duty = turn = None
        asked_at = self._clock.monotonic()
        if self._shared is not None:
            with guarded("Readings could not be shared."):
                turn = self._shared.turn(interval, last)
        if isinstance(turn, News):
            found = self._stamp(turn, asked_at)
            is_old = isinstance(found, Credits) and last is not None and found.monotonic <= last.monotonic
            return Wait(LOOK_AGAIN) if is_old else found
        if isinstance(turn, Duty):
            self._duty = turn
        return turn if isinstance(turn, Wait) else None

    def publish(self, outcome: Outcome, started: float) -> None:
        """Publish what was read, if it was this process's turn.

        Args:
            outcome: The reading or the error.
            started: When it was requested, in the clock's seconds.
        """
        duty, self._duty = self._duty, None
        if duty is not None and self._shared is not None:
            with guarded("A reading could not be shared."):
                self._shared.publish(duty, outcome, self._clock.monotonic() - started)

    def release(self) -> None:
        """Let another process read from now on, at the end of the loop or in a pause."""
        if self._shared is not None:
            with guarded("Another process could not be told to read."):
                self._shared.release()

    def _stamp(self, news: News, asked_at: float) -> Outcome:
        if not isinstance(news.outcome, Credits):
            return news.outcome
        # Its age was told somewhere between the question and now: neither time may be too late.
        read_at = asked_at - news.age
        return replace(
            news.outcome,
            read_at=self._clock.now() - timedelta(seconds=news.age),
            monotonic=read_at,
            requested_at=read_at - news.took,
        )
