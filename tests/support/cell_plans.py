"""What the cells of scripts do: pauses, calls, and meters within; drawn at random."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args

Style = Literal["isolated", "row", "tracked", "unmeasured between", "tracked, unmeasured between", "nested"]
Guard = Literal["guarded", "unguarded", "mixed"]
STYLES: tuple[Style, ...] = get_args(Style)
GUARDS: tuple[Guard, ...] = get_args(Guard)
PRICE = Decimal("2.5")


@dataclass(frozen=True)
class Pause:
    """Time in which nothing is spent.

    Attributes:
        seconds: How long.
        computes: Whether it is spent computing; else waiting, as calls do.
    """

    seconds: float
    computes: bool = False


@dataclass(frozen=True)
class Spend:
    """A call.

    Attributes:
        seconds: How long its answer takes.
        after: When it is charged, as a share of that.
        price: What it reserves.
        cost: What it is settled for.
        is_guarded: Whether it is made with `client.auth`.
    """

    seconds: float
    after: float
    price: Decimal
    cost: Decimal
    is_guarded: bool


@dataclass(frozen=True)
class Metered:
    """A meter within a cell.

    Attributes:
        steps: What runs inside.
        every: Seconds between the readings of its budget; 0 if it has none.
    """

    steps: Sequence[Step]
    every: float = 0.0


Step = Pause | Spend | Metered


@dataclass(frozen=True)
class Plan:
    """What one cell does.

    Attributes:
        gap: Seconds before it.
        steps: What it does.
        is_measured: Whether it is measured.
    """

    gap: float
    steps: Sequence[Step]
    is_measured: bool = True


@dataclass(frozen=True)
class Planner:
    """Draws what cells do.

    Attributes:
        chance: Where everything random comes from.
        style: How cells follow one another.
        guard: Which of their calls are guarded.
        is_free: Whether calls may come to nothing.
    """

    chance: random.Random
    style: Style
    guard: Guard
    is_free: bool = True

    @property
    def is_tracked(self) -> bool:
        """Whether cells are measured without being asked to."""
        return self.style.startswith("tracked")

    def plans(self) -> list[Plan]:
        """Return what some cells do, one after the other."""
        found: list[Plan] = []
        for _ in range(self.chance.randint(2, 5)):
            while "between" in self.style and self.chance.random() < 0.5:
                found.append(
                    Plan(self.chance.choice([0.01, 0.3, 4.0]), self._unmeasured(), is_measured=False)
                )
            found.append(Plan(self._gap(), self._cell()))
        return found

    def _gap(self) -> float:
        if self.style == "isolated":
            return 45.0
        if self.is_tracked:
            return self.chance.choice([0.005, 0.3, 2.0, 40.0])
        return self.chance.choice([0.01, self.chance.uniform(0.2, 3), 40.0])

    def _cell(self) -> list[Step]:
        chance = self.chance
        steps = self._calls(chance.choice([0, 1, 1, 1, 2, 3]))
        if self.style == "nested":
            steps += self._meters()
        if self.guard != "guarded":
            steps.append(Pause(chance.choice([0.0, 0.005, 1.0, 4.0])))
        return [*steps, Pause(chance.choice([0.003, 0.0005, 0.5]), computes=True)]

    def _unmeasured(self) -> list[Step]:
        """What a cell does that isn't measured: nothing much, calls, or meters."""
        if self.chance.random() < 0.3:
            return [Pause(self.chance.choice([0.0001, 2.0]), computes=self.chance.random() < 0.5)]
        return self._meters() if self.chance.random() < 0.2 else self._calls(self.chance.choice([1, 2]))

    def _meters(self) -> list[Step]:
        found: list[Step] = []
        for _ in range(self.chance.choice([1, 1, 2])):
            every = self.chance.choice([0.0, 0.0, 0.5])
            found.append(Metered(self._calls(self.chance.choice([0, 1, 2])), every))
            found += self._calls(self.chance.choice([0, 0, 1]))
        return found

    def _calls(self, number: int) -> list[Step]:
        steps: list[Step] = []
        for _ in range(number):
            pause = self.chance.uniform(0, 0.01 if self.guard == "guarded" else 0.8)
            steps += [Pause(pause), self._call()]
        return steps

    def _call(self) -> Spend:
        chance = self.chance
        price = PRICE if chance.random() < 0.8 else Decimal(chance.choice(["1", "1.6"]))
        [share] = chance.choices(["1", "0.6", "0"], [8, 2, 1 if self.is_free else 0])
        is_guarded = self.guard == "guarded" or (self.guard == "mixed" and chance.random() < 0.5)
        return Spend(
            chance.uniform(0.1, 1.5), chance.uniform(0.2, 0.9), price, price * Decimal(share), is_guarded
        )
