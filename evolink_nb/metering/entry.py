"""One measured run, as kept in a ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .cost import Cost

Doubt = Literal["shared", "not settled", "given back"]
"""Why a known cost is not sure. *given back*: below 0, as earlier calls gave back more than was spent."""

Kind = Literal["cell", "meter", "loop", "idle", "earlier"]
"""What was measured. *idle* is the time between cells, *earlier* is runs merged into one entry."""

IDLE_NAME = "while no cell ran"
EARLIER_NAME = "earlier runs"


@dataclass(frozen=True, slots=True)
class Entry:
    """One measured run.

    Attributes:
        key: Identifies runs of the same thing: entries of one kind with the same key.
        name: The name the user recognizes.
        kind: What was measured.
        began_at: When it began, as an aware datetime.
        cost: Its cost, as far as known.
        items: The number of items a loop processed.
        within: Whether another entry's cost includes this one, as a cell's cost includes a meter inside it.
        runs: 1, unless the entry merges several runs.
        doubts: How many credits of merged runs are not sure, and why.
        account: The identity of the client it was measured with; "" for several.
    """

    key: str
    name: str
    kind: Kind
    began_at: datetime
    cost: Cost
    items: int = 0
    within: bool = False
    runs: int = 1
    doubts: tuple[tuple[Doubt, Decimal], ...] = ()
    account: str = ""
