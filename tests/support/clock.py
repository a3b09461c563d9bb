"""Clocks that stand still until a test moves them, for what lives by `evolink_nb.polling.clock.Clock`."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from evolink_nb.polling.clock import Clock

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_PATIENCE = 10.0


class SteppedClock(Clock):
    """Shows the ``seconds`` that it was last set to, by a client for each of its readings; waits are real."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.seconds)


@dataclass(eq=False)
class _Sleeper:
    condition: threading.Condition
    wakes_at: float | None
    called: bool = False


class FakeClock(Clock):
    """Starts at `BEGINNING`; `advance` moves it and wakes a thread that has slept long enough."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._sleepers: list[_Sleeper] = []
        self._changed = threading.Condition()

    def monotonic(self) -> float:
        return self._seconds

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self._seconds)

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        sleeper = _Sleeper(condition, None if seconds is None else self._seconds + seconds)
        with self._changed:
            self._sleepers.append(sleeper)
            self._changed.notify_all()
        condition.wait()
        with self._changed:
            self._sleepers.remove(sleeper)

    def advance(self, seconds: float) -> None:
        """Move the time once a thread sleeps, and wait until one that is due by then sleeps again.

        For one sleeper at a time, which is what a fetcher's thread is.
        """
        sleeper = self._sleeper()
        # Held, so that no thread works out how long to sleep while the time moves.
        with sleeper.condition:
            self._seconds += seconds
            if sleeper.wakes_at is not None and sleeper.wakes_at <= self._seconds:
                self._wake(sleeper)
        self._sleeper()

    def pass_unnoticed(self, seconds: float) -> None:
        """Move the time while no thread sleeps: what is under way takes so long."""
        self._seconds += seconds

    def sleeps_for(self) -> float | None:
        """The seconds that the sleeper has left, None when it waits to be notified only."""
        sleeper = self._sleeper()
        return None if sleeper.wakes_at is None else sleeper.wakes_at - self._seconds

    def _sleeper(self) -> _Sleeper:
        """The thread that sleeps, having heeded all that it was notified of before."""
        sleeper = self._first_asleep()
        with sleeper.condition:
            # Nothing tells whether it has been notified and is about to wake: a wake-up call for no
            # reason, which every condition allows for, brings it past that.
            self._wake(sleeper)
        return self._first_asleep()

    def _wake(self, sleeper: _Sleeper) -> None:
        sleeper.called = True
        sleeper.condition.notify_all()

    def _first_asleep(self) -> _Sleeper:
        with self._changed:
            if not self._changed.wait_for(lambda: any(not s.called for s in self._sleepers), _PATIENCE):
                raise TimeoutError("no thread went to sleep")
            return next(sleeper for sleeper in self._sleepers if not sleeper.called)
