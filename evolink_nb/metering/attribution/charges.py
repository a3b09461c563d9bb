"""Charges that no work can have caused in time. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    from ...credits import Credits
    from ..cost import Cost


@dataclass(frozen=True, slots=True)
class Idle:
    """What was spent while no measured work ran.

    Attributes:
        since: The last reading without the spending.
        until: The reading that shows it.
        credits: The credits spent.
        is_elsewhere: Whether no cell of this kernel can have spent them.
    """

    since: Credits
    until: Credits
    credits: Decimal
    is_elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class LateCharge:
    """A late charge added to a final cost, and what to restore if it turns out to be another kernel's.

    Attributes:
        charge: What was spent while no measured work ran.
        lag: Seconds from the work's end until the charge was seen.
        cost: The cost without it.
        longest_lag: The longest lag known for the account before it, in seconds.
    """

    charge: Idle
    lag: float
    cost: Cost
    longest_lag: float
