"""Questions to this process's history about one piece of work: what it cost in earlier kernels."""

from __future__ import annotations

from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import EvoLinkError
from .looking_back import read
from .of_key import TIMEOUT, has_past
from .tables.records import work_id

if TYPE_CHECKING:
    from sqlalchemy import Connection


def last_costs(kind: str, key: str, *, simulated: bool, most: int, timeout: float = TIMEOUT) -> list[Decimal]:
    """Return the costs of a piece of work's latest runs, newest first; none if they are unknown.

    Args:
        kind: What was measured: "cell", "meter" or "loop".
        key: The work's key in the ledger.
        simulated: Whether to return runs on the demo account.
        most: The most runs to return.
        timeout: Seconds that the answer may take.
    """

    def ask(connection: Connection) -> list[Decimal]:
        queries = import_module("evolink_nb.history.queries.work")  # it imports SQLAlchemy
        found: list[Decimal] = queries.last_costs(connection, work_id(kind, key), simulated, most)
        return found

    try:
        return read(ask, timeout=timeout) if has_past() else []
    except EvoLinkError:
        return []
