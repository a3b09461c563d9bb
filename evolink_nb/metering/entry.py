"""One run of something that was measured, as a ledger keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .cost import Cost

Kind = Literal["cell", "meter", "loop", "idle", "earlier"]
"""What was measured. *idle* is the time between cells, *earlier* runs that are no longer told apart."""

IDLE_NAME = "while no cell ran"
EARLIER_NAME = "earlier runs"


@dataclass(frozen=True, slots=True)
class Entry:
    """One run of something that was measured.

    Attributes:
        key: What its runs have in common: entries of one kind with the same key are runs of the same thing.
        name: What the user recognizes it by.
        kind: What was measured.
        began_at: When it began, as an aware datetime.
        cost: What it cost, as far as that is known.
        items: How many items a loop did.
        within: Whether another entry's cost holds this one's too, as a cell's holds that of a meter in it.
        runs: 1, but for what a ledger no longer tells apart.
    """

    key: str
    name: str
    kind: Kind
    began_at: datetime
    cost: Cost
    items: int = 0
    within: bool = False
    runs: int = 1
