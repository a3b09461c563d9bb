"""The words of a history chart: its title, its notes, and its description for screen readers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ...formatting import format_amount, in_credits
from ...periods import Zone, format_day, start_of

if TYPE_CHECKING:
    from .data import Bucket, ChartData, Dear, TopUp

EMPTY = "No readings have been kept for this time."
MAX_NAME = 48
"""The longest name shown, in characters."""
MAX_LISTED = 3
"""The most top-ups, gaps or names listed."""


def title(data: ChartData) -> str:
    """Return the title: the subject, the span and the time zone."""
    simulated = " (demo data)" if data.simulated else ""
    when = f" · {span(data.start, data.end, data.zone)}, {_zone_of(data)}" if data.buckets else ""
    return f"EvoLink credits{simulated}{when}"


def summary(data: ChartData) -> str:
    """Return what was spent and what is left."""
    if data.is_empty:
        return EMPTY
    balances = data.balances
    left = f", {format_amount(last)} left" if balances and (last := balances[-1].balance) is not None else ""
    return f"{in_credits(data.spent)} spent{left}"


def notes(data: ChartData) -> Iterator[str]:
    """Yield a line about the top-ups and one about the gaps, if there are any."""
    if data.top_ups:
        found = [f"{format_amount(each.amount)} on {_when(each, data.zone)}" for each in data.top_ups]
        yield f"Topped up: {_listed(found)}"
    gaps = [span(*gap, data.zone) for gap in data.gaps()]
    if gaps and not data.is_empty:
        where = ". The bar after a gap includes what was spent during it" if _is_in_next(data) else ""
        yield f"No readings: {_listed(gaps)}{where}"


def dearest(data: ChartData) -> list[str]:
    """Return a line for each of the most expensive pieces of work."""
    return [_dear(each, data.zone) for each in data.dearest[:MAX_LISTED]]


def description(data: ChartData) -> str:
    """Return a description of the chart for users who can't see it."""
    balances = [each.balance for each in data.balances if each.balance is not None]
    sentences = [f"Chart of the balance and of what was spent per {data.unit}. {summary(data)}"]
    if len(balances) > 1:
        sentences.append(f"The balance went from {format_amount(balances[0])} to {in_credits(balances[-1])}")
    spending = [each for each in data.buckets if each.spent]
    if spending:
        most = max(spending, key=lambda each: each.spent or 0)
        when = span(most.start, most.end, data.zone)
        sentences.append(f"Most was spent on {when}: {format_amount(most.spent or data.spent)}")
    sentences += notes(data)
    return ". ".join(sentences) + "."


def bucket_text(bucket: Bucket, data: ChartData) -> str:
    """Return what is known about a bucket, one fact per line.

    Args:
        bucket: The bucket.
        data: The data of its chart.
    """
    lines = [span(bucket.start, bucket.end, data.zone)]
    if not bucket.is_known:
        lines.append("no readings")
    if bucket.spent is not None:
        gap = ", perhaps partly during the gap before" if bucket.is_after_gap else ""
        lines.append(f"{in_credits(bucket.spent)} spent{gap if bucket.spent else ''}")
    if bucket.balance is not None:
        lines.append(f"{format_amount(bucket.balance)} left")
    lines += [
        f"topped up by {format_amount(each.amount)}"
        for each in data.top_ups
        if bucket.start <= each.at < bucket.end
    ]
    lines += [
        _dear(each, data.zone)
        for each in data.dearest
        if each.at is not None and bucket.start <= each.at < bucket.end
    ]
    return "\n".join(lines)


def span(start: datetime, end: datetime, zone: Zone) -> str:
    """Return a stretch of time as short text.

    Args:
        start: Its beginning.
        end: Its end.
        zone: The time zone of the text.

    Returns:
        "Tue 24 Nov 14:00 to 15:00"; whole days as "Tue 24 Nov" or "Mon 23 to Sun 29 Nov".
    """
    begin, finish = start.astimezone(zone), end.astimezone(zone)
    if start == start_of(begin.date(), zone) and end == start_of(finish.date(), zone):
        last = finish.date() - timedelta(days=1)
        if last <= begin.date():
            return format_day(begin.date())
        same_month = (begin.year, begin.month) == (last.year, last.month)
        same_year = begin.year == last.year
        first = format_day(begin.date())
        first = first.rpartition(" ")[0] if same_month else first
        year = "" if same_year else f" {begin.year}"
        return f"{first}{year} to {format_day(last)}{'' if same_year else f' {last.year}'}"
    if begin.date() == finish.date():
        return f"{moment(start, zone)} to {finish:%H:%M}"
    if end == start_of(begin.date() + timedelta(days=1), zone):
        return f"{moment(start, zone)} to 24:00"
    return f"{moment(start, zone)} to {moment(end, zone)}"


def moment(at: datetime, zone: Zone) -> str:
    """Return a moment: "Tue 24 Nov 14:05".

    Args:
        at: The moment.
        zone: The time zone of the text.
    """
    local = at.astimezone(zone)
    return f"{format_day(local.date())} {local:%H:%M}"


def one_line(name: str) -> str:
    """Return a name without characters that break its line or reverse its text, cut to `MAX_NAME`."""
    spaced = "".join(" " if character.isspace() else character for character in name)
    shown = " ".join("".join(character for character in spaced if character.isprintable()).split())
    return shown if len(shown) <= MAX_NAME else f"{shown[: MAX_NAME - 1]}…"


def _dear(each: Dear, zone: Zone) -> str:
    runs = f" in {each.runs:,} runs" if each.runs > 1 else ""
    when = f", {moment(each.at, zone)}" if each.at is not None else ""
    return f"{one_line(each.name) or 'unnamed'}: {in_credits(each.cost)}{runs}{when}"


def _is_in_next(data: ChartData) -> bool:
    return any(each.spent and each.is_after_gap for each in data.buckets)


def _when(each: TopUp, zone: Zone) -> str:
    return moment(each.at, zone) if each.until is None else span(each.at, each.until, zone)


def _listed(texts: list[str]) -> str:
    more = len(texts) - MAX_LISTED
    shown = ", ".join(texts[:MAX_LISTED])
    return f"{shown} and {more:,} more" if more > 0 else shown


def _zone_of(data: ChartData) -> str:
    """Return the name of the time zone at the end of the chart: "CET"."""
    return data.end.astimezone(data.zone).tzname() or str(data.zone)
