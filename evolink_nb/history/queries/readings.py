"""Queries of readings. Their cost depends on the rows they return, not on the size of the history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import CTE, Connection, RowMapping, and_, func, literal, select, union_all

from ...credits import Credits, total
from ..tables.amounts import amount
from ..tables.hours import NOTHING, Hour, hour_of, steps
from ..tables.records import CostRecord, milliseconds
from ..tables.rows import cost_of_row, hour_of_row, point_of
from ..tables.schema import ACCOUNTS, COSTS, HOURS, KEYS, READINGS
from ..tables.selection import Point

if TYPE_CHECKING:
    from ..reports.spans import Span


@dataclass(frozen=True, slots=True)
class Key:
    """A key, as a history knows it.

    Attributes:
        id: Its number.
        fingerprint: Its salted fingerprint.
        label: Its label, or a part of the fingerprint if it has none.
        account_id: The number of its account.
        account: The account's label; "" if it has none.
        simulated: Whether it is the demo account's.
    """

    id: int
    fingerprint: str
    label: str
    account_id: int
    account: str
    simulated: bool


@dataclass(slots=True)
class KeyPeriod:
    """A summary of one key's readings in one part of a span.

    Attributes:
        token_spent: Credits that the key spent.
        user_spent: Credits that the account spent.
        topped_up: Credits added to the account.
        readings: The number of readings; None if they weren't counted.
        longest_gap: The longest time without a reading, in milliseconds.
        last: The last reading in it.
    """

    token_spent: Decimal = NOTHING
    user_spent: Decimal = NOTHING
    topped_up: Decimal = NOTHING
    readings: int | None = 0
    longest_gap: int = 0
    last: Point | None = field(default=None)


def keys(connection: Connection, *, simulated: bool | None = None) -> list[Key]:
    """Return the keys that a history knows, in the order they were first seen.

    Args:
        connection: A connection in a transaction.
        simulated: Whether to return the demo account's keys or only the others; None for all.
    """
    query = select(KEYS, ACCOUNTS.c.label.label("account")).join(ACCOUNTS).order_by(KEYS.c.id)
    if simulated is not None:
        query = query.where(KEYS.c.simulated == simulated)
    return [_key(row) for row in connection.execute(query).mappings()]


def last_readings(connection: Connection, wanted: Sequence[Key]) -> dict[int, Point]:
    """Return the last reading of each key, by the key's number.

    Args:
        connection: A connection in a transaction.
        wanted: The keys.
    """
    last = (
        select(READINGS.c.key_id, func.max(READINGS.c.at).label("at"))
        .where(READINGS.c.key_id.in_([key.id for key in wanted]))
        .group_by(READINGS.c.key_id)
        .subquery()
    )
    query = select(READINGS).join(last, and_(READINGS.c.key_id == last.c.key_id, READINGS.c.at == last.c.at))
    return {row["key_id"]: point_of(row) for row in connection.execute(query).mappings()}


def hours(connection: Connection, key: Key, begins: int, ends: int) -> list[Hour]:
    """Return a key's hours in a span, in order; those without readings are left out.

    Args:
        connection: A connection in a transaction.
        key: The key.
        begins: When the span begins, in milliseconds since 1970.
        ends: When the span ends, in milliseconds since 1970.
    """
    query = (
        select(HOURS)
        .where(HOURS.c.key_id == key.id, HOURS.c.hour >= hour_of(begins), HOURS.c.hour <= hour_of(ends))
        .order_by(HOURS.c.hour)
    )
    return [hour_of_row(row) for row in connection.execute(query).mappings()]


def periods_of_hours(
    connection: Connection, wanted: Sequence[Key], parts: Sequence[Span]
) -> dict[tuple[int, int], KeyPeriod]:
    """Return summaries of the keys' readings in parts of a span that consist of whole hours.

    Args:
        connection: A connection in a transaction.
        wanted: The keys.
        parts: The parts of a span. An hour belongs to the part that it begins in.

    Returns:
        The summaries by the part's index and the key's number; those without readings are left out.
    """
    edges = _edges([(hour_of(milliseconds(each.start)), _last_hour(each)) for each in parts])
    of_bucket = and_(HOURS.c.hour >= edges.c.begins, HOURS.c.hour < edges.c.ends)
    of_keys = HOURS.c.key_id.in_([key.id for key in wanted])
    summed = ("token_spent", "user_spent", "topped_up", "readings")
    sums = (
        select(
            edges.c.n,
            HOURS.c.key_id,
            HOURS.c.scale,
            func.max(HOURS.c.hour).label("last_hour"),
            func.max(HOURS.c.longest_gap).label("longest_gap"),
            *(func.sum(HOURS.c[name]).label(name) for name in summed),
        )
        .select_from(edges.join(HOURS, and_(of_bucket, of_keys)))
        .group_by(edges.c.n, HOURS.c.key_id, HOURS.c.scale)
    )
    found: dict[tuple[int, int], KeyPeriod] = defaultdict(KeyPeriod)
    last_hours: dict[tuple[int, int], int] = {}
    for row in connection.execute(sums).mappings():
        place = row["n"], row["key_id"]
        last_hours[place] = max(row["last_hour"], last_hours.get(place, 0))
        _add(found[place], row)
    _add_last(connection, found, last_hours)
    return dict(found)


def periods_of_readings(
    connection: Connection, wanted: Sequence[Key], parts: Sequence[Span]
) -> dict[tuple[int, int], KeyPeriod]:
    """Return summaries of the keys' readings in short parts of a span, from the last reading of each part.

    Args:
        connection: A connection in a transaction.
        wanted: The keys.
        parts: The consecutive parts of a span.

    Returns:
        The summaries by the part's index and the key's number; those without readings are left out.
    """
    found: dict[tuple[int, int], KeyPeriod] = {}
    edges = _edges([(milliseconds(each.start), milliseconds(each.end)) for each in parts])
    begins = milliseconds(parts[0].start)
    for key in wanted:
        of_bucket = READINGS.alias()
        last = (
            select(func.max(of_bucket.c.at))
            .where(of_bucket.c.key_id == key.id)
            .where(of_bucket.c.at >= edges.c.begins, of_bucket.c.at < edges.c.ends)
            .correlate(edges)
            .scalar_subquery()
        )
        query = (
            select(edges.c.n, READINGS)
            .select_from(edges.join(READINGS, and_(READINGS.c.key_id == key.id, READINGS.c.at == last)))
            .order_by(edges.c.n)
        )
        before = _last_before(connection, key, begins) or _first_since(connection, key, begins)
        for row in connection.execute(query).mappings():
            point = point_of(row, simulated=key.simulated)
            found[row["n"], key.id] = _period_between(before, point)
            before = point
    return found


def costs(
    connection: Connection, begins: int, ends: int, *, simulated: bool | None = None
) -> list[CostRecord]:
    """Return the costs of the runs that began in a span, oldest first.

    Args:
        connection: A connection in a transaction.
        begins: When the span begins, in milliseconds since 1970.
        ends: When the span ends, in milliseconds since 1970.
        simulated: Whether to return the runs that the demo account paid for or only the others; None for all.
    """
    query = select(COSTS).where(COSTS.c.began_at >= begins, COSTS.c.began_at < ends).order_by(COSTS.c.id)
    if simulated is not None:
        query = query.where(COSTS.c.simulated == simulated)
    return [cost_of_row(row) for row in connection.execute(query).mappings()]


def _edges(spans: Sequence[tuple[int, int]]) -> CTE:
    """Return spans as a table with the columns n, begins and ends."""
    rows = [
        select(literal(n).label("n"), literal(begins).label("begins"), literal(ends).label("ends"))
        for n, (begins, ends) in enumerate(spans)
    ]
    return union_all(*rows).cte("edges")


def _last_hour(part: Span) -> int:
    # The part's last hour counts as a whole, even if the part ends now.
    return hour_of(milliseconds(part.end) - 1) + 1


def _key(row: RowMapping) -> Key:
    return Key(
        id=row["id"],
        fingerprint=row["fingerprint"],
        label=row["label"] or f"key {row['fingerprint'][:6]}",
        account_id=row["account_id"],
        account=row["account"] or "",
        simulated=bool(row["simulated"]),
    )


def _add(period: KeyPeriod, row: RowMapping) -> None:
    def read(name: str) -> Decimal:
        return amount(int(row[name]), row["scale"])

    period.token_spent = total((period.token_spent, read("token_spent")))
    period.user_spent = total((period.user_spent, read("user_spent")))
    period.topped_up = total((period.topped_up, read("topped_up")))
    period.readings = (period.readings or 0) + int(row["readings"])
    period.longest_gap = max(period.longest_gap, row["longest_gap"])


def _add_last(
    connection: Connection, found: dict[tuple[int, int], KeyPeriod], last_hours: dict[tuple[int, int], int]
) -> None:
    """Add the last reading of each period, taken from its last hour."""
    places: dict[int, dict[int, int]] = defaultdict(dict)
    for (n, key), hour in last_hours.items():
        places[key][hour] = n
    for key, of_hours in places.items():
        query = select(HOURS).where(HOURS.c.key_id == key, HOURS.c.hour.in_(of_hours))
        for row in connection.execute(query).mappings():
            ended = hour_of_row(row)
            found[of_hours[ended.hour], key].last = Point(ended.last_at, ended.last)


def _last_before(connection: Connection, key: Key, at: int) -> Point | None:
    query = select(READINGS).where(READINGS.c.key_id == key.id, READINGS.c.at < at)
    row = connection.execute(query.order_by(READINGS.c.at.desc()).limit(1)).mappings().first()
    return None if row is None else point_of(row, simulated=key.simulated)


def _first_since(connection: Connection, key: Key, at: int) -> Point | None:
    """Return the first reading from a time on, used if there is none before it."""
    query = select(READINGS).where(READINGS.c.key_id == key.id, READINGS.c.at >= at)
    row = connection.execute(query.order_by(READINGS.c.at).limit(1)).mappings().first()
    return None if row is None else point_of(row, simulated=key.simulated)


def _period_between(before: Point | None, point: Point) -> KeyPeriod:
    period = KeyPeriod(readings=None, last=point)
    if before is not None:
        period.token_spent, period.user_spent = steps(before.credits, point.credits)
        period.topped_up = max(_granted(before.credits, point.credits), NOTHING)
        period.longest_gap = point.at - before.at
    return period


def _granted(earlier: Credits, later: Credits) -> Decimal:
    return total((later.user.total, earlier.user.total.copy_negate()))
