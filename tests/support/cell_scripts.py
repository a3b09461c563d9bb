"""Scripts of cells on a late account, played to a `Row` in simulated time, and what it said of each."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from evolink_nb.credits import difference, total
from evolink_nb.metering.attribution.quiet import QuietTime
from evolink_nb.metering.attribution.row import Row
from evolink_nb.metering.unmeasured import UnmeasuredWork
from tests.support.cell_plans import GUARDS, PRICE, STYLES, Guard, Planner, Style
from tests.support.late_accounts import KINDS, LateAccount
from tests.support.played_cells import Player

if TYPE_CHECKING:
    from evolink_nb.metering.attribution.work import Work
    from evolink_nb.metering.cost import Cost


@dataclass
class Cell:
    """One measured cell of a script, or a meter within one.

    Attributes:
        work: What the row is told of it.
        true: What it truly cost, once all is settled.
        calls: The numbers of its calls.
        as_reserved: Whether all of them cost what they reserved.
        guards: Whether they were guarded.
        requests: The readings made for it.
        first: What the row said first as final.
        final_at: When that was.
        quiet: The account's quiet time when it began, in seconds.
    """

    work: Work
    true: Decimal = Decimal(0)
    calls: set[int] = field(default_factory=set)
    as_reserved: bool = True
    guards: set[bool] = field(default_factory=set)
    requests: int = 0
    first: Cost | None = None
    final_at: float = 0.0
    quiet: float = 0.0

    @property
    def has_both(self) -> bool:
        """Whether some of its calls were guarded and some not."""
        return len(self.guards) > 1

    @property
    def ends(self) -> float:
        """When it ended."""
        assert self.work.ended is not None
        return self.work.ended

    @property
    def cost(self) -> Cost:
        """What the row says in the end."""
        return self.work.cost

    @property
    def is_outermost(self) -> bool:
        """Whether it is part of no other."""
        return not self.work.enclosing


@dataclass(repr=False)
class Script:
    """Cells on one account of a kind, and what else happens there.

    Attributes:
        kind: One of `KINDS`.
        style: How the cells follow one another.
        guard: Which of their calls are guarded.
        seed: Tells it from others like it.
        cells: All that was measured.
        idle: What the row says was spent while nothing measured ran.
        elsewhere: What the key truly spent elsewhere.
        unmeasured: What it truly spent in cells that weren't measured.
    """

    kind: str
    style: Style
    guard: Guard
    seed: int
    cells: list[Cell] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(f"{self.kind}/{self.style}/{self.guard}/{self.seed}")  # noqa: S311
        self.account = LateAccount(self.kind, self.chance)
        self.row = Row(QuietTime())
        self.row.unattributed.knows_kernel = True
        self.unmeasured_work = UnmeasuredWork(self.row)
        self.idle = self.elsewhere = self.unmeasured = Decimal(0)

    def __repr__(self) -> str:
        return f"{self.kind}/{self.style}/{self.guard}/{self.seed}"

    def play(self) -> Script:
        """Let the row know of all cells, and read whenever it wants to."""
        planner = Planner(self.chance, self.style, self.guard, self.kind != "same key elsewhere")
        plans = planner.plans()
        self._disturb(30 + sum(plan.gap + 2 for plan in plans))
        Player(self, is_tracked=planner.is_tracked).play(plans)
        return self

    def _disturb(self, ends: float) -> None:
        chance, account = self.chance, self.account
        within = [chance.uniform(25, ends) for _ in range(chance.randint(1, 4))]
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
        elif self.kind == "top-ups":
            for at in within:
                account.move(at, balance=Decimal(chance.choice([-10, -500])))
        elif self.kind == "resets":
            account.resets.append(within[0])
        elif self.kind.startswith("limit"):
            account.limits.append((within[0], Decimal(chance.choice([-100, 100]))))

    # -- what it said -----------------------------------------------------------------------------------

    def groups(self) -> list[bool]:
        """Return for each group of cells whether its sum is true, or may be with what wasn't measured."""
        found: dict[tuple[str, Decimal, float], list[Cell]] = {}
        for cell in self.cells:
            if cell.cost.together is not None and cell.cost.settled:
                together, settled_at = cell.cost.together, cell.work.settled_at
                found.setdefault((together.label, together.credits, settled_at), []).append(cell)
        right = []
        for (label, credits, _), cells in found.items():
            works = {cell.work for cell in cells}
            true = total(cell.true for cell in cells if not works & {*cell.work.enclosing})
            most = self.unmeasured if label.endswith("unmeasured work") else Decimal(0)
            right.append(difference(credits, true) >= 0 >= difference(credits, total((true, most))))
        return right

    def missing(self) -> Decimal:
        """Return what the key spent that is in no cost, and wasn't said to be spent while nothing ran.

        It is negative where more is said than was spent, and 0 where that may be what wasn't measured.
        """
        said = total([self.idle, *(cell.cost.credits or Decimal(0) for cell in self._outermost())])
        spent = total([self.elsewhere, *(cell.true for cell in self._outermost())])
        missing = difference(spent, said)
        return Decimal(0) if difference(abs(missing), self.unmeasured) <= 0 else missing

    def has_cancelled(self, cell: Cell) -> bool:
        """Return whether a call of a cell, and what another got back, came to nothing in one reading."""
        return bool(cell.calls & self.account.cancelled)

    def _outermost(self) -> Sequence[Cell]:
        return [cell for cell in self.cells if cell.is_outermost]


def scripts(count: int, seed: int = 0) -> list[Script]:
    """Return scripts over all kinds of account, of cells and of calls."""
    kinds = list(itertools.product(KINDS, STYLES, GUARDS))
    rounds = -(-count // len(kinds))
    found = [Script(*kind, seed + number) for number in range(rounds) for kind in kinds]
    return found[:count]
