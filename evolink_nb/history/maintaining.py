"""Thins out old readings, and deletes what is older than it is to be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, select, update

from .hours import begin_of, hour_of
from .schema import COSTS, HOURS, KEYS, READINGS

if TYPE_CHECKING:
    from .retention import Retention

MAINTENANCE_INTERVAL = 3_600.0
"""Seconds between two rounds of a process."""
MAX_HOURS = 500
"""Hours that are thinned in one round, so that none takes long."""
_DAY = 86_400_000


def maintain(connection: Connection, now: int, retention: Retention) -> None:
    """Thin out and delete what is old, a part of it at a time.

    Args:
        connection: A connection in a transaction that may write.
        now: The time by the database's clock, in milliseconds since 1970.
        retention: How long what is kept.
    """
    if retention.every_reading is not None:
        _thin(connection, now - retention.every_reading * _DAY)
    if retention.hours is not None:
        until = now - retention.hours * _DAY
        for key in connection.execute(select(KEYS.c.id)).scalars().all():
            connection.execute(delete(READINGS).where(READINGS.c.key_id == key, READINGS.c.at < until))
            old = (HOURS.c.key_id == key, HOURS.c.hour < hour_of(until))
            connection.execute(delete(HOURS).where(*old))
    if retention.costs is not None:
        connection.execute(delete(COSTS).where(COSTS.c.began_at < now - retention.costs * _DAY))


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
