"""How often a budget reads the balance, and how long it waits for the work it stops."""

from __future__ import annotations

from dataclasses import dataclass

from .blindness import MAX_BLIND
from .grace import GRACE

WATCH_INTERVAL = 1.0
"""The longest time between two readings while a budget is armed, in seconds."""


@dataclass(frozen=True, slots=True)
class WatchTiming:
    """How often a budget checks, and how long it waits before it escalates.

    Attributes:
        interval: The longest time between two readings, in seconds.
        min_interval: The shortest time between two readings, in seconds: used at first and near the limit.
        grace: How many seconds work that makes guarded calls may go on once its limit is reached.
        repeat_after: How many seconds calls under way at an interrupt may take to show in a reading: spending
            that shows later went on after the interrupt.
        stuck_after: Seconds after which work that runs on without spending is announced as still running.
        follow_up: The longest time, in seconds, to keep watching what stopped work has started.
        failures: The number of consecutive failed readings after which a budget says that it can't watch.
        max_blind: Seconds without a reading after which the work is stopped; may be infinite.
    """

    interval: float = WATCH_INTERVAL
    min_interval: float = 0.2
    grace: float = GRACE
    repeat_after: float = 1.0
    stuck_after: float = 20.0
    follow_up: float = 3.0
    failures: int = 3
    max_blind: float = MAX_BLIND
