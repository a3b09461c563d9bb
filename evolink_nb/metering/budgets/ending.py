"""How work that a budget watched has ended."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..active import active_measurements
from ..interrupts.raising import is_stop
from ..tasks import describe
from .watch import State

if TYPE_CHECKING:
    from ...errors import BudgetExceeded
    from ..active import Measured
    from ..interrupt import InterruptTarget

RUNS_ON = "something the stopped work started was still running"
"""Why the cost of stopped work may be incomplete, and can't be *clean*."""

_POLL = 0.02
# Seconds between two checks of whether anything that stopped work has started is still running.


@dataclass
class Ending:
    """The end of one piece of work.

    Attributes:
        state: The budget's state when the work ended; None before that.
        is_followed: Whether the work has ended, and what it has started is still watched.
        was_caught: Whether the work has caught its stop, and ended in its own way.
    """

    state: State | None = None
    is_followed: bool = False
    was_caught: bool = False

    def begin(self, state: State) -> None:
        """Record that the work has ended; only the first call counts.

        Args:
            state: The budget's state at the end.
        """
        self.state = self.state or state

    def follow_up(self, work: InterruptTarget, seconds: float, measured: Measured | None) -> str:
        """Wait for what stopped work has started, which may end by itself, or spend more and be stopped too.

        Args:
            work: The work.
            seconds: The longest time to wait. Tasks aren't waited for: they can't run meanwhile.
            measured: The work's measurement, if it has one: it knows the tasks.

        Returns:
            What is still running; "" if nothing is, or if this was called before.
        """
        if self.is_followed:
            return ""
        self.is_followed = True  # first: if this wait is interrupted, it is called again
        deadline = time.monotonic() + seconds
        while (left := work.still_running()) and time.monotonic() < deadline:
            time.sleep(_POLL)
        tasks = "" if measured is None else describe(active_measurements.tasks_of(measured))
        return " and ".join(filter(None, (left, tasks)))

    def note_error(
        self, work: InterruptTarget, error: BaseException | None, stop: BudgetExceeded | None
    ) -> None:
        """Record the exception that the work ended with, if any.

        Args:
            work: The work.
            error: What it raised, if anything.
            stop: The stop it was sent, if any.
        """
        # Only after a single interrupt: work that spends on has ignored it.
        self.was_caught = self.state is State.TRIPPED and work.was_expected and not is_stop(error, stop)
