"""A past of some weeks for the demo account, which gives a chart something to show.

It is kept in this process's memory; the user's own history isn't touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from ..credits import Credits, TokenCredits, UserCredits, difference, total
from ..demo import OTHER_KEY, SEED
from ..demo.past import DAYS, Run, past_days
from ..errors import ConfigurationError
from ..periods import start_of
from .current import current
from .sharing.sharing import source_of
from .storage.buffer import Batch
from .storage.location import Kind, Location
from .tables.records import CostRecord, ReadingRecord, Source, new_number, work_id
from .tables.selection import HEARTBEAT

if TYPE_CHECKING:
    from ..api.client import EvoLinkClient
    from ..demo.past import Day

STEPS = 4
"""The number of readings that each show a part of a run's spending."""
TIMEOUT = 10.0
"""Seconds that the demo server may take to answer."""
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class SimulatedPast:
    """The simulated past that was written.

    Attributes:
        readings: The number of readings.
        costs: The number of costs.
        spent: Credits that the account's own key spent.
    """

    readings: int
    costs: int
    spent: Decimal


@dataclass(frozen=True, slots=True)
class _Event:
    """A change of the account: credits that its own key and others spent, and credits added."""

    at: datetime
    own: Decimal = NOTHING
    others: Decimal = NOTHING
    topped_up: Decimal = NOTHING


@dataclass(frozen=True, slots=True)
class _Past:
    """The events and runs in order, and the times when nothing read the account."""

    events: Sequence[_Event]
    runs: Sequence[tuple[datetime, Run]]
    unread: Sequence[tuple[datetime, datetime]]
    begin: datetime


def simulate_past(client: EvoLinkClient, *, seed: int = SEED) -> SimulatedPast:
    """Simulate the demo account's last four weeks; keep this process's history in memory from then on.

    The weeks end with yesterday, and the account spends what they spent.

    Args:
        client: A client of a demo account.
        seed: Determines what happened.

    Returns:
        What was written.

    Raises:
        ConfigurationError: The account is a real one.
        EvoLinkError: The account can't be read.
    """
    if not client.get_credits().simulated:
        raise ConfigurationError("This is not the demo account.", hint="Set EVOLINK_NB_DEMO to 1.")
    now = datetime.now(UTC)
    past = _past(now, seed)
    _live_through(client, past)
    present = client.get_credits()
    source = source_of(client)
    readings = [ReadingRecord(source, each) for each in _readings(past, present, now)]
    first = new_number()
    # Numbered in the order of the runs, because runs are listed by number.
    costs = [_cost(first + n, source, at, run) for n, (at, run) in enumerate(past.runs)]
    current.use(Location(Kind.MEMORY))
    current.required_writer().store().write(Batch(readings, costs))
    return SimulatedPast(len(readings), len(costs), total(event.own for event in past.events))


def _past(now: datetime, seed: int) -> _Past:
    today = now.astimezone().date()
    dates = [today - timedelta(days=number) for number in range(DAYS, 0, -1)]
    starts = [start_of(each, None) for each in dates]
    days = past_days(dates, seed)
    events, runs, unread = list[_Event](), list[tuple[datetime, Run]](), list[tuple[datetime, datetime]]()
    for start, day in zip(starts, days, strict=True):
        runs += [(start + timedelta(hours=run.hour), run) for run in day.runs]
        events += _events(start, day)
        if not day.is_read:
            unread.append((start, start + timedelta(days=1)))
    return _Past(sorted(events, key=lambda event: event.at), runs, unread, starts[0])


def _events(start: datetime, day: Day) -> Iterator[_Event]:
    if day.topped_up:
        yield _Event(start + timedelta(hours=8.75), topped_up=day.topped_up)
    if day.others:
        yield _Event(start + timedelta(hours=16.1), others=day.others)
    for run in day.runs:
        # The other parts are rounded to a tenth of a credit; the last one is the rest.
        part = (run.credits / STEPS).quantize(Decimal("0.1"))
        parts = [part] * (STEPS - 1) + [run.credits - part * (STEPS - 1)]
        for number, credits in enumerate(parts, 1):
            yield _Event(start + timedelta(hours=run.hour + run.hours * number / (STEPS + 1)), own=credits)


def _live_through(client: EvoLinkClient, past: _Past) -> None:
    """Spend the past's credits on the demo account, unless an earlier kernel has done so."""
    own = total(event.own for event in past.events)
    others = total(event.others for event in past.events)
    if client.get_credits().user.used >= own + others:
        return
    session = client.session()
    topped_up = total(event.topped_up for event in past.events)
    changes: tuple[tuple[str, Decimal, dict[str, str]], ...]
    changes = (("top-up", topped_up, {}), ("spend", own, {}), ("spend", others, {"key": OTHER_KEY}))
    for what, credits, who in changes:
        session.post(
            f"{client.base_url}/demo/{what}",
            json={"credits": float(credits), **who},
            auth=client.auth,
            timeout=TIMEOUT,
        ).raise_for_status()


def _readings(past: _Past, present: Credits, now: datetime) -> Iterator[Credits]:
    """Yield readings at each change, and some in between, ending with the present one."""
    own = others = topped_up = NOTHING
    found = [replace(present, read_at=now)]
    later = now
    for event in reversed(past.events):
        found += [_at(present, at, own, others, topped_up) for at in _between(event.at, later)]
        own, others = total((own, event.own)), total((others, event.others))
        topped_up = total((topped_up, event.topped_up))
        later = event.at
        # A second before the change, which would otherwise look gradual.
        found.append(_at(present, later - timedelta(seconds=1), own, others, topped_up))
    found += [_at(present, at, own, others, topped_up) for at in _between(past.begin, later)]
    return (
        each for each in reversed(found) if not any(begin <= each.read_at < end for begin, end in past.unread)
    )


def _between(begin: datetime, end: datetime) -> list[datetime]:
    """Return the moments from ``begin`` to ``end``, one every `HEARTBEAT` seconds, latest first."""
    count = int((end - begin - timedelta(seconds=2)) / timedelta(seconds=HEARTBEAT))
    return [begin + timedelta(seconds=HEARTBEAT * number) for number in range(count, -1, -1)]


def _at(present: Credits, at: datetime, own: Decimal, others: Decimal, topped_up: Decimal) -> Credits:
    """Return the reading from before these credits were spent and added."""
    token, user, spent = present.token, present.user, total((own, others))
    remaining = difference(total((user.remaining, spent)), topped_up)
    return Credits(
        TokenCredits(total((token.remaining, own)), difference(token.used, own), token.unlimited),
        UserCredits(remaining, difference(user.used, spent)),
        read_at=at,
        simulated=True,
    )


def _cost(number: int, source: Source, at: datetime, run: Run) -> CostRecord:
    return CostRecord(
        number=number,
        source=source,
        kind="cell",
        work=work_id("cell", run.name),
        name=run.name,
        began_at=at,
        notebook=run.notebook,
        kernel="simulated",
        username=run.username,
        token=run.credits,
        user=run.credits,
        others=NOTHING,
        topped_up=NOTHING,
        seconds=run.hours * 3600,
        settled=True,
        confidence="clean",
        simulated=True,
    )
