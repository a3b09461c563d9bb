"""Queries about one key."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from ..tables.hours import begin_of, hour_of
from ..tables.records import milliseconds, moment
from ..tables.rows import cost_of_row, point_of
from ..tables.schema import COSTS, KEYS, META, READINGS
from ..usual_hours import Stretch
from .readings import Key, hours, keys

if TYPE_CHECKING:
    from ...credits import Credits
    from ..tables.hours import Hour
    from ..tables.records import CostRecord, Source
    from ..tables.selection import Point

EARLIER = timedelta(days=7)
"""How long before a moment to look for readings that show how the key's counters move."""


def key_of(connection: Connection, source: Source) -> Key | None:
    """Return a key as a history knows it; None if it has never seen the key.

    Args:
        connection: A connection in a transaction.
        source: The key.
    """
    salt = connection.execute(select(META.c.value).where(META.c.name == "salt")).scalar_one()
    fingerprint = source.fingerprint(bytes.fromhex(salt))
    found = [each for each in keys(connection) if each.fingerprint == fingerprint]
    # The demo account's key only if there is no other.
    return min(found, key=lambda each: each.simulated, default=None)


def readings_around(connection: Connection, key: Key, since: datetime, now: datetime) -> list[Credits]:
    """Return a key's readings from about a moment on: the last one before it, then the last of each hour.

    Args:
        connection: A connection in a transaction.
        key: The key.
        since: The moment, by the database's clock.
        now: The present, by the database's clock.

    Returns:
        The readings in order, beginning with earlier ones, which show how the key's counters move.
    """
    at = milliseconds(since)
    begins = begin_of(hour_of(at))
    before = hours(connection, key, milliseconds(since - EARLIER), begins - 1)
    after = hours(connection, key, begin_of(hour_of(at) + 1), milliseconds(now))
    last = _last_until(connection, key, at)
    # All readings of the hour that the moment is in.
    within = _between(connection, key, begins, begin_of(hour_of(at) + 1))
    known = [each.last for each in before]
    if last is None and not within:
        # The key was first read in a later hour, so that hour's last reading isn't enough.
        within = _between(connection, key, begins, milliseconds(now), most=1)
    elif last is not None and not within and not before:
        known.append(last.credits)
    return [*known, *(each.credits for each in within), *(each.last for each in after)]


def runs_since(
    connection: Connection,
    fingerprint: str,
    since: int,
    first: int,
    *,
    simulated: bool,
    but: str,
    most: int,
) -> list[CostRecord]:
    """Return the runs with a key that ended after a time, the last recorded first.

    Args:
        connection: A connection in a transaction.
        fingerprint: The key's salted fingerprint.
        since: The time, in milliseconds since 1970.
        first: The smallest number they may have (`records.number_at`); it bounds the rows that are searched.
        simulated: Whether the demo account paid for them.
        but: The kernel whose runs to leave out.
        most: The most runs to return.
    """
    ended_at = COSTS.c.began_at + COSTS.c.milliseconds
    query = (
        select(COSTS)
        .join(KEYS, COSTS.c.key_id == KEYS.c.id)
        .where(COSTS.c.id >= first, KEYS.c.fingerprint == fingerprint, COSTS.c.simulated == simulated)
        .where(ended_at >= since, COSTS.c.kernel != but)
        .order_by(COSTS.c.id.desc())
        .limit(most)
    )
    return [cost_of_row(row) for row in connection.execute(query).mappings()]


def spent_in_hours(
    connection: Connection, key: Key, begins: datetime, now: datetime, *, by_account: bool
) -> list[Stretch]:
    """Return the spending from hour to hour.

    Args:
        connection: A connection in a transaction.
        key: The key.
        begins: When to begin, by the database's clock.
        now: The present, by the database's clock.
        by_account: Whether to return the whole account's spending.

    Returns:
        Stretches in order, each from the last reading of one hour to the last of the next hour with readings.
    """
    found = hours(connection, key, milliseconds(begins), milliseconds(now))
    stretches = []
    before = found[0].first_at if found else 0
    for each in found:
        if each.last_at > before:
            amount = max(_spent(each, by_account=by_account), Decimal(0))
            stretches.append(Stretch(moment(before), moment(each.last_at), amount))
        before = each.last_at
    return stretches


def shifted(readings: list[Credits], offset: timedelta) -> list[Credits]:
    """Return readings with their times converted to another clock.

    Args:
        readings: The readings.
        offset: How far that clock is ahead.
    """
    return [replace(each, read_at=each.read_at + offset) for each in readings] if offset else readings


def _spent(hour: Hour, *, by_account: bool) -> Decimal:
    is_frozen = hour.last.token.unlimited and not hour.token_spent
    return hour.user_spent if by_account or is_frozen else hour.token_spent


def _last_until(connection: Connection, key: Key, at: int) -> Point | None:
    query = select(READINGS).where(READINGS.c.key_id == key.id, READINGS.c.at <= at)
    row = connection.execute(query.order_by(READINGS.c.at.desc()).limit(1)).mappings().first()
    return None if row is None else point_of(row, simulated=key.simulated)


def _between(
    connection: Connection, key: Key, begins: int, ends: int, *, most: int | None = None
) -> list[Point]:
    query = (
        select(READINGS)
        .where(READINGS.c.key_id == key.id, READINGS.c.at >= begins, READINGS.c.at < ends)
        .order_by(READINGS.c.at)
        .limit(most)
    )
    return [point_of(row, simulated=key.simulated) for row in connection.execute(query).mappings()]
