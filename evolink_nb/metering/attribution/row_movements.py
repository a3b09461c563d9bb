"""The movements since an account was last at rest, and which work they can belong to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from ...credits import total
from .key_counter import KeyCounter, Step
from .movements import Movement, movement_between, with_parts
from .verdict import outstanding

if TYPE_CHECKING:
    from ...credits import Credits
    from .quiet import QuietTime
    from .work import Work


NOTHING = Decimal(0)


class RowMovements:
    """The movements of one row.

    Attributes:
        movements: Those that can belong to any of its work, oldest first.
        counter: The counter that shows what the key spends.
    """

    def __init__(self, quiet: QuietTime) -> None:
        """Start without any movements.

        Args:
            quiet: The account's quiet time.
        """
        self.movements: list[Movement] = []
        self.counter = KeyCounter()
        self._quiet = quiet

    def between(self, start: Credits, earlier: Credits, later: Credits, works: Sequence[Work]) -> Movement:
        """Return the movement between two readings, and the work it can belong to.

        Args:
            start: The reading at which the row began.
            earlier: One reading since then.
            later: The next reading.
            works: The work of the row.
        """
        has_moved = any(each.key for each in self.movements)
        by_remaining = self.counter.by_remaining
        step = self.counter.step(start, earlier, later, has_moved=has_moved)
        if self.counter.by_remaining != by_remaining:
            # Recalculate earlier movements by the counter that turned out to be the right one.
            self.movements = [
                replace(each, key=self.counter.key_step(each.since, each.until)) for each in self.movements
            ]
        return self._movement(start, earlier, later, step, works)

    def forget(self, work: Work) -> None:
        """Forget work: no movement can belong to it.

        Args:
            work: The work.
        """
        self.movements = [
            replace(each, candidates=tuple(other for other in each.candidates if other is not work))
            for each in self.movements
        ]

    def amount(self, movement: Movement) -> Decimal:
        """Return the credits of a movement, by the counter in use."""
        return movement.amount(frozen=self.counter.frozen)

    def seek_anew(self, start: Credits, works: Sequence[Work]) -> None:
        """Find the candidates of all movements again, as the account turned out to charge later than assumed.

        Args:
            start: The reading at which the row began.
            works: The work of the row.
        """
        found, self.movements = self.movements, []
        for each in found:
            anew = self._movement(start, each.since, each.until, Step(each.key, each.account), works)
            candidates = tuple(dict.fromkeys((*each.candidates, *anew.candidates)))
            self.movements.append(replace(anew, candidates=candidates))

    def drop(self, works: Sequence[Work]) -> tuple[Movement, Decimal] | None:
        """Drop movements that can belong only to closed work.

        Args:
            works: The work that goes on.

        Returns:
            A movement, and the credits of it that unmeasured work may have spent and no cost includes; None
            if there are none.
        """
        parts = with_parts(self.movements, frozen=self.counter.frozen)
        over = [(movement, shares) for movement, shares in parts if movement.is_over]
        for work in works:
            for movement, shares in over:
                work.carry(shares, is_refund=movement.is_refund, follows_gap=movement.follows_gap)
        self.movements = [each for each in self.movements if not each.is_over]
        if not self.movements:
            self.counter.frozen = False
        return _unmeasured_in(over)

    def _movement(
        self, start: Credits, earlier: Credits, later: Credits, step: Step, works: Sequence[Work]
    ) -> Movement:
        frozen, view = self.counter.frozen, self.counter.view
        amount = step.account if frozen else step.key
        was_settling = amount < 0 or outstanding(view(start), view(earlier), frozen=frozen)
        return movement_between(
            earlier,
            later,
            step,
            works,
            quiet=self._quiet.seconds,
            lag=self._quiet.longest_lag,
            frozen=frozen,
            so_far=self.movements if was_settling else None,
        )


def _unmeasured_in(
    movements: Iterable[tuple[Movement, Mapping[Work, Decimal]]],
) -> tuple[Movement, Decimal] | None:
    """Return what unmeasured work spent in movements that may also belong to measured work.

    Args:
        movements: Movements, oldest first, each with the part of each of its candidates.

    Returns:
        One movement over all of that time, and the credits; None if there are none.
    """
    found: list[Movement] = []
    told: dict[Work, Decimal] = {}
    spent = NOTHING
    for movement, parts in movements:
        if movement.is_anonymous:
            continue
        for work, part in parts.items():
            if not work.is_anonymous:
                told[work.whole] = total((told.get(work.whole, work.whole.carried.credits), part))
            elif part:
                found.append(movement)
                spent = total((spent, part))
    for work, share in told.items():
        # Receipts give the actual parts in place of estimates.
        if work.cost.confidence == "confirmed" and work.cost.credits is not None:
            spent = total((spent, share, -work.cost.credits))
    return (replace(found[0], until=found[-1].until), spent) if found and spent > 0 else None
