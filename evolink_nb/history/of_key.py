"""Questions to this process's history about one key, for budgets that outlive a kernel and for forecasts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import EvoLinkError
from .current import current
from .looking_back import read
from .runs_out_words import format_runs_out
from .sharing.sharing import source_of
from .storage.location import Kind
from .storage.places import is_begun
from .tables.records import MAX_SAME
from .usual_hours import MEMORY, runs_out

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ..api.client import EvoLinkClient
    from ..credits import Credits
    from ..periods import Zone
    from .queries.readings import Key
    from .tables.records import Source
    from .usual_hours import RunsOut

TIMEOUT = 5.0
"""Seconds that an answer may take; a cell may be waiting for it."""

T = TypeVar("T")


def kept_readings(source: Source, since: datetime, *, timeout: float = TIMEOUT) -> list[Credits]:
    """Return a key's readings from about a moment on: the last one before it, then the last of each hour.

    Args:
        source: The key.
        since: The moment, by this machine's clock.
        timeout: Seconds that the answer may take.

    Returns:
        The readings in order, by this machine's clock. They begin with earlier ones, which show how the key's
        counters move.

    Raises:
        HistoryError: There is no history, or it can't be read.
    """

    def ask(connection: Connection, key: Key, ahead: timedelta) -> list[Credits]:
        queries = _queries()
        now = datetime.now(UTC) + ahead
        found: list[Credits] = queries.readings_around(connection, key, since + ahead, now)
        shifted: list[Credits] = queries.shifted(found, -ahead)
        return shifted

    return _ask(source, ask, timeout) or []


def forecast(
    source: Source, credits: Credits, zone: Zone = None, *, timeout: float = TIMEOUT
) -> RunsOut | None:
    """Return when the credits that a key can spend will run out, at the usual hours of spending.

    Args:
        source: The key.
        credits: Its newest reading. If the account limits the key, spending by all the account's keys counts.
        zone: The time zone of the hours; None for this machine's.
        timeout: Seconds that the answer may take.

    Returns:
        The forecast, by this machine's clock; None if too little is known.

    Raises:
        HistoryError: There is no history, or it can't be read.
    """

    def ask(connection: Connection, key: Key, ahead: timedelta) -> RunsOut | None:
        now = datetime.now(UTC) + ahead
        by_account = credits.binding == "user"
        stretches = _queries().spent_in_hours(connection, key, now - MEMORY, now, by_account=by_account)
        found = runs_out(stretches, credits.spendable, now, zone)
        return None if found is None else found.shifted(-ahead)

    return _ask(source, ask, timeout)


def outlook(client: EvoLinkClient, credits: Credits, zone: Zone = None, *, timeout: float = TIMEOUT) -> str:
    """Return in words when the credits that a key can spend will run out; "" if that is unknown.

    Args:
        client: The key's client.
        credits: Its newest reading.
        zone: The time zone of the hours; None for this machine's.
        timeout: Seconds that the answer may take.

    Returns:
        The text, such as "runs out on Thu 3 Dec, between Wed and Sat".
    """
    try:
        if not has_past():
            return ""
        found = forecast(source_of(client), credits, zone, timeout=timeout)
    except EvoLinkError:
        return ""
    return format_runs_out(found, datetime.now(UTC), zone)


def has_past() -> bool:
    """Return whether there may be a history, without beginning one."""
    location = current.location
    if location.kind is Kind.FILE:
        return location.path is not None and is_begun(location.path)
    return location.kind is not Kind.OFF


def _ask(source: Source, ask: Callable[[Connection, Key, timedelta], T], timeout: float) -> T | None:
    writer = current.required_writer()

    def answer(connection: Connection) -> T | None:
        key = _queries().key_of(connection, source)
        if key is None:
            return None
        now = writer.store().now(connection) / 1000
        ahead = timedelta(seconds=now - datetime.now(UTC).timestamp())
        return ask(connection, key, ahead if abs(ahead) > MAX_SAME else timedelta())

    return read(answer, timeout=timeout)


def _queries() -> Any:
    # It imports SQLAlchemy.
    return import_module("evolink_nb.history.queries.keys")
