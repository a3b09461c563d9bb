"""The reports that answer questions to a history, made from its queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from ...credits import total
from ..reports.report import Report
from ..reports.results import KeyRow, PeriodRow, WorkRow
from ..reports.spans import Span, Unit, parts
from ..tables.hours import NOTHING
from ..tables.records import CostRecord, milliseconds, moment
from ..tables.schema import COSTS
from ..tables.selection import GAP
from . import readings as queries
from .grouped_costs import GroupedBy, grouped_costs, total_spent
from .readings import Key, KeyPeriod

if TYPE_CHECKING:
    from ...periods import Zone

DEAREST = 3
"""How many of the most expensive pieces of work a report by time names."""
_HOUR = timedelta(hours=1)


def report_of_periods(connection: Connection, span: Span, unit: Unit | None, zone: Zone) -> Report:
    """Return what all accounts did, period by period.

    Args:
        connection: A connection in a transaction.
        span: The span.
        unit: The length of each period; None for one that suits the span.
        zone: The time zone in which days begin.
    """
    wanted = _wanted(connection)
    spans = parts(span, unit, zone)
    found = _periods(connection, wanted, spans)
    of_parts: dict[int, dict[int, KeyPeriod]] = defaultdict(dict)
    for (n, key), period in found.items():
        of_parts[n][key] = period
    rows: list[PeriodRow] = []
    last_at = 0
    for n, part in enumerate(spans):
        periods = of_parts[n]
        row = _period_row(part, zone, wanted, periods)
        is_known = milliseconds(part.end) - last_at <= GAP * 1000
        if not periods and rows and is_known:
            # Nothing has changed since, or there would be a reading.
            row = replace(row, remaining=rows[-1].remaining, key_remaining=rows[-1].key_remaining)
        last_at = max([last_at, *(each.last.at for each in periods.values() if each.last is not None)])
        rows.append(row)
    # The account wasn't read before it was first used.
    while rows and rows[0].remaining is None:
        rows.pop(0)
    spent = total(row.spent for row in rows)
    dearest = _work_rows(connection, span, "cell", simulated=any(row.simulated for row in rows))[:DEAREST]
    return Report(rows, by=unit or "", span=span, total=spent, dearest=dearest, zone=zone)


def report_of_keys(connection: Connection, span: Span) -> Report:
    """Return what each key did.

    Args:
        connection: A connection in a transaction.
        span: The span.
    """
    wanted = _wanted(connection)
    found = _periods(connection, wanted, [span])
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
                spent=spent_by(period),
                account_spent=period.user_spent,
                remaining=None if point is None else point.credits.user.remaining,
                key_remaining=None if point is None or unlimited else point.credits.token.remaining,
                last_at=None if point is None else moment(point.at).astimezone(span.start.tzinfo),
                simulated=key.simulated,
            )
        )
    rows.sort(key=lambda row: row.spent, reverse=True)
    return Report(rows, by="key", span=span, total=total(row.spent for row in rows))


def report_of_work(connection: Connection, span: Span, by: GroupedBy) -> Report:
    """Return what measured work cost, most expensive first.

    Args:
        connection: A connection in a transaction.
        span: The span.
        by: What to group by.
    """
    simulated = _is_all_simulated(connection)
    rows = _work_rows(connection, span, by, simulated=simulated)
    first, last = milliseconds(span.start), milliseconds(span.end)
    spent = total_spent(connection, first, last, simulated=simulated)
    return Report(rows, by=by, span=span, total=spent)


def costs_between(connection: Connection, span: Span) -> list[CostRecord]:
    """Return the costs of the runs that began in a span, oldest first.

    Args:
        connection: A connection in a transaction.
        span: The span.
    """
    return queries.costs(connection, milliseconds(span.start), milliseconds(span.end))


def _work_rows(connection: Connection, span: Span, by: GroupedBy, *, simulated: bool) -> list[WorkRow]:
    first, last = milliseconds(span.start), milliseconds(span.end)
    return [
        WorkRow(
            name=group.name if by == "cell" else group.id or "unknown",
            kind=group.kind if by == "cell" else by,
            runs=group.runs,
            unknown=group.unknown,
            spent=group.spent,
            unsure=group.unsure,
            seconds=group.seconds,
            last_at=moment(group.last_at).astimezone(span.start.tzinfo),
            simulated=simulated,
            work=group.id if by == "cell" else "",
        )
        for group in grouped_costs(connection, by, first, last, simulated=simulated)
    ]


def _wanted(connection: Connection) -> list[Key]:
    """Return the keys to report on: the demo account's only if there are no others."""
    known = queries.keys(connection)
    real = [key for key in known if not key.simulated]
    return real or known


def _is_all_simulated(connection: Connection) -> bool:
    is_real = connection.execute(select(COSTS.c.id).where(COSTS.c.simulated.is_(False)).limit(1)).first()
    return is_real is None


def _periods(
    connection: Connection, wanted: Sequence[Key], spans: Sequence[Span]
) -> Mapping[tuple[int, int], KeyPeriod]:
    if not wanted:
        return {}
    is_short = spans[0].end - spans[0].start < _HOUR and len(spans) > 1
    find = queries.periods_of_readings if is_short else queries.periods_of_hours
    return find(connection, wanted, spans)


def _period_row(part: Span, zone: Zone, wanted: Sequence[Key], periods: Mapping[int, KeyPeriod]) -> PeriodRow:
    accounts = {key.id: key.account_id for key in wanted}
    of_account: dict[int, list[KeyPeriod]] = defaultdict(list)
    for key, period in periods.items():
        of_account[accounts[key]].append(period)
    by_account = list(of_account.values())
    last = [_latest(each) for each in by_account]
    points = [period.last.credits for period in last if period.last is not None]
    token = points[0].token if len(periods) == 1 and points else None
    return PeriodRow(
        start=part.start.astimezone(zone),
        end=part.end.astimezone(zone),
        spent=total(spent_by(period) for period in periods.values()),
        # The readings of all keys show the same account: the largest sum has seen the most of it.
        account_spent=total(max(period.user_spent for period in each) for each in by_account),
        topped_up=total(max(period.topped_up for period in each) for each in by_account),
        remaining=total(point.user.remaining for point in points) if points else None,
        key_remaining=None if token is None or token.unlimited else token.remaining,
        is_gap=any(min(period.longest_gap for period in each) > GAP * 1000 for each in by_account),
        simulated=any(key.simulated for key in wanted),
    )


def _latest(periods: Iterable[KeyPeriod]) -> KeyPeriod:
    return max(periods, key=lambda period: period.last.at if period.last is not None else 0)


def spent_by(period: KeyPeriod) -> Decimal:
    """Return what a key spent, or what the account spent if the key's own counter stands still."""
    last = period.last
    is_frozen = last is not None and last.credits.token.unlimited and period.token_spent == NOTHING
    return period.user_spent if is_frozen else period.token_spent
