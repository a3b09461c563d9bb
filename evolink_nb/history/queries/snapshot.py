"""What a history knows at one moment about each key and each user, for watching a team."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from ...credits import total
from ..reports.spans import Span
from ..storage.engine import now_of
from ..tables.records import moment
from . import readings as queries
from .answers import spent_by
from .grouped_costs import grouped_costs

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ...credits import Credits
    from .readings import Key

WINDOWS = {"1h": timedelta(hours=1), "1d": timedelta(days=1), "7d": timedelta(days=7)}
"""The spans that spending is summed over."""
MAX_USERS = 100
"""The most users listed separately, those who spent the most; the number of labels must be bounded."""
OTHER_USERS = "others"
_BURN_WINDOW = "1h"


@dataclass(frozen=True, slots=True)
class KeyFigures:
    """What is known about one key.

    Attributes:
        key: Its label.
        account: Its account's label; "" for none.
        simulated: Whether it is the demo account's.
        credits: Its newest reading.
        read_at: When that was taken, by the database's clock.
        spent: Credits it spent, by window.
        in_periods: Credits it spent in each of the requested periods.
    """

    key: str
    account: str
    simulated: bool
    credits: Credits
    read_at: datetime
    spent: dict[str, Decimal]
    in_periods: tuple[Decimal, ...] = ()

    @property
    def burn_per_hour(self) -> Decimal:
        """Credits spent in the last hour."""
        return self.spent[_BURN_WINDOW]

    @property
    def runway(self) -> float:
        """Seconds that the credits last at that rate; infinite if nothing was spent."""
        rate = float(self.burn_per_hour) / 3600
        return max(float(self.credits.spendable), 0.0) / rate if rate > 0 else float("inf")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a history knows at one moment.

    Attributes:
        taken_at: The moment, by the database's clock.
        keys: The keys.
        users: Credits that measured work cost, by user and window.
    """

    taken_at: datetime
    keys: list[KeyFigures] = field(default_factory=list)
    users: dict[str, dict[str, Decimal]] = field(default_factory=dict)


def snapshot(connection: Connection, since: tuple[datetime, ...] = ()) -> Snapshot:
    """Return what a history knows now.

    Args:
        connection: A connection in a transaction.
        since: The beginnings of periods to sum spending over, each until now.
    """
    known, now = queries.keys(connection), now_of(connection)
    last = queries.last_readings(connection, known)
    end = moment(now)
    windows = {name: _spent(connection, known, Span(end - length, end)) for name, length in WINDOWS.items()}
    periods = [_spent(connection, known, Span(begins, end)) for begins in since]
    figures = [
        KeyFigures(
            key.label,
            key.account,
            key.simulated,
            last[key.id].credits,
            moment(last[key.id].at),
            {name: spent.get(key.id, Decimal(0)) for name, spent in windows.items()},
            tuple(spent.get(key.id, Decimal(0)) for spent in periods),
        )
        for key in known
        if key.id in last
    ]
    return Snapshot(end, figures, _users(connection, now))


def _spent(connection: Connection, known: list[Key], span: Span) -> dict[int, Decimal]:
    if not known or span.end <= span.start:
        return {}
    is_short = span.end - span.start <= WINDOWS[_BURN_WINDOW]
    find = queries.periods_of_readings if is_short else queries.periods_of_hours
    return {key: spent_by(period) for (_, key), period in find(connection, known, [span]).items()}


def _users(connection: Connection, now: int) -> dict[str, dict[str, Decimal]]:
    found: dict[str, dict[str, Decimal]] = {}
    for window, length in WINDOWS.items():
        begins = now - round(length.total_seconds() * 1000)
        for simulated in (False, True):
            for group in grouped_costs(connection, "user", begins, now + 1, simulated=simulated):
                user = group.id or "unknown"
                if user not in found and len(found) >= MAX_USERS:
                    user = OTHER_USERS
                of_user = found.setdefault(user, dict.fromkeys(WINDOWS, Decimal(0)))
                of_user[window] = total((of_user[window], group.spent))
    return found
