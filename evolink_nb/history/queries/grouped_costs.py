"""What work cost, added up by the database per cell, notebook or user."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, and_, case, func, select

from ...credits import total
from ..tables.amounts import amount
from ..tables.hours import NOTHING
from ..tables.schema import COSTS

GroupedBy = Literal["cell", "notebook", "user"]
MAX_GROUPS = 1_000
"""The most groups in one answer, the most expensive first."""

_COLUMNS = {"cell": COSTS.c.work, "notebook": COSTS.c.notebook, "user": COSTS.c.username}
_SURE = ("confirmed", "clean")


@dataclass(slots=True)
class Group:
    """The cost of the runs of one cell, notebook or user.

    Attributes:
        id: What they have in common: the work's id, the notebook or the user.
        name: The name of the newest run.
        kind: What was measured: "cell", "meter", "loop" or "idle".
        runs: The number of runs.
        unknown: The number of runs of unknown cost, which no amount includes.
        spent: Credits that the others cost.
        unsure: The part of ``spent`` that is neither confirmed nor clean.
        seconds: How long all runs took together.
        last_at: When the newest run began, in milliseconds since 1970.
        simulated: Whether the demo account paid.
        newest: The number of the newest run.
    """

    id: str
    name: str = ""
    kind: str = ""
    runs: int = 0
    unknown: int = 0
    spent: Decimal = NOTHING
    unsure: Decimal = NOTHING
    seconds: float = 0.0
    last_at: int = 0
    simulated: bool = False
    newest: int = field(default=0, repr=False)


def grouped_costs(
    connection: Connection, by: GroupedBy, begins: int, ends: int, *, simulated: bool = False
) -> list[Group]:
    """Return the grouped costs of the runs that began in a span, most expensive first.

    Args:
        connection: A connection in a transaction.
        by: What to group by. By notebook and by user, work inside other work counts once; cells and the work
            inside them are separate groups.
        begins: When the span begins, in milliseconds since 1970.
        ends: When the span ends, in milliseconds since 1970.
        simulated: Whether to add up the runs that the demo account paid for, instead of the others.
    """
    in_span = [COSTS.c.began_at >= begins, COSTS.c.began_at < ends, COSTS.c.simulated == simulated]
    if by != "cell":
        in_span.append(COSTS.c.within.is_(False))
    groups: dict[str, Group] = {}
    for row in connection.execute(_sums(by, and_(*in_span))).mappings():
        _add(groups.setdefault(row["id"], Group(row["id"], simulated=simulated)), row)
    found = sorted(groups.values(), key=lambda group: group.spent, reverse=True)[:MAX_GROUPS]
    _name(connection, found)
    return found


def total_spent(connection: Connection, begins: int, ends: int, *, simulated: bool = False) -> Decimal:
    """Return the total cost in credits of the runs that began in a span; work inside other work counts once.

    Args:
        connection: A connection in a transaction.
        begins: When the span begins, in milliseconds since 1970.
        ends: When the span ends, in milliseconds since 1970.
        simulated: Whether to add up the runs that the demo account paid for, instead of the others.
    """
    query = (
        select(COSTS.c.scale, func.sum(spent_in_sql()).label("spent"))
        .where(COSTS.c.began_at >= begins, COSTS.c.began_at < ends)
        .where(COSTS.c.simulated == simulated, COSTS.c.within.is_(False))
        .group_by(COSTS.c.scale)
    )
    return total(amount(int(row.spent or 0), row.scale) for row in connection.execute(query))


def spent_in_sql() -> Any:
    """Return the SQL for a run's cost: what the key spent, else what the account spent."""
    return func.coalesce(COSTS.c.token, COSTS.c.account)


def _sums(by: GroupedBy, where: Any) -> Any:
    column, spent = _COLUMNS[by], spent_in_sql()
    is_unsure = COSTS.c.confidence.not_in(_SURE)
    return (
        select(
            column.label("id"),
            COSTS.c.scale,
            func.count().label("runs"),
            func.sum(case((spent.is_(None), 1), else_=0)).label("unknown"),
            func.coalesce(func.sum(spent), 0).label("spent"),
            func.coalesce(func.sum(case((is_unsure, spent))), 0).label("unsure"),
            func.sum(COSTS.c.milliseconds).label("milliseconds"),
            func.max(COSTS.c.began_at).label("last_at"),
            func.max(COSTS.c.id).label("newest"),
        )
        .where(where)
        .group_by(column, COSTS.c.scale)
    )


def _add(group: Group, row: RowMapping) -> None:
    group.runs += int(row["runs"])
    group.unknown += int(row["unknown"])
    group.spent = total((group.spent, amount(int(row["spent"]), row["scale"])))
    group.unsure = total((group.unsure, amount(int(row["unsure"]), row["scale"])))
    group.seconds += int(row["milliseconds"]) / 1000
    group.last_at = max(group.last_at, row["last_at"])
    group.newest = max(group.newest, row["newest"])


def _name(connection: Connection, groups: list[Group]) -> None:
    query = select(COSTS.c.id, COSTS.c.name, COSTS.c.kind).where(
        COSTS.c.id.in_([group.newest for group in groups])
    )
    named = {row.id: row for row in connection.execute(query)}
    for group in groups:
        row = named[group.newest]
        group.name, group.kind = row.name, row.kind
