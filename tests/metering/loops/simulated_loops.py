"""Loops over accounts that charge promptly, late, in batches or in parts, in simulated time.

``python -m tests.metering.loops.simulated_loops`` runs 160 of them on each kind of account. It prints how
many went over, by how much at worst, and how many too far: by more than the item under way cost, or
without saying so.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, get_args

from evolink_nb.api.calls import Call
from evolink_nb.credits import total
from evolink_nb.metering.loops.reader import LoopTiming
from evolink_nb.metering.loops.spend import LoopSpend, Verdict
from tests.support.readings import moved

if TYPE_CHECKING:
    from evolink_nb.credits import Credits

Kind = Literal["prompt", "settles lower", "settles higher", "charged late", "batches", "read late"]
KINDS: tuple[Kind, ...] = get_args(Kind)

BATCH = 5.0
"""Seconds between two flushes of the counters, in batches."""
READING = 0.02
"""Seconds that a reading takes."""
MAX_ITEMS = 400


@dataclass
class Charged:
    """An account in simulated time: what it shows of the calls that were made."""

    kind: Kind
    draw: random.Random
    shows_reservations: bool = True
    events: list[tuple[float, Decimal, Decimal]] = field(default_factory=list)
    """When, how much is spent in all, and how much of it is settled."""
    age: float = 0.0

    def __post_init__(self) -> None:
        self.age = self.draw.uniform(0.3, 3.0) if self.kind == "read late" else 0.0

    def call(self, now: float, cost: Decimal) -> Decimal:
        """Make a call, if it costs anything, and return what its receipt says."""
        if not cost:
            return cost
        later = now + self.draw.uniform(0.5, 5.0)
        reserved = cost
        if self.kind == "charged late":
            self.events.append((later, cost, cost))
        elif self.kind.startswith("settles"):
            part = Decimal(self.draw.randint(11, 50)) / 10
            reserved = cost * part if self.kind == "settles lower" else cost / part
            self.events += [(now, reserved, Decimal(0)), (later, cost - reserved, cost)]
        else:
            self.events.append((now, cost, cost))
        return reserved

    def read(self, now: float) -> Credits:
        """Return what a reading requested now shows."""
        seen = now - self.age
        if self.kind == "batches":
            seen = seen // BATCH * BATCH
        shown = [event for event in self.events if event[0] <= seen]
        spent = total(event[1] for event in shown)
        settled = total(event[2] for event in shown)
        # Some accounts show a reservation in the key's counters alone.
        hidden = Decimal(0) if self.shows_reservations else spent - settled
        return moved(
            now + READING, spent=settled, reserved=spent - settled, topped_up=hidden, requested_at=now
        )


@dataclass
class Outcome:
    """How a loop ended.

    Attributes:
        costs: What its items cost.
        limit: What it might have spent.
        waited: Seconds it waited for charges.
        seconds: Seconds it took.
        said_over: Whether it knew that it went over, once all was charged.
    """

    costs: Sequence[Decimal]
    limit: Decimal
    waited: float
    seconds: float
    said_over: bool

    @property
    def over(self) -> Decimal:
        """Credits over the limit."""
        return max(total((*self.costs, -self.limit)), Decimal(0))

    @property
    def is_short(self) -> bool:
        """Whether it went over by less than its last item that cost anything, the one under way."""
        return not self.over or self.over < next(cost for cost in reversed(self.costs) if cost)


@dataclass
class Simulation:
    """One loop over one account.

    Attributes:
        account: The account.
        limit: What the loop may spend.
        seconds: How long an item takes, at least and at most.
        is_guarded: Whether its calls are known, and tell what they reserve.
        timing: How the loop waits.
    """

    account: Charged
    limit: Decimal
    seconds: tuple[float, float] = (0.01, 2.0)
    is_guarded: bool = False
    timing: LoopTiming = field(default_factory=LoopTiming)

    def run(self, costs: Sequence[Decimal]) -> Outcome:
        """Run it over items of these costs."""
        now = begun = 100.0 + self.account.draw.uniform(0, BATCH)
        spend = LoopSpend(self.limit, timing=self.timing.lag)
        readings = [self.account.read(now)]
        spend.start(readings[0])
        done: list[Decimal] = []
        waited = 0.0
        for cost in costs:
            pauses = self.timing.looks()
            while True:
                if done:
                    readings.append(self.account.read(now))
                    now += READING
                spend.record(readings, len(done))
                verdict = spend.decide()
                if verdict is not Verdict.WAIT:
                    break
                pause = next(pauses)
                now, waited = now + pause, waited + pause
            if verdict is Verdict.STOP:
                break
            began = now
            now += self.account.draw.uniform(*self.seconds)
            receipt = self.account.call(now, cost)
            done.append(cost)
            calls = [Call("key", began, now, receipt)] if self.is_guarded and cost else []
            spend.end_item(len(done), now, calls)
        end = now
        readings.append(self.account.read(now + 60))
        spend.record(readings, len(done))
        return Outcome(done, self.limit, waited, end - begun, spend.over is not None)


def varied(draw: random.Random, free: float = 0.0) -> list[Decimal]:
    """Return costs that vary tenfold, the cheap ones as often as the dear ones, and a share of them 0."""
    costs = [Decimal(f"{0.3 * 10 ** draw.random():.4f}") for _ in range(MAX_ITEMS)]
    return [Decimal(0) if draw.random() < free else cost for cost in costs]


def simulate(kind: Kind, seed: int, *, is_guarded: bool = False, free: float = 0.0) -> Outcome:
    """Run one loop whose account, items and limit are drawn."""
    draw = random.Random(f"{kind}/{seed}")  # noqa: S311 - the same loops at every run
    account = Charged(kind, draw, shows_reservations=bool(seed % 2))
    limit = Decimal(draw.choice([5, 8, 20, 50]))
    longest = draw.choice([0.05, 0.5, 3.0])
    return Simulation(account, limit, (0.01, longest), is_guarded).run(varied(draw, free))


@dataclass
class Row:
    """How the loops of one kind of account ended."""

    name: str
    ends: Sequence[Outcome]

    @property
    def over(self) -> list[Outcome]:
        """Those that went over."""
        return [each for each in self.ends if each.over]

    @property
    def failures(self) -> int:
        """The number of those that went over by more than the item under way cost, or didn't say so."""
        return sum(not (each.is_short and each.said_over) for each in self.over)

    def __str__(self) -> str:
        number = len(self.ends)
        worst = max((each.over for each in self.over), default=Decimal(0))
        used = sum(float(total(each.costs) / each.limit) for each in self.ends) / number
        waited = sum(each.waited for each in self.ends) / number
        return (
            f"{self.name:<24} {number:>5} {len(self.over):>5} {worst:>6.2f} {self.failures:>8}"
            f" {used:>5.0%} {waited:>7.1f}"
        )


def table(loops: int = 160) -> list[Row]:
    """Run loops over every kind of account, with and without guarded calls, and where some items are free."""
    variants = (("", False, 0.0), (", guarded", True, 0.0), (", some free", False, 0.3))
    return [
        Row(kind + what, [simulate(kind, seed, is_guarded=guarded, free=free) for seed in range(loops)])
        for what, guarded, free in variants
        for kind in KINDS
    ]


if __name__ == "__main__":
    print("account                  loops  over  worst  too far  used  waited (s)")
    rows = table()
    print(*rows, sep="\n")
    sys.exit(any(row.failures for row in rows))
