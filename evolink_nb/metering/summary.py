"""Sums over a ledger's entries, and what they say about the next run. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import get_args

from .. import credits
from .cost import Confidence, Cost
from .entry import EARLIER_NAME, IDLE_NAME, Doubt, Entry, Kind

NEWEST = 5
"""How many of the newest runs are used to estimate the next: code and prompts change."""

# Surest first, the order in which they are declared.
_CONFIDENCES: tuple[Confidence, ...] = get_args(Confidence)


@dataclass(frozen=True, slots=True)
class Row:
    """The cost of all runs of one thing, in credits.

    Attributes:
        name: The name the user recognizes.
        kind: What was measured.
        runs: The number of runs.
        total: Their total cost; None if no run's cost is known.
        mean: The average cost of a run; None if no run's cost is known.
        last: The cost of the newest run; None if unknown.
        change: ``last`` minus the mean of the earlier runs; None if there is nothing to compare with.
        seconds: The average duration of a run.
        confidence: The confidence of the least sure run.
        unknown: The number of runs of unknown cost: they are left out of all amounts, and never count as 0.
        items: The number of items its loops processed in total.
        simulated: Whether the runs spent demo credits.
        unsettled: Credits of ``total`` that are not settled.
        returned: Credits given back by earlier work, which lower ``total``.
    """

    name: str
    kind: Kind
    runs: int
    total: Decimal | None
    mean: Decimal | None
    last: Decimal | None
    change: Decimal | None
    seconds: float
    confidence: Confidence
    unknown: int = 0
    items: int = 0
    simulated: bool = False
    unsettled: Decimal = Decimal(0)
    returned: Decimal = Decimal(0)


def rows(entries: Iterable[Entry]) -> list[Row]:
    """Return a row for each thing measured.

    All idle time is one row. Runs on a real account and on the demo account have separate rows.

    Args:
        entries: The entries of a ledger, oldest first.

    Returns:
        The rows, most expensive first, unknown costs last.
    """
    groups: dict[tuple[str, str, bool], list[Entry]] = {}
    for entry in entries:
        key = "" if entry.kind == "idle" else entry.key
        groups.setdefault((entry.kind, key, entry.cost.simulated), []).append(entry)
    found = [_row(runs) for runs in groups.values()]
    known = [(row.total, row) for row in found if row.total is not None]
    known.sort(key=lambda pair: pair[0], reverse=True)
    return [row for _, row in known] + [row for row in found if row.total is None]


def total(entries: Iterable[Entry]) -> Decimal | None:
    """Return the total cost of all entries; nested work counts once.

    Simulated costs are left out, unless all are simulated.

    Args:
        entries: The entries of a ledger.

    Returns:
        Credits; None if no cost is known.
    """
    return _sum(entry.cost.credits for entry in _counted(entries))


def total_of_others(entries: Iterable[Entry]) -> Decimal | None:
    """Return the credits that others spent on the account meanwhile.

    Before a cost has settled, its own reservations can make this negative: it is then unknown.

    Args:
        entries: The entries of a ledger.

    Returns:
        Credits, as far as known; None if nothing is.
    """
    return _sum(_others(entry) for entry in _counted(entries))


def doubts(entries: Iterable[Entry]) -> dict[Doubt, Decimal]:
    """Return how much of `total` is not sure, and why.

    Args:
        entries: The entries of a ledger.

    Returns:
        Credits above 0 for each doubt that applies; what was given back is already subtracted from the total.
    """
    return _doubts(_counted(entries))


def _doubt_of(cost: Cost) -> Doubt | None:
    if cost.credits is None:
        return None
    if cost.credits < 0:
        return "given back"
    if cost.confidence in {"unsettled", "inconsistent"}:
        return "not settled"
    return "shared" if cost.confidence == "shared" else None


def is_mixed(entries: Sequence[Entry]) -> bool:
    """Return whether some known costs are simulated and some are real.

    Args:
        entries: The entries of a ledger.
    """
    return len({entry.cost.simulated for entry in entries if entry.cost.credits is not None}) > 1


def _counted(entries: Iterable[Entry]) -> list[Entry]:
    outermost = [entry for entry in entries if not entry.within]
    mixed = is_mixed(outermost)
    return [entry for entry in outermost if not (mixed and entry.cost.simulated)]


def _doubts(entries: Iterable[Entry]) -> dict[Doubt, Decimal]:
    found: dict[Doubt, list[Decimal]] = {}
    for entry in entries:
        doubt, amount = _doubt_of(entry.cost), entry.cost.credits
        own = ((doubt, amount.copy_abs()),) if doubt is not None and amount else ()
        for each, doubted in entry.doubts if entry.kind == "earlier" else own:
            found.setdefault(each, []).append(doubted)
    return {doubt: credits.total(found[doubt]) for doubt in get_args(Doubt) if doubt in found}


def _others(entry: Entry) -> Decimal | None:
    others = entry.cost.others
    return None if others is not None and others < 0 else others


def expected(
    entries: Sequence[Entry], key: str, *, per_item: bool = False, simulated: bool = False
) -> Decimal | None:
    """Return the estimated cost of the next run of something, from its newest runs.

    Args:
        entries: The entries of a ledger, oldest first.
        key: Identifies runs of the same thing.
        per_item: Whether to return the cost of one item of the loop instead.
        simulated: Whether to use runs on the demo account.

    Returns:
        Credits; None if unknown or zero.
    """
    known = [
        (entry.cost.credits, entry.items if per_item else 1)
        for entry in entries
        if entry.key == key and entry.kind != "earlier" and entry.cost.simulated == simulated
        if entry.cost.credits is not None
    ]
    newest = [(cost, count) for cost, count in known if count][-NEWEST:]
    mean = _mean(_sum(cost for cost, _ in newest), sum(count for _, count in newest))
    return mean if mean is not None and mean > 0 else None


def newest_costs(entries: Sequence[Entry], key: str, *, simulated: bool = False) -> list[Decimal]:
    """Return the costs of the newest runs of something, oldest first; unknown costs are left out.

    Args:
        entries: The entries of a ledger, oldest first.
        key: Identifies runs of the same thing.
        simulated: Whether to use runs on the demo account.
    """
    known = [
        entry.cost.credits
        for entry in entries
        if entry.key == key and entry.kind != "earlier" and entry.cost.simulated == simulated
        if entry.cost.credits is not None
    ]
    return known[-NEWEST:]


def runs_left(spendable: Decimal, expected: Decimal) -> int:
    """Return how many more runs can be paid for.

    Args:
        spendable: Credits; negative when the account is overdrawn.
        expected: The cost of each run in credits; more than 0.

    Returns:
        A whole number, 0 when overdrawn.
    """
    return credits.times_covered(spendable, expected)


def merged(runs: Sequence[Entry]) -> Entry:
    """Merge runs into one entry of the kind *earlier*.

    Args:
        runs: At least one; their costs are all known or all unknown, all simulated or all real.
    """
    return Entry(
        key="",
        name=EARLIER_NAME,
        kind="earlier",
        began_at=min(run.began_at for run in runs),
        cost=Cost(
            token=_sum(run.cost.credits for run in runs),
            others=_sum(_others(run) for run in runs),
            seconds=sum(run.cost.seconds for run in runs),
            settled=all(run.cost.settled for run in runs),
            confidence=_least_sure(runs),
            reason="these runs have been merged",
            simulated=runs[0].cost.simulated,
        ),
        within=runs[0].within,
        runs=sum(run.runs for run in runs),
        doubts=tuple(_doubts(runs).items()),
    )


def _row(entries: Sequence[Entry]) -> Row:
    newest = entries[-1]
    kind = newest.kind
    runs = sum(entry.runs for entry in entries)
    unknown = sum(entry.runs for entry in entries if entry.cost.credits is None)
    spent = _sum(entry.cost.credits for entry in entries)
    doubted = _doubts(entries)
    last = change = None
    if kind != "earlier":
        last = newest.cost.credits
        change = _change(entries) if kind != "idle" else None
    return Row(
        name=IDLE_NAME if kind == "idle" else newest.name,
        kind=kind,
        runs=runs,
        total=spent,
        mean=_mean(spent, runs - unknown),
        last=last,
        change=change,
        seconds=sum(entry.cost.seconds for entry in entries) / runs,
        confidence=_least_sure(entries),
        unknown=unknown,
        items=sum(entry.items for entry in entries),
        simulated=newest.cost.simulated,
        unsettled=doubted.get("not settled", Decimal(0)),
        returned=doubted.get("given back", Decimal(0)),
    )


def _change(entries: Sequence[Entry]) -> Decimal | None:
    last = entries[-1].cost.credits
    before = [entry.cost.credits for entry in entries[:-1] if entry.cost.credits is not None]
    mean = _mean(_sum(before), len(before))
    return None if last is None or mean is None else credits.difference(last, mean)


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return credits.total(known) if known else None


def _mean(amount: Decimal | None, count: int) -> Decimal | None:
    return None if amount is None or not count else credits.mean(amount, count)


def _least_sure(entries: Iterable[Entry]) -> Confidence:
    return max((entry.cost.confidence for entry in entries), key=_CONFIDENCES.index)
