"""Scripts of cells on a late account, played to a `Row` in simulated time, and what it said of each."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from evolink_nb.api.calls import Call
from evolink_nb.credits import difference, total
from evolink_nb.metering.baseline import serves
from evolink_nb.metering.quiet import QuietTime
from evolink_nb.metering.row import Row
from evolink_nb.metering.work import Work
from tests.support.late_accounts import KINDS, LATENCY, LateAccount

if TYPE_CHECKING:
    from evolink_nb.metering.cost import Cost

Style = Literal["isolated", "row", "tracked"]
Guard = Literal["guarded", "unguarded", "mixed"]
STYLES: tuple[Style, ...] = ("isolated", "row", "tracked")
GUARDS: tuple[Guard, ...] = ("guarded", "unguarded", "mixed")
PRICE = Decimal("2.5")


@dataclass
class Cell:
    """One cell of a script.

    Attributes:
        begins: When it begins, in simulated seconds.
        ends: When it ends.
        true: What it truly cost, once all is settled.
        work: What the row is told of it.
        requests: The readings made for it.
        first: What the row said first as final.
        final_at: When that was.
    """

    begins: float
    ends: float
    true: Decimal = Decimal(0)
    calls: list[Call] = field(default_factory=list)
    as_reserved: bool = True
    work: Work | None = None
    requests: int = 0
    first: Cost | None = None
    final_at: float = 0.0

    @property
    def cost(self) -> Cost:
        """What the row says in the end."""
        assert self.work is not None
        return self.work.cost


@dataclass
class Script:
    """Cells on one account of a kind, and what else happens there."""

    kind: str
    style: Style
    guard: Guard
    seed: int
    cells: list[Cell] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(f"{self.kind}/{self.style}/{self.guard}/{self.seed}")  # noqa: S311
        self.account = LateAccount(self.kind, self.chance)
        self.row = Row(QuietTime())
        self.row.strays.knows_kernel = True
        self.idle = Decimal(0)
        self.elsewhere = Decimal(0)
        self.requests = 0
        time = 30.0
        for _ in range(self.chance.randint(2, 5)):
            time = self._add_cell(time)
            time += self.chance.uniform(0.2, 3) if self.style == "row" else 0.0
            if self.style == "tracked":
                time += self.chance.choice([0.3, 2.0, 40.0])
            elif self.style == "isolated":
                time += 45.0
        self.ends = time + 60.0
        self._disturb()

    # -- what happens -----------------------------------------------------------------------------------

    def _add_cell(self, begins: float) -> float:
        chance = self.chance
        cell = Cell(begins, begins)
        time = begins
        for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
            time += chance.uniform(0, 0.01) if self.guard == "guarded" else chance.uniform(0, 0.8)
            took = chance.uniform(0.1, 1.5)
            price = PRICE if chance.random() < 0.8 else Decimal(chance.choice(["1", "1.6"]))
            share = chance.choices(["1", "0.6", "0"], [8, 2, 0 if self.kind == "same key elsewhere" else 1])[
                0
            ]
            cost = price * Decimal(share)
            # Charged while the call is under way.
            self.account.call(time + took * chance.uniform(0.2, 0.9), price, cost)
            if self.guard == "guarded" or (self.guard == "mixed" and chance.random() < 0.5):
                cell.calls.append(Call("late", time, time + took, price))
            time += took
            cell.true = total((cell.true, cost))
            cell.as_reserved = cell.as_reserved and cost == price
        cell.ends = time + chance.choice([0.0, 0.005, 1.0, 4.0] if self.guard != "guarded" else [0.0, 0.005])
        cell.ends = max(cell.ends, begins + 0.003)
        self.cells.append(cell)
        return cell.ends

    def _disturb(self) -> None:
        chance, account = self.chance, self.account
        within = [chance.uniform(25, self.ends) for _ in range(chance.randint(1, 4))]
        if self.kind == "other keys":
            for at in within:
                account.spend(at, chance.choice([PRICE, Decimal(1)]))
        elif self.kind == "same key elsewhere":
            for at in within:
                self.elsewhere += PRICE
                account.spend(at, PRICE, own=True)
        elif self.kind == "refunds":
            account.spend(1.0, PRICE, own=True)
            account.spend(within[0], -PRICE, own=True)
        elif self.kind == "resets":
            account.resets.append(within[0])
        elif self.kind == "limit changed":
            account.limits.append((within[0], Decimal(chance.choice([-100, 100]))))

    # -- what the row is told ---------------------------------------------------------------------------

    def play(self) -> Script:
        """Let the row know of all cells, and read whenever it wants to."""
        self._read(0.0)
        now = 10.0
        if self.style == "tracked":
            self._read(29.0)
        for cell in self.cells:
            now = self._advance(now, cell.begins - LATENCY)
            if self.style != "tracked":
                self._read(max(now, cell.begins - LATENCY))
                cell.requests += 1
            cell.work = Work(cell.begins, number=self.cells.index(cell) + 1)
            cell.work.is_tracked = self.style == "tracked"
            now = cell.begins
            has_baseline = self._has_baseline(now)
            self.row.begin(cell.work)
            cell.work.calls = list(cell.calls)
            if self.style == "tracked" and not has_baseline:
                self._read(now)
                now += LATENCY
            now = self._advance(now, max(cell.ends, now))
            cell.work.ended = cell.ends
        self._advance(now, self.ends)
        self._read(self.ends)
        self.row.expire(self.ends + 1000)
        self._note(self.ends)
        return self

    def _has_baseline(self, now: float) -> bool:
        latest = self.row.latest
        return latest is not None and serves(latest, self.row.works, now, max_age=1.0)

    def _advance(self, now: float, until: float) -> float:
        while True:
            self.row.expire(now)
            self._note(now)
            due = self.row.next_read_at()
            if due is None or max(due, now) >= until:
                return until
            now = max(due, now)
            self.row.expire(now)
            if not self.row.asking:
                continue
            for cell in self.cells:
                if cell.work in self.row.asking:
                    cell.requests += 1
            self._read(now)
            now += LATENCY

    def _read(self, now: float) -> None:
        self.requests += 1
        self.row.record(self.account.read(now))
        self.idle = total([self.idle, *(idle.credits for idle in self.row.strays.take_idle())])
        self._note(now + LATENCY)

    def _note(self, now: float) -> None:
        for cell in self.cells:
            if cell.work is not None and cell.work.is_final and cell.first is None:
                cell.first, cell.final_at = cell.work.cost, now

    # -- what it said -----------------------------------------------------------------------------------

    def groups(self) -> list[bool]:
        """Return for each group of cells whether its sum is the true one."""
        found: dict[tuple[str, Decimal], list[Cell]] = {}
        for cell in self.cells:
            if cell.cost.together is not None and cell.cost.settled:
                found.setdefault((cell.cost.together.label, cell.cost.together.credits), []).append(cell)
        return [
            difference(credits, total(cell.true for cell in cells)) == 0
            for (_, credits), cells in found.items()
        ]

    def adds_up(self) -> bool:
        """Return whether all that the key spent is in the costs or was spent while nothing ran."""
        said = total(cell.cost.credits or Decimal(0) for cell in self.cells)
        spent = total([*(cell.true for cell in self.cells), self.elsewhere])
        return difference(total((said, self.idle)), spent) == 0


def scripts(count: int, seed: int = 0) -> list[Script]:
    """Return scripts over all kinds of account, of cells and of calls."""
    found: list[Script] = []
    number = seed
    while len(found) < count:
        kinds = itertools.product(KINDS, STYLES, GUARDS)
        found += [Script(kind, style, guard, number) for kind, style, guard in kinds]
        number += 1
    return found[:count]
