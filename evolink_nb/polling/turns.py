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
"""Seconds until the next look if another process's reading is not newer than this loop's."""


class Turns:
    """One reading loop's turns; used only on the loop's thread."""

    def __init__(self, shared: SharedReadings | None, clock: Clock) -> None:
        """Start without a turn.

        Args:
            shared: The shared readings; None if none are shared.
            clock: Stamps other processes' readings.
        """
        self._shared = shared
        self._clock = clock
        self._duty: Duty | None = None

    @property
    def are_taken(self) -> bool:
        """Whether turns are taken with other processes at all."""
        return self._shared is not None

    def take(self, interval: float, last: Credits | None) -> Outcome | Wait | None:
        """Return another process's outcome, or how long to wait for it; None to read here and now.

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
        """Publish the outcome of a read, if it was this process's turn.

        Args:
            outcome: The reading or the error.
            started: When it was requested, in the clock's seconds.
        """
        duty, self._duty = self._duty, None
        if duty is not None and self._shared is not None:
            with guarded("A reading could not be shared."):
                self._shared.publish(duty, outcome, self._clock.monotonic() - started)

    def release(self) -> None:
        """Let another process read from now on; called in a pause and at the end of the loop."""
        if self._shared is not None:
            with guarded("Another process could not be told to read."):
                self._shared.release()

    def _stamp(self, news: News, asked_at: float) -> Outcome:
        if not isinstance(news.outcome, Credits):
            return news.outcome
        # Its age was computed somewhere between the question and now: neither time may come out too late.
        read_at = asked_at - news.age
        return replace(
            news.outcome,
            read_at=self._clock.now() - timedelta(seconds=news.age),
            monotonic=read_at,
            requested_at=read_at - news.took,
        )
