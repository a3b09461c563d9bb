"""Queries about one piece of work."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import Connection, select

from ..tables.amounts import amount
from ..tables.schema import COSTS
from .grouped_costs import spent_in_sql


def last_costs(connection: Connection, work: str, simulated: bool, most: int) -> list[Decimal]:
    """Return the costs of a piece of work's latest runs, newest first; runs of unknown cost are left out.

    Args:
        connection: A connection in a transaction.
        work: Identifies the work; see `records.work_id`.
        simulated: Whether the demo account paid.
        most: The most runs to return.
    """
    spent = spent_in_sql()
    query = (
        select(spent.label("spent"), COSTS.c.scale)
        .where(COSTS.c.work == work, COSTS.c.simulated == simulated, spent.is_not(None))
        .order_by(COSTS.c.began_at.desc())
        .limit(most)
    )
    return [amount(int(row.spent), row.scale) for row in connection.execute(query)]
