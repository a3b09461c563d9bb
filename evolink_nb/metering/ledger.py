"""What work has cost in this kernel, run by run, and what that says about the next run.

A `Ledger` keeps the entries: `MemoryLedger` for as long as the kernel lives. Whatever else has its three
methods can take its place with `use`. The functions below it are pure.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Context, Decimal
from functools import reduce
from typing import Literal, Protocol, get_args

from .cost import Confidence, Cost

Kind = Literal["cell", "meter", "loop", "idle", "earlier"]
"""What was measured. *idle* is the time between cells, *earlier* runs that are no longer told apart."""

IDLE_NAME = "while no cell ran"
EARLIER_NAME = "earlier runs"
MAX_ENTRIES = 10_000
"""Entries that a kernel's memory keeps apart; a meter in a long loop makes thousands."""
NEWEST = 5
"""Runs that tell what the next one will cost, at most: code and prompts change."""

# Surest first, as they are written there.
_CONFIDENCES: tuple[Confidence, ...] = get_args(Confidence)
# Sums are exact whatever precision a notebook sets: this holds every amount that `credits` lets in.
_EXACT = Context(prec=1_000)
_MEAN = Context(prec=28)


@dataclass(frozen=True, slots=True)
class Entry:
    """One run of something that was measured.

    Entries of one kind with the same ``key`` are runs of the same thing; ``name`` is what a person
    recognizes it by. ``began_at`` is an aware datetime. ``items`` is how many items a loop did. ``within``
    says that another entry's cost holds this one's too, as a cell's holds that of a meter in it. ``runs`` is
    1, but for what a ledger no longer tells apart.
    """

    key: str
    name: str
    kind: Kind
    began_at: datetime
    cost: Cost
    items: int = 0
    within: bool = False
    runs: int = 1


class Ledger(Protocol):
    """Where entries are kept. Its methods may be called from any thread."""

    def record(self, entry: Entry) -> int:
        """Keep an entry, and give the number it goes by in this ledger."""

    def amend(self, number: int, cost: Cost) -> None:
        """Replace the cost of the entry with this number, as when the account has settled.

        Raises ``KeyError`` for a number that `record` never gave.
        """

    def entries(self) -> tuple[Entry, ...]:
        """Give what is kept, in the order it was recorded, oldest first."""


class MemoryLedger:
    """A ledger that lives as long as the kernel.

    It tells the newest entries apart. Older ones are added up into entries of the kind *earlier*, so that
    totals stay whole; these can't be amended any more.
    """

    def __init__(self, most: int = MAX_ENTRIES) -> None:
        """Tell ``most`` entries apart, the newest."""
        self._most = most
        self._lock = threading.Lock()
        self._recorded = 0
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._earlier: dict[tuple[bool, ...], Entry] = {}

    def record(self, entry: Entry) -> int:
        """Keep an entry, and give the number it goes by in this ledger."""
        with self._lock:
            self._recorded += 1
            self._entries[self._recorded] = entry
            if len(self._entries) > self._most:
                self._fold(self._entries.popitem(last=False)[1])
            return self._recorded

    def amend(self, number: int, cost: Cost) -> None:
        """Replace the cost of the entry with this number, if it is still told apart.

        Raises ``KeyError`` for a number that `record` never gave.
        """
        with self._lock:
            if number in self._entries:
                self._entries[number] = replace(self._entries[number], cost=cost)
            elif not 0 < number <= self._recorded:
                raise KeyError(number)

    def entries(self) -> tuple[Entry, ...]:
        """Give what is kept, in the order it was recorded, oldest first."""
        with self._lock:
            return (*self._earlier.values(), *self._entries.values())

    def _fold(self, entry: Entry) -> None:
        # Apart by these, so that what is unknown or simulated is in no sum, and nothing is counted twice.
        place = (entry.cost.credits is None, entry.within, entry.cost.simulated)
        so_far = self._earlier.get(place)
        runs = [entry] if so_far is None else [so_far, entry]
        self._earlier[place] = Entry(
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
                reason="these runs are no longer told apart",
                simulated=entry.cost.simulated,
            ),
            within=entry.within,
            runs=sum(run.runs for run in runs),
        )


class _InUse:
    ledger: Ledger = MemoryLedger()


def current() -> Ledger:
    """Give the ledger that work is recorded in."""
    return _InUse.ledger


def use(ledger: Ledger) -> None:
    """Record work in ``ledger`` from now on; what the one before it holds stays there."""
    _InUse.ledger = ledger


@dataclass(frozen=True, slots=True)
class Row:
    """What the runs of one thing have cost, in credits.

    ``runs`` counts all of them, ``unknown`` those whose cost is not known: they are in no amount, and never
    count as 0. ``total`` and ``mean`` are None where no run's cost is known, ``last`` where the newest run's
    isn't. ``change`` is ``last`` less the mean of the runs before it, None where there is nothing to compare
    it with. ``seconds`` is how long a run took on average, ``items`` how many items its loops did in all.
    ``confidence`` is that of the least sure run. ``simulated`` says that the demo account was spent on.
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


def rows(entries: Iterable[Entry]) -> list[Row]:
    """Give a row for each thing that was measured, dearest first, those of unknown cost last.

    All idle time is one row. What was run on a real account and on the demo's has a row for each.
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
    """Give the credits that all of it cost, None where no cost is known; what ran within counts once.

    Simulated costs are left out, unless all are simulated.
    """
    return _sum(entry.cost.credits for entry in _counted(entries))


def total_of_others(entries: Iterable[Entry]) -> Decimal | None:
    """Give the credits that others spent on the account meanwhile, as far as known, None where it isn't.

    Before a cost has settled, its own reservations can make that negative: then it isn't known.
    """
    return _sum(_others(entry) for entry in _counted(entries))


def is_mixed(entries: Sequence[Entry]) -> bool:
    """Tell whether some of the costs that are known are simulated and some are real."""
    return len({entry.cost.simulated for entry in entries if entry.cost.credits is not None}) > 1


def _counted(entries: Iterable[Entry]) -> list[Entry]:
    outermost = [entry for entry in entries if not entry.within]
    mixed = is_mixed(outermost)
    return [entry for entry in outermost if not (mixed and entry.cost.simulated)]


def _others(entry: Entry) -> Decimal | None:
    others = entry.cost.others
    return None if others is not None and others < 0 else others


def expected(
    entries: Sequence[Entry], key: str, *, per_item: bool = False, simulated: bool = False
) -> Decimal | None:
    """Give the credits that one run of this costs by its newest runs, None where unknown or nothing.

    With ``per_item`` it is what one item of the loop costs; ``simulated`` asks for runs on the demo account.
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


def runs_left(spendable: Decimal, expected: Decimal) -> int:
    """Give how many more runs at ``expected`` credits each, more than 0, ``spendable`` pays for.

    It is 0 when the account is overdrawn.
    """
    return max(int(_EXACT.divide_int(spendable, expected)), 0)


def _row(entries: Sequence[Entry]) -> Row:
    newest = entries[-1]
    kind = newest.kind
    runs = sum(entry.runs for entry in entries)
    unknown = sum(entry.runs for entry in entries if entry.cost.credits is None)
    credits = _sum(entry.cost.credits for entry in entries)
    last = change = None
    if kind != "earlier":
        last = newest.cost.credits
        change = _change(entries) if kind != "idle" else None
    return Row(
        name=IDLE_NAME if kind == "idle" else newest.name,
        kind=kind,
        runs=runs,
        total=credits,
        mean=_mean(credits, runs - unknown),
        last=last,
        change=change,
        seconds=sum(entry.cost.seconds for entry in entries) / runs,
        confidence=_least_sure(entries),
        unknown=unknown,
        items=sum(entry.items for entry in entries),
        simulated=newest.cost.simulated,
    )


def _change(entries: Sequence[Entry]) -> Decimal | None:
    last = entries[-1].cost.credits
    before = [entry.cost.credits for entry in entries[:-1] if entry.cost.credits is not None]
    mean = _mean(_sum(before), len(before))
    return None if last is None or mean is None else _EXACT.subtract(last, mean)


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return reduce(_EXACT.add, known) if known else None


def _mean(total: Decimal | None, count: int) -> Decimal | None:
    return None if total is None or not count else _MEAN.divide(total, Decimal(count))


def _least_sure(entries: Iterable[Entry]) -> Confidence:
    return max((entry.cost.confidence for entry in entries), key=_CONFIDENCES.index)
