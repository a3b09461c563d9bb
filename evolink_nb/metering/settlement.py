"""How long measuring waits, and the phases of a measurement."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .attribution.unattributed import LATE_HORIZON
from .attribution.work import SETTLE

__all__ = ["SETTLE", "Phase", "SettleTiming"]


@dataclass(frozen=True, slots=True)
class SettleTiming:
    """How long measuring waits, in seconds.

    Attributes:
        settle: The longest time to keep reading the cost after the work. If shorter than the quiet time, it
            replaces it.
        quiet: How long nothing must move before a cost is believed; None for the account's own quiet time in
            `quiet_times`.
        baseline_age: The greatest age, since its request, of a reading that may serve as the next work's
            baseline.
        late_horizon: How long after work a charge still counts as that work's, if nothing else ran.
    """

    settle: float = SETTLE
    quiet: float | None = None
    baseline_age: float = 1.0
    late_horizon: float = LATE_HORIZON


class Phase(Enum):
    """The phases of a measurement."""

    NEW = "new"
    """The work has not begun; its baseline reading may be in flight."""
    RUNNING = "running"
    """The work is running."""
    SETTLING = "settling"
    """The work has ended; its cost may still change."""
    FINAL = "final"
    """No more readings are taken for it."""

    def may_become(self, other: Phase) -> bool:
        """Return whether a measurement may move from this phase to the other: only forwards."""
        order = list(Phase)
        return order.index(self) < order.index(other)
