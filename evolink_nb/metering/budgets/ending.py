"""How a piece of work ended that a budget watched."""

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

RUNS_ON = "what stopped work had started was still running"
"""Why the cost of stopped work may not be all: the figure can't be clean."""

_POLL = 0.02
# Seconds between two checks of whether what stopped work has started still runs.


@dataclass
class Ending:
    """The end of one piece of work.

    Attributes:
        state: The budget's state when it ended; None before.
        is_followed: Whether it has ended, and what it has started is watched on.
        was_caught: Whether it has caught its stop, and ended in its own way.
    """

    state: State | None = None
    is_followed: bool = False
    was_caught: bool = False

    def begin(self, state: State) -> None:
        """Record that the work has ended; ignored if it had already.

        Args:
            state: The budget's state at the end.
        """
        self.state = self.state or state

    def follow_up(self, work: InterruptTarget, seconds: float, measured: Measured | None) -> str:
        """Wait for what stopped work has started: it may end by itself, or spend on and be stopped too.

        Args:
            work: The work.
            seconds: The longest time to wait. Tasks aren't waited for: they can't run meanwhile.
            measured: Its measurement, if it has one: it knows the tasks.

        Returns:
            What is still running; empty if nothing is, or this was called before.
        """
        if self.is_followed:
            return ""
        self.is_followed = True  # an interrupt of this leads here again
        deadline = time.monotonic() + seconds
        while (left := work.still_running()) and time.monotonic() < deadline:
            time.sleep(_POLL)
        tasks = "" if measured is None else describe(active_measurements.tasks_of(measured))
        return " and ".join(filter(None, (left, tasks)))

    def note_error(
        self, work: InterruptTarget, error: BaseException | None, stop: BudgetExceeded | None
    ) -> None:
        """Record what the work ended with.

        Args:
            work: The work.
            error: What it raised, if anything.
            stop: The stop it was sent, if any.
        """
        # At the first interrupt: work that spends on has not heeded it.
        self.was_caught = self.state is State.TRIPPED and work.was_expected and not is_stop(error, stop)
