"""One account's row: the consecutive work since the account was last at rest, and its costs.

It takes readings and work, and returns costs and the time of the next reading. An account is *at rest* once
none of its counters has moved for the quiet time and no reservation is outstanding. Work that ended long
enough before is then final, and work that goes on begins a new row. Work also becomes final when receipts
explain everything that moved, or when its time to settle is up: its cost is then *unsettled*, and is amended
if the account comes to rest later.

Pure: no thread, lock, clock or callback. Times are in seconds of one monotonic clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ...polling.backoff import PERMANENT_ERRORS
from ..cost import Cost, is_same
from . import pace, rest
from .charges import Idle
from .receipts import NO_CHARGE
from .row_movements import RowMovements
from .unattributed import Unattributed, amend, lag_of
from .verdict import Facts, confirmed, costs_of, why_unread

if TYPE_CHECKING:
    from decimal import Decimal

    from ...credits import Credits
    from ...errors import EvoLinkError
    from .movements import Movement
    from .quiet import QuietTime
    from .work import Work

MAX_WORKS = 200
"""How much work a row may hold. If an account never rests, earlier work becomes final with what is known."""
HELD_FOR = 300.0
"""Seconds without a movement after which new work no longer waits for an earlier reservation."""


class Row:
    """The row of one account.

    Attributes:
        quiet: The account's quiet time.
        latest: The newest reading; None before the first.
        works: The work in the row, oldest first.
        unattributed: Handles movements that no work of the row can have caused.
    """

    def __init__(self, quiet: QuietTime) -> None:
        """Start without a reading.

        Args:
            quiet: The account's quiet time.
        """
        self.quiet = quiet
        self.latest: Credits | None = None
        self.works: list[Work] = []
        self.unattributed = Unattributed()
        self._start: Credits | None = None
        self._movements = RowMovements(quiet)
        self._moved_at = -math.inf
        self._tried_at = -math.inf

    # -- events -----------------------------------------------------------------------------------------

    def begin(self, work: Work) -> None:
        """Record that work begins.

        Args:
            work: The work.
        """
        waiting = [each for each in self.works if not each.is_final]
        if not waiting and work.started - self._moved_at > HELD_FOR:
            self._start_anew(())
        work.before = self.latest
        self.works.append(work)
        if work.enclosing:
            work.enclosing[-1].children.append(work)
        if len(self.works) > MAX_WORKS:
            self._close(each for each in self.works[:-MAX_WORKS] if each.ended is not None)
            self._drop_movements()

    def forget(self, work: Work) -> None:
        """Record that work never began after all.

        Args:
            work: The work.
        """
        self.works = [each for each in self.works if each is not work]
        self._movements.forget(work)

    def discard(self, work: Work) -> None:
        """Forget work that was too short for a call, unless it is the only candidate of some movement.

        Args:
            work: The work.
        """
        if all(each.candidates != (work,) for each in self._movements.movements):
            self.forget(work)

    def record(self, reading: Credits) -> None:
        """Record a reading; ignored if it is older than the newest.

        Args:
            reading: The reading.
        """
        latest = self.latest
        if latest is not None and (reading is latest or reading.monotonic < latest.monotonic):
            return
        self.latest = reading
        self._tried_at = reading.requested_at
        if latest is None or self._start is None:
            self._start = reading
            return
        if not is_same(latest, reading):
            self._moved_at = reading.requested_at
            self._place(latest, reading)
        self._judge(reading)
        self.expire(reading.monotonic)

    def miss(self, error: EvoLinkError | None, now: float) -> None:
        """Record that a reading failed.

        Args:
            error: The cause; None if unknown.
            now: The current time.
        """
        self._tried_at = now
        for work in self.asking:
            if work.cost.credits is None:
                simulated = work.cost.simulated
                work.cost = Cost(seconds=work.seconds, reason=why_unread(error), simulated=simulated)
            work.is_final = isinstance(error, PERMANENT_ERRORS)
        self.expire(now)

    def expire(self, now: float) -> None:
        """Stop waiting for work whose time to settle is up.

        Args:
            now: The current time.
        """
        row_ends = pace.end_of(self.works)
        for work in self.asking:
            read_since = self._tried_at >= (work.ended or 0.0) and not pace.is_unread(work)
            if work.before is None or (read_since and now >= pace.limit_of(work, row_ends) - rest.SLACK):
                work.is_final = True
                work.cost = replace(work.cost, seconds=work.seconds)

    # -- state ------------------------------------------------------------------------------------------

    @property
    def asking(self) -> list[Work]:
        """The work that waits for readings."""
        return [
            work
            for work in self.works
            if not work.is_final and not work.is_anonymous and work.ended is not None
        ]

    def next_read_at(self) -> float | None:
        """Return when the next reading is needed; None if none is."""
        asking = self.asking
        if not asking:
            return None
        facts, row_ends = self._facts, pace.end_of(self.works)
        is_settling = facts is not None and facts.is_settling
        return min(
            pace.due_at(
                work,
                row_ends,
                tried_at=self._tried_at,
                moved_at=self._moved_at,
                quiet=self.quiet.seconds_for(work.settle),
                is_settling=is_settling,
            )
            for work in asking
        )

    # -- the rules --------------------------------------------------------------------------------------

    @property
    def _facts(self) -> Facts | None:
        if self._start is None or self.latest is None:
            return None
        return Facts(
            self._movements.counter.view(self._start),
            self._movements.counter.view(self.latest),
            self.works,
            self._movements.movements,
            self._movements.counter,
            self.quiet.seconds,
            self.unattributed.seen_at,
            self.unattributed.is_elsewhere(self.latest.requested_at),
            self.quiet.longest_lag,
        )

    def _place(self, latest: Credits, reading: Credits) -> None:
        """Find the work that the newest movement can belong to, and record it."""
        assert self._start is not None  # for mypy: there was a reading before  # noqa: S101
        quiet = self.quiet.seconds
        movement = self._movements.between(self._start, latest, reading, self.works)
        amount = self._movements.amount(movement)
        if movement.possible:
            self._movements.movements.append(movement)
            if amount:
                self._learn(movement)
        elif amount:
            self._place_late(movement, amount)
        if self.quiet.seconds > quiet:
            self._movements.seek_anew(self._start, self.works)

    def _learn(self, movement: Movement) -> None:
        """Learn from a charge how late this account may charge."""
        own = movement.possible
        if len(own) != 1:
            return
        own[0].has_spent = True
        ends = own[0].rests_since
        if movement.key > 0 and ends is not None and movement.after > ends:
            self.quiet.learn(movement.seen_at - ends)

    def _place_late(self, movement: Movement, amount: Decimal) -> None:
        """Handle a movement that no work can have caused in time."""
        late = self.unattributed.place(movement, amount, self.works)
        if late is None:
            return
        if late not in self.works:
            amend(late, movement, amount, self.quiet)
            return
        if amount > 0:
            self.quiet.learn(lag_of(late, movement))
        self._movements.movements.append(replace(movement, candidates=(late,)))

    def _judge(self, reading: Credits) -> None:
        """Assess all costs by the newest reading, and close the work that is final."""
        facts = self._facts
        assert facts is not None  # for mypy: there is a reading  # noqa: S101
        if rest.is_explained(facts, self._moved_at):
            for work in self.works:
                work.cost, work.after, work.settled_at = confirmed(facts, work), reading, self._moved_at
            self._close(self.works)
            self._start_anew(())
            return
        rested = rest.rested_works(facts, self._moved_at)
        self._assess(facts, rested)
        # Keep waiting for work that made calls and hasn't been charged.
        over = [work for work in rested if work.is_final or work.cost.reason != NO_CHARGE]
        for work in over:
            work.is_final = work.is_early = not work.is_anonymous
        self._close(work for work in over if rest.is_over(work, facts, self._moved_at))
        if rest.rests(facts, self._moved_at) and not facts.is_settling:
            self._start_anew(work for work in self.works if not work.is_closed)

    def _assess(self, facts: Facts, rested: list[Work]) -> None:
        costs = costs_of(facts, at_rest=False)
        if any(not work.is_anonymous for work in rested):
            costs |= {work: cost for work, cost in costs_of(facts, at_rest=True).items() if work in rested}
        for work, cost in costs.items():
            if work in rested or not rest.is_kept(work, facts):
                work.cost, work.after, work.settled_at = cost, self.latest, self._moved_at
                work.is_early = False

    def _close(self, works: Iterable[Work]) -> None:
        for work in works:
            work.is_final = work.is_closed = True
            if not work.is_anonymous and work.outermost is work:
                self.unattributed.last = work
        self.works = [work for work in self.works if not work.is_closed]

    def _start_anew(self, works: Iterable[Work]) -> None:
        """Begin a new row with the newest reading and the work that goes on."""
        self._start = self.latest
        self.works = list(works)
        self._drop_movements()

    def _drop_movements(self) -> None:
        unmeasured = self._movements.drop(self.works)
        if unmeasured is not None:
            # It may be the measured work's, so it mustn't be missing from the total.
            movement, amount = unmeasured
            self.unattributed.keep(Idle(movement.since, movement.until, amount))
