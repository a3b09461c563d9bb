"""Answers to what is asked of a history, made of its queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal

from sqlalchemy import Connection, select

from ..credits import total
from . import queries
from .grouped_costs import GroupedBy, grouped_costs, total_spent
from .hours import NOTHING
from .periods import Bucket, MachineZone, Unit, buckets
from .queries import Key, KeyPeriod
from .records import CostRecord, milliseconds, moment
from .report import Report
from .results import KeyRow, PeriodRow, WorkRow
from .schema import COSTS
from .selection import GAP

_HOUR = timedelta(hours=1)


def report_of_periods(connection: Connection, begins: datetime, ends: datetime, unit: Unit | None) -> Report:
    """Return what all accounts did, period by period.

    Args:
        connection: A connection in a transaction.
        begins: When the span begins.
        ends: When it ends.
        unit: How long each period is; None for one that suits the span.
    """
    wanted = _wanted(connection)
    spans = buckets(begins, ends, unit, _zone(begins))
    found = _periods(connection, wanted, spans)
    rows: list[PeriodRow] = []
    last_at = 0
    for n, span in enumerate(spans):
        periods = {key: period for (index, key), period in found.items() if index == n}
        row = _period_row(span, wanted, periods)
        is_known = milliseconds(span.begins) - last_at <= GAP * 1000
        if not periods and rows and is_known:
            # Nothing changed since, or there would be a reading.
            row = replace(row, remaining=rows[-1].remaining, key_remaining=rows[-1].key_remaining)
        last_at = max([last_at, *(each.last.at for each in periods.values() if each.last is not None)])
        rows.append(row)
    # The account wasn't read before it was first used.
    while rows and rows[0].remaining is None:
        rows.pop(0)
    spent = total(row.spent for row in rows)
    return Report(rows, by=unit or "", begins=begins, ends=ends, total=spent)


def report_of_keys(connection: Connection, begins: datetime, ends: datetime) -> Report:
    """Return what each key did.

    Args:
        connection: A connection in a transaction.
        begins: When the span begins.
        ends: When it ends.
    """
    wanted = _wanted(connection)
    found = _periods(connection, wanted, [Bucket(begins, ends)])
    last = queries.last_readings(connection, wanted)
    rows = []
    for key in wanted:
        period = found.get((0, key.id), KeyPeriod())
        point = last.get(key.id)
        unlimited = point is None or point.credits.token.unlimited
        rows.append(
            KeyRow(
                key=key.label,
                account=key.account,
                spent=_spent(period),
                account_spent=period.user_spent,
                remaining=None if point is None else point.credits.user.remaining,
                key_remaining=None if point is None or unlimited else point.credits.token.remaining,
                last_at=None if point is None else _shown(moment(point.at).astimezone(begins.tzinfo)),
                simulated=key.simulated,
            )
        )
    rows.sort(key=lambda row: row.spent, reverse=True)
    return Report(rows, by="key", begins=begins, ends=ends, total=total(row.spent for row in rows))


def report_of_work(connection: Connection, begins: datetime, ends: datetime, by: GroupedBy) -> Report:
    """Return what measured work cost, dearest first.

    Args:
        connection: A connection in a transaction.
        begins: When the span begins.
        ends: When it ends.
        by: What to add up by.
    """
    simulated = _is_all_simulated(connection)
    first, last = milliseconds(begins), milliseconds(ends)
    groups = grouped_costs(connection, by, first, last, simulated=simulated)
    rows = [
        WorkRow(
            name=group.name if by == "cell" else group.id or "unknown",
            kind=group.kind if by == "cell" else by,
            runs=group.runs,
            unknown=group.unknown,
            spent=group.spent,
            unsure=group.unsure,
            seconds=group.seconds,
            last_at=_shown(moment(group.last_at).astimezone(begins.tzinfo)),
            simulated=simulated,
            work=group.id if by == "cell" else "",
        )
        for group in groups
    ]
    spent = total_spent(connection, first, last, simulated=simulated)
    return Report(rows, by=by, begins=begins, ends=ends, total=spent)


def costs_between(connection: Connection, begins: datetime, ends: datetime) -> list[CostRecord]:
    """Return what runs that began in a span cost, oldest first.

    Args:
        connection: A connection in a transaction.
        begins: When the span begins.
        ends: When it ends.
    """
    return queries.costs(connection, milliseconds(begins), milliseconds(ends))


def _wanted(connection: Connection) -> list[Key]:
    """Return the keys to answer with: the demo account's only if there is no other."""
    known = queries.keys(connection)
    real = [key for key in known if not key.simulated]
    return real or known


def _is_all_simulated(connection: Connection) -> bool:
    is_real = connection.execute(select(COSTS.c.id).where(COSTS.c.simulated.is_(False)).limit(1)).first()
    return is_real is None


def _periods(
    connection: Connection, wanted: Sequence[Key], spans: Sequence[Bucket]
) -> Mapping[tuple[int, int], KeyPeriod]:
    if not wanted:
        return {}
    is_short = spans[0].ends - spans[0].begins < _HOUR and len(spans) > 1
    find = queries.periods_of_readings if is_short else queries.periods_of_hours
    return find(connection, wanted, spans)


def _period_row(span: Bucket, wanted: Sequence[Key], periods: Mapping[int, KeyPeriod]) -> PeriodRow:
    accounts = {key.id: key.account_id for key in wanted}
    of_account: dict[int, list[KeyPeriod]] = defaultdict(list)
    for key, period in periods.items():
        of_account[accounts[key]].append(period)
    by_account = list(of_account.values())
    last = [_latest(each) for each in by_account]
    points = [period.last.credits for period in last if period.last is not None]
    token = points[0].token if len(periods) == 1 and points else None
    return PeriodRow(
        begins=_shown(span.begins),
        ends=_shown(span.ends),
        spent=total(_spent(period) for period in periods.values()),
        # Each key's readings show the same account: the one that was read most has seen most of it.
        account_spent=total(max(period.user_spent for period in each) for each in by_account),
        topped_up=total(max(period.topped_up for period in each) for each in by_account),
        remaining=total(point.user.remaining for point in points) if points else None,
        key_remaining=None if token is None or token.unlimited else token.remaining,
        is_gap=any(min(period.longest_gap for period in each) > GAP * 1000 for each in by_account),
        simulated=any(key.simulated for key in wanted),
    )


def _latest(periods: Iterable[KeyPeriod]) -> KeyPeriod:
    return max(periods, key=lambda period: period.last.at if period.last is not None else 0)


def _spent(period: KeyPeriod) -> Decimal:
    """Return what a key spent; what the account did where the key's own counter stands still."""
    last = period.last
    is_frozen = last is not None and last.credits.token.unlimited and period.token_spent == NOTHING
    return period.user_spent if is_frozen else period.token_spent


def _shown(at: datetime) -> datetime:
    """Return a moment in a time zone that other libraries know."""
    return at.astimezone() if isinstance(at.tzinfo, MachineZone) else at


def _zone(begins: datetime) -> tzinfo:
    assert begins.tzinfo is not None  # for mypy: spans are aware  # noqa: S101
    return begins.tzinfo
