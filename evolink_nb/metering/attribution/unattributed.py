"""Charges that no work of the row can have caused: late ones, and spending while no work ran. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from ...credits import total
from ...formatting import format_amount
from .charges import Idle, LateCharge

if TYPE_CHECKING:
    from .movements import Movement
    from .quiet import QuietTime
    from .work import Work

LATE_HORIZON = 60.0
"""How long after work, in seconds, a charge still counts as that work's, if nothing else ran."""
ELSEWHERE_FOR = 600.0
"""How long, in seconds, costs are at best *shared* after the key was seen in use elsewhere."""


class Unattributed:
    """Handles the movements of one account that no work of its row can have caused.

    Attributes:
        knows_kernel: Whether every cell that runs is reported, measured or not. If so, movements while no
            cell runs are late charges, or spending elsewhere.
        late_horizon: How long after work a charge still counts as that work's, in seconds.
        last: The last work whose row is over, to which a late charge may still belong.
        seen_at: When such a movement was last seen, in seconds; None if never.
    """

    def __init__(self) -> None:
        """Start without any movements."""
        self.knows_kernel = False
        self.late_horizon = LATE_HORIZON
        self.last: Work | None = None
        self.seen_at: float | None = None
        self._elsewhere_until = -math.inf
        self._idle: list[Idle] = []

    @property
    def has_idle(self) -> bool:
        """Whether `take_idle` has anything to return."""
        return bool(self._idle)

    def take_idle(self) -> list[Idle]:
        """Return, only once, what was spent while no measured work ran."""
        taken, self._idle = self._idle, []
        return taken

    def is_elsewhere(self, now: float) -> bool:
        """Return whether the key is known to be in use elsewhere.

        Args:
            now: The time, in seconds.
        """
        return now < self._elsewhere_until

    def place(self, movement: Movement, amount: Decimal, works: Sequence[Work]) -> Work | None:
        """Decide what a movement is that no work can have caused in time, and keep it if it is idle spending.

        Args:
            movement: The movement.
            amount: Its credits.
            works: The work of the row.

        Returns:
            The work that it is a late charge of; None if it was spent while no work ran.
        """
        late = self._late_work(movement, works)
        if late is not None:
            return late
        if amount < 0:
            return None
        self.seen_at = movement.seen_at
        is_elsewhere = self.knows_kernel and self.last is not None
        if is_elsewhere:
            self.hear(movement.seen_at)
        if self.last is not None or works:
            self.keep(Idle(movement.since, movement.until, amount, is_elsewhere))
        return None

    def hear(self, seen_at: float) -> None:
        """Record that the key was seen in use elsewhere, by this kernel or another.

        Args:
            seen_at: When it was seen, in seconds.
        """
        self._elsewhere_until = max(self._elsewhere_until, seen_at + ELSEWHERE_FOR)

    def keep(self, idle: Idle) -> None:
        """Keep what was spent while no measured work ran, for `take_idle`.

        Args:
            idle: What was spent.
        """
        self._idle.append(idle)

    def _late_work(self, movement: Movement, works: Sequence[Work]) -> Work | None:
        """Return the work that a movement can belong to as a late charge; None if there is none."""
        over = [work for work in works if not work.is_anonymous and work.ended is not None]
        candidates = [*over, *([] if self.last is None else [self.last])]
        runs = any(work.ended is None or work.is_anonymous for work in works)
        if not candidates or runs or not self.knows_kernel or self.is_elsewhere(movement.after):
            return None
        last = max(candidates, key=lambda work: (work.could_spend, work.ended or 0.0))
        is_late = movement.seen_at - (last.ended or 0.0) <= self.late_horizon
        is_open = last.late is None and last.cost.confidence not in {"confirmed", "unknown"}
        return last if is_late and is_open else None


def amend(work: Work, movement: Movement, amount: Decimal, quiet: QuietTime) -> None:
    """Add a late charge or settlement to a final cost.

    Args:
        work: The work.
        movement: The movement that shows the charge.
        amount: The credits charged.
        quiet: The account's quiet time, which learns from the lag.
    """
    cost, lag = work.cost, lag_of(work, movement)
    work.late = LateCharge(Idle(movement.since, movement.until, amount), lag, cost, quiet.longest_lag)
    if amount > 0:
        quiet.learn(lag)
    words = f"{format_amount(amount)} of it was charged {lag:.0f} s after it had ended"
    work.cost = replace(
        cost,
        token=None if cost.token is None else total((cost.token, amount)),
        user=None if cost.user is None else total((cost.user, amount)),
        confidence="shared",
        reason=words,
    )


def withdraw(work: Work, late: LateCharge, unattributed: Unattributed, quiet: QuietTime) -> None:
    """Remove a late charge from a cost, because it was spent elsewhere.

    Args:
        work: The work.
        late: The charge.
        unattributed: The account's handler of such charges.
        quiet: The account's quiet time, which has learned from the lag.
    """
    work.cost, work.late = late.cost, None
    if late.charge.credits > 0:
        quiet.unlearn(late.lag)
    unattributed.hear(late.charge.until.monotonic)
    unattributed.keep(replace(late.charge, is_elsewhere=True))


def lag_of(work: Work, movement: Movement) -> float:
    """Return how long after the end of work a charge for it was seen, in seconds.

    Args:
        work: The work.
        movement: The movement that shows the charge.
    """
    return movement.seen_at - (work.rests_since or work.started)
