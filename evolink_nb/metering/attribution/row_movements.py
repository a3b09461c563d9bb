"""What has moved since an account was last at rest, and which work that can be of. Pure."""

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
        movements: Those that can be of any of its work, oldest first.
        counter: Which counter tells what the key spends.
    """

    def __init__(self, quiet: QuietTime) -> None:
        """Start without any.

        Args:
            quiet: The account's quiet time.
        """
        self.movements: list[Movement] = []
        self.counter = KeyCounter()
        self._quiet = quiet

    def between(self, start: Credits, earlier: Credits, later: Credits, works: Sequence[Work]) -> Movement:
        """Return what moved between two readings, and whose it can be.

        Args:
            start: The reading at which the row began.
            earlier: One reading since then.
            later: The next.
            works: The work of the row.
        """
        has_moved = any(each.key for each in self.movements)
        by_remaining = self.counter.by_remaining
        step = self.counter.step(start, earlier, later, has_moved=has_moved)
        if self.counter.by_remaining != by_remaining:
            # What moved before is told by the counter that it turns out to be.
            self.movements = [
                replace(each, key=self.counter.key_step(each.since, each.until)) for each in self.movements
            ]
        return self._movement(start, earlier, later, step, works)

    def forget(self, work: Work) -> None:
        """Forget work: nothing that moved can be of it.

        Args:
            work: The work.
        """
        self.movements = [
            replace(each, candidates=tuple(other for other in each.candidates if other is not work))
            for each in self.movements
        ]

    def amount(self, movement: Movement) -> Decimal:
        """Return the credits that a movement stands for."""
        return movement.amount(frozen=self.counter.frozen)

    def seek_anew(self, start: Credits, works: Sequence[Work]) -> None:
        """Find out anew whose all of it can be: the account turned out to be later than it seemed.

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
        """Drop what can only be of work that is closed.

        Args:
            works: The work that goes on.

        Returns:
            What of it work may have spent that nobody measures, and that is in no cost; None if nothing.
        """
        parts = with_parts(self.movements, frozen=self.counter.frozen)
        over = [(movement, shares) for movement, shares in parts if movement.is_over]
        for work in works:
            for _, shares in over:
                work.carry(shares)
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
    """Return what work that nobody measures spent of movements that may be measured work's as well.

    Args:
        movements: Movements, oldest first, each with the part of each of its candidates.

    Returns:
        A movement over all of that time, and the credits; None if there are none.
    """
    found: list[Movement] = []
    told: dict[Work, Decimal] = {}
    spent = NOTHING
    for movement, parts in movements:
        if movement.is_anonymous:
            continue
        for work, part in parts.items():
            if not work.is_anonymous:
                told[work.whole] = total((told.get(work.whole, work.whole.carried), part))
            elif part:
                found.append(movement)
                spent = total((spent, part))
    for work, share in told.items():
        # Where receipts tell the parts they are no estimates.
        if work.cost.confidence == "confirmed" and work.cost.credits is not None:
            spent = total((spent, share, -work.cost.credits))
    return (replace(found[0], until=found[-1].until), spent) if found and spent > 0 else None
