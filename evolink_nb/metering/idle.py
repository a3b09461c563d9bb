"""Records what was spent while no measured work ran."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import ledger
from .attribution.verdict import ELSEWHERE
from .cost import assess
from .entry import IDLE_NAME, Entry

if TYPE_CHECKING:
    from .attribution.charges import Idle


def record_idle(idle: Idle, account: str) -> None:
    """Record, in the ledger in use, what was spent while no measured work ran.

    Args:
        idle: What was spent.
        account: Identifies the base URL and key it was measured with.
    """
    seconds = idle.until.monotonic - idle.since.monotonic
    cost = assess(idle.since, idle.until, seconds=seconds, stable=True)
    if idle.is_elsewhere:
        # Other kernels that share a history rely on this reason: see `overlaps`.
        cost = replace(cost, reason=ELSEWHERE)
    if idle.credits != cost.credits:
        # Measured work spent the rest.
        cost = replace(cost, token=idle.credits, user=idle.credits, others=None, topped_up=None)
    began_at = idle.since.read_at
    ledger.current().record(Entry("", IDLE_NAME, "idle", began_at, cost, account=account))
