"""Thins out old readings, and deletes rows that are older than they are to be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, select, update

from ..tables.hours import begin_of, hour_of
from ..tables.schema import COSTS, HOURS, KEYS, META, READINGS
from .retention import KEEP_READINGS, retention_of
from .writing import put

if TYPE_CHECKING:
    from .retention import Retention

MAINTENANCE_INTERVAL = 3_600.0
"""Seconds between two rounds of maintenance by a process."""
MAX_HOURS = 500
"""The most hours thinned in one round, which must not take long."""
_DAY = 86_400_000
_KEEP_READINGS, _KEEP_HISTORY = "keep_readings", "keep_history"
"""The names of a team's own settings in ``meta``; their values are days, with 0 for forever."""


def maintain(connection: Connection, now: int, retention: Retention) -> None:
    """Thin out and delete old rows, a part of them at a time.

    Args:
        connection: A connection in a transaction that may write.
        now: The time by the database's clock, in milliseconds since 1970.
        retention: How long readings and everything else are kept.
    """
    if retention.every_reading is not None:
        _thin(connection, now - retention.every_reading * _DAY)
    if retention.anything is not None:
        until = now - retention.anything * _DAY
        for key in connection.execute(select(KEYS.c.id)).scalars().all():
            connection.execute(delete(READINGS).where(READINGS.c.key_id == key, READINGS.c.at < until))
            old = (HOURS.c.key_id == key, HOURS.c.hour < hour_of(until))
            connection.execute(delete(HOURS).where(*old))
        connection.execute(delete(COSTS).where(COSTS.c.began_at < until))


def retention_in(connection: Connection) -> Retention:
    """Return how long a team's database keeps readings and everything else, by its own settings.

    Args:
        connection: A connection in a transaction.
    """
    query = select(META.c.name, META.c.value).where(META.c.name.in_((_KEEP_READINGS, _KEEP_HISTORY)))
    days = {name: int(value) for name, value in connection.execute(query).all()}
    return retention_of(days.get(_KEEP_READINGS, KEEP_READINGS), days.get(_KEEP_HISTORY, 0))


def keep_in(connection: Connection, keep_readings: int | None, keep_history: int | None) -> Retention:
    """Set how long a team's database keeps readings and everything else; return the result.

    Args:
        connection: A connection in a transaction that may write.
        keep_readings: Days to keep every reading, 0 for forever; None for no change.
        keep_history: Days to keep anything at all, 0 for forever; None for no change.
    """
    given = {_KEEP_READINGS: keep_readings, _KEEP_HISTORY: keep_history}
    rows = [{"name": name, "value": str(days)} for name, days in given.items() if days is not None]
    put(connection, META, rows)
    return retention_in(connection)


def _thin(connection: Connection, until: int) -> None:
    query = (
        select(HOURS.c.key_id, HOURS.c.hour, HOURS.c.last_at)
        .where(HOURS.c.thinned.is_(False), HOURS.c.hour < hour_of(until))
        .limit(MAX_HOURS)
    )
    for key, hour, last_at in connection.execute(query).all():
        readings = (READINGS.c.key_id == key, READINGS.c.at >= begin_of(hour), READINGS.c.at < last_at)
        connection.execute(delete(READINGS).where(*readings))
        connection.execute(
            update(HOURS).where(HOURS.c.key_id == key, HOURS.c.hour == hour).values(thinned=True)
        )
