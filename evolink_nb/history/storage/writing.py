"""Writes a batch of readings and costs in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ..tables.hours import Hour, begin_of, hour_of, sum_up
from ..tables.records import ReadingRecord, Source, milliseconds
from ..tables.rows import cost_row, hour_of_row, hour_row, point_of, reading_row
from ..tables.schema import ACCOUNTS, COSTS, HOURS, KEYS, READINGS
from ..tables.selection import Point, is_worth_keeping

if TYPE_CHECKING:
    from .buffer import Batch


class KeyNumbers:
    """A cache of a database's numbers of keys, for writing to it.

    Attributes:
        salt: The database's salt.
    """

    def __init__(self, salt: bytes) -> None:
        """Start empty.

        Args:
            salt: The database's salt.
        """
        self.salt = salt
        self._known: dict[tuple[str, str, str, bool], int] = {}

    def forget(self) -> None:
        """Forget all numbers, because a transaction that created one may have failed."""
        self._known.clear()

    def number_of(self, connection: Connection, source: Source, *, simulated: bool) -> int:
        """Return a key's number, creating the key and its account if they are new.

        Args:
            connection: A connection in a transaction that may write.
            source: The key.
            simulated: Whether its readings are the demo account's.
        """
        known = (source.identity, source.account, source.label, simulated)
        if known not in self._known:
            fingerprint = self.fingerprint_of(source)
            self._known[known] = _find_key(connection, source, fingerprint, simulated=simulated)
        return self._known[known]

    def fingerprint_of(self, source: Source) -> str:
        """Return a key's fingerprint in this database; this takes a moment the first time.

        Args:
            source: The key.
        """
        return source.fingerprint(self.salt)


def write_batch(connection: Connection, batch: Batch, keys: KeyNumbers, offset: int) -> None:
    """Write readings that say something new, and costs, replacing earlier ones of the same runs.

    Args:
        connection: A connection in a transaction that may write.
        batch: The readings and costs. Writing them again changes nothing.
        keys: The keys' numbers.
        offset: How far the database's clock is ahead of this machine's, in milliseconds.
    """
    rows = []
    for record in batch.costs:
        key = None
        if record.source is not None:
            key = keys.number_of(connection, record.source, simulated=record.simulated)
        rows.append(cost_row(record, key, offset))
    if rows:
        put(connection, COSTS, rows)
    of_keys: dict[int, list[Point]] = {}
    for reading in batch.readings:
        of_key = of_keys.setdefault(_key_of(connection, reading, keys), [])
        of_key.append(Point(milliseconds(reading.credits.read_at) + offset, reading.credits))
    # In order, to prevent a deadlock between two writers.
    for key, points in sorted(of_keys.items()):
        write_points(connection, key, sorted(points, key=lambda point: point.at))


def write_points(connection: Connection, key: int, points: Sequence[Point]) -> None:
    """Write a key's readings, and the hours they are in.

    Args:
        connection: A connection in a transaction that may write.
        key: The key's number.
        points: The readings, oldest first.
    """
    # One writer of a key at a time, because each builds on its last reading. SQLite has only one writer
    # anyway.
    connection.execute(select(KEYS.c.id).where(KEYS.c.id == key).with_for_update(key_share=True))
    last = last_point(connection, key)
    late = [point for point in points if last is not None and point.at <= last.at]
    _append(connection, key, last, points[len(late) :])
    for point in late:
        _insert_late(connection, key, point)


def last_point(connection: Connection, key: int, until: int | None = None) -> Point | None:
    """Return a key's last reading.

    Args:
        connection: A connection in a transaction.
        key: The key's number.
        until: The latest time that counts, in milliseconds since 1970.
    """
    query = select(READINGS).where(READINGS.c.key_id == key)
    if until is not None:
        query = query.where(READINGS.c.at <= until)
    row = connection.execute(query.order_by(READINGS.c.at.desc()).limit(1)).mappings().first()
    return None if row is None else point_of(row)


def put(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, each replacing the one with the same primary key.

    Args:
        connection: A connection in a transaction that may write.
        table: The table.
        rows: The rows, all with the same columns.
    """
    primary = [column.name for column in table.primary_key]
    statement = inserting(connection, table)
    changes = {name: statement.excluded[name] for name in rows[0] if name not in primary}
    connection.execute(statement.on_conflict_do_update(index_elements=primary, set_=changes), rows)


def inserting(connection: Connection, table: Table) -> Any:
    """Return an insert statement that can say what to do if a row already exists.

    Args:
        connection: The connection it is for.
        table: The table.
    """
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table)


def _key_of(connection: Connection, reading: ReadingRecord, keys: KeyNumbers) -> int:
    return keys.number_of(connection, reading.source, simulated=reading.credits.simulated)


def _append(connection: Connection, key: int, last: Point | None, points: Iterable[Point]) -> None:
    """Write readings that are later than all existing ones."""
    before, kept = last, list[Point]()
    for point in points:
        if is_worth_keeping(last, point):
            # Two readings may have the same millisecond.
            at = point.at if last is None else max(point.at, last.at + 1)
            last = Point(at, point.credits)
            kept.append(last)
    if not kept:
        return
    connection.execute(READINGS.insert(), [reading_row(key, point) for point in kept])
    hour = None if before is None else _hour(connection, key, hour_of(before.at))
    _put_hours(connection, key, sum_up(kept, before, hour, None))


def _insert_late(connection: Connection, key: int, point: Point) -> None:
    """Write a reading that arrived after a later one; sum up its hour and the next reading's hour again."""
    before = last_point(connection, key, point.at)
    if not is_worth_keeping(before, point):
        return
    if before is not None and before.at == point.at:
        point = Point(_free_after(connection, key, point.at), point.credits)
    connection.execute(READINGS.insert(), [reading_row(key, point)])
    following = connection.execute(
        select(func.min(READINGS.c.at)).where(READINGS.c.key_id == key, READINGS.c.at > point.at)
    ).scalar()
    for hour in sorted({hour_of(at) for at in (point.at, following) if at is not None}):
        _sum_up_again(connection, key, hour)


def _free_after(connection: Connection, key: int, at: int) -> int:
    """Return the first millisecond without a reading, from a moment on."""
    taken = connection.execute(
        select(READINGS.c.at).where(READINGS.c.key_id == key, READINGS.c.at >= at).order_by(READINGS.c.at)
    ).scalars()
    for used in taken:
        if used != at:
            break
        at += 1
    return at


def _sum_up_again(connection: Connection, key: int, hour: int) -> None:
    begins, ends = begin_of(hour), begin_of(hour + 1)
    before = last_point(connection, key, begins - 1)
    earlier = None if before is None else _hour(connection, key, hour_of(before.at))
    in_hour = (
        select(READINGS)
        .where(READINGS.c.key_id == key, READINGS.c.at >= begins, READINGS.c.at < ends)
        .order_by(READINGS.c.at)
    )
    points = [point_of(row) for row in connection.execute(in_hour).mappings()]
    _put_hours(
        connection, key, sum_up(points, before, None, None if earlier is None else earlier.most_granted)
    )


def _hour(connection: Connection, key: int, hour: int) -> Hour | None:
    query = select(HOURS).where(HOURS.c.key_id == key, HOURS.c.hour == hour)
    row = connection.execute(query).mappings().first()
    return None if row is None else hour_of_row(row)


def _put_hours(connection: Connection, key: int, hours: Iterable[Hour]) -> None:
    rows = [hour_row(key, hour) for hour in hours]
    if rows:
        put(connection, HOURS, rows)


def _find_key(connection: Connection, source: Source, fingerprint: str, *, simulated: bool) -> int:
    this_key = (KEYS.c.fingerprint == fingerprint, KEYS.c.simulated == simulated)
    query = select(KEYS.c.id, KEYS.c.account_id, KEYS.c.label).where(*this_key)
    row = connection.execute(query).first()
    if row is None:
        account = _find_account(connection, source.account)
        values = {"account_id": account, "fingerprint": fingerprint, "simulated": simulated}
        connection.execute(inserting(connection, KEYS).values(**values).on_conflict_do_nothing())
        row = connection.execute(query).one()
        if not source.account and row.account_id != account:  # another process was first
            connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.id == account))
    if source.label and row.label != source.label:
        connection.execute(update(KEYS).where(*this_key).values(label=source.label))
    if source.account:
        account = _find_account(connection, source.account)
        if row.account_id != account:
            connection.execute(update(KEYS).where(*this_key).values(account_id=account))
    key: int = row.id
    return key


def _find_account(connection: Connection, label: str) -> int:
    """Return the number of the account with a label, or of a new account if the label is empty."""
    statement = inserting(connection, ACCOUNTS).values(label=label or None)
    if label:
        connection.execute(statement.on_conflict_do_nothing())
        found = connection.execute(select(ACCOUNTS.c.id).where(ACCOUNTS.c.label == label)).scalar_one()
    else:
        found = connection.execute(statement.returning(ACCOUNTS.c.id)).scalar_one()
    number: int = found
    return number
