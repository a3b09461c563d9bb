"""Plays cells to a row in simulated time: what the kernel's events, meters and guarded calls tell it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from evolink_nb.api.calls import Call
from evolink_nb.credits import total
from evolink_nb.metering.attribution import baseline
from evolink_nb.metering.attribution.work import Work
from tests.support import cell_scripts
from tests.support.cell_plans import Metered, Pause, Plan, Spend, Step
from tests.support.late_accounts import LATENCY

if TYPE_CHECKING:
    from evolink_nb.credits import Credits
    from tests.support.cell_scripts import Cell, Script

FIRST_READING = 10.0
BEGINNING = 30.0
"""When the first cell may begin, in simulated seconds."""
CARD_EVERY = 15.0
"""Seconds between the readings of a live card."""


class Player:
    """Plays the cells of one script."""

    def __init__(self, script: Script, *, is_tracked: bool) -> None:
        self._script = script
        self._row, self._unmeasured = script.row, script.unmeasured_work
        self._is_tracked = is_tracked
        self._now = self._computed = 0.0
        self._around: list[Cell] = []
        self._every = CARD_EVERY if script.chance.random() < 0.25 else math.inf
        self._read_next = self._every
        self._in_flight: tuple[float, Credits | None] | None = None

    def _computed_so_far(self) -> float:
        return self._computed

    def play(self, plans: Sequence[Plan]) -> None:
        """Play cells, and wait until nothing more can come of them."""
        while not self._read():
            pass
        self._advance(BEGINNING)
        if self._is_tracked:
            self._read()
        for plan in plans:
            self._advance(self._now + plan.gap)
            if plan.is_measured:
                self._measured(plan)
            else:
                self._unmeasured.set_busy(self._now, self._computed_so_far, busy=True)
                self._run(plan.steps)
                self._unmeasured.set_busy(self._now, self._computed_so_far, busy=False)
        self._advance(self._now + 100)
        while not self._read():
            self._advance(self._now + 1)
        self._row.expire(self._now + 1000)
        self._note()

    # -- work -------------------------------------------------------------------------------------------

    def _measured(self, plan: Plan) -> None:
        self._unmeasured.suspend(self._now, self._computed_so_far)
        cell = self._begin(number=len(self._script.cells) + 1, is_tracked=self._is_tracked)
        self._unmeasured.set_busy(self._now, self._computed_so_far, busy=False)
        self._run(plan.steps)
        self._unmeasured.set_busy(self._now, self._computed_so_far, busy=False)
        self._end(cell)

    def _metered(self, step: Metered) -> None:
        """Run a meter, which waits for its cost to settle."""
        every, self._every = self._every, step.every or self._every
        self._read_next = min(self._read_next, self._now + self._every)
        self._unmeasured.suspend(self._now, self._computed_so_far)
        cell = self._begin(number=None, is_tracked=False)
        self._run(step.steps)
        self._end(cell)
        self._every = every
        until = self._now + cell.work.settle
        cell.work.resumes_at = math.inf
        while not cell.work.is_final and self._now < until:
            due = self._row.next_read_at()
            if due is None:
                break
            self._advance(min(max(due, self._now) + LATENCY, until))
        cell.work.is_final = True
        cell.work.resumes_at = self._now
        self._note()
        self._unmeasured.resume(self._now, self._computed_so_far)

    def _begin(self, *, number: int | None, is_tracked: bool) -> Cell:
        work = Work(0.0, number=number, is_tracked=is_tracked, waits_since=self._now)
        work.enclosing = tuple(each.work for each in self._around)
        reads_beside = is_tracked and not self._serves()
        if not is_tracked:
            self._read()
        work.started = self._now
        work.computed = self._computed
        self._row.begin(work)
        cell = cell_scripts.Cell(work, requests=0 if is_tracked else 1, quiet=self._row.quiet.seconds)
        self._script.cells.append(cell)
        self._around.append(cell)
        if reads_beside and self._in_flight is None:
            self._request()
        return cell

    def _end(self, cell: Cell) -> None:
        cell.work.computed = self._computed - cell.work.computed
        cell.work.ended = self._now
        self._around.remove(cell)

    def _serves(self) -> bool:
        latest = self._row.latest
        return latest is not None and baseline.serves(latest, self._row.works, self._now, max_age=1.0)

    # -- what it does -----------------------------------------------------------------------------------

    def _run(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if isinstance(step, Pause):
                self._computed += step.seconds if step.computes else 0.0
                self._advance(self._now + step.seconds)
            elif isinstance(step, Spend):
                self._spend(step)
            else:
                self._metered(step)

    def _spend(self, step: Spend) -> None:
        number = self._script.account.call(self._now + step.seconds * step.after, step.price, step.cost)
        for cell in self._around:
            cell.true = total((cell.true, step.cost))
            cell.calls.add(number)
            cell.guards.add(step.is_guarded)
            cell.as_reserved = cell.as_reserved and step.cost == step.price
        if not self._around:
            self._script.unmeasured = total((self._script.unmeasured, max(step.cost, step.price)))
        call = Call("late", self._now)
        if step.is_guarded:
            self._unmeasured.add_call(call, [self._around[-1].work] if self._around else [])
        self._advance(self._now + step.seconds)
        call.ended_at, call.reserved = self._now, step.price
        if step.is_guarded:
            self._unmeasured.end_call(call)

    # -- readings ---------------------------------------------------------------------------------------

    def _advance(self, until: float) -> None:
        """Let time pass, and read whenever the row or a card wants to."""
        while True:
            self._row.expire(self._now)
            self._note()
            wanted = self._wanted_at() if self._in_flight is None else self._in_flight[0]
            if wanted > until:
                break
            self._now = wanted
            if self._in_flight is None:
                self._request()
            else:
                self._land()
        self._now = max(self._now, until)

    def _wanted_at(self) -> float:
        due = self._row.next_read_at()
        return max(min(math.inf if due is None else due, self._read_next), self._now)

    def _read(self) -> bool:
        """Wait for a reading requested from now on, and return whether it came."""
        if self._in_flight is not None:
            self._advance(self._in_flight[0])
        if self._in_flight is None:
            self._request()
        assert self._in_flight is not None
        lands_at, reading = self._in_flight
        self._advance(lands_at)
        return reading is not None

    def _request(self) -> None:
        for cell in self._script.cells:
            if cell.work in self._row.asking:
                cell.requests += 1
        if self._now >= self._read_next:
            self._read_next = self._now + self._every
        self._in_flight = self._now + LATENCY, self._script.account.read(self._now)

    def _land(self) -> None:
        assert self._in_flight is not None
        reading, self._in_flight = self._in_flight[1], None
        if reading is None:
            self._row.miss(None, self._now)
        else:
            self._row.record(reading)
        idle = (each.credits for each in self._row.unattributed.take_idle())
        self._script.idle = total([self._script.idle, *idle])

    def _note(self) -> None:
        for cell in self._script.cells:
            if cell.work.is_final and cell.first is None:
                cell.first, cell.final_at = cell.work.cost, self._now
