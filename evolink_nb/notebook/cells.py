"""What each cell costs: measured by cell events, while the cell runs as if nobody looked.

An input transformer drops the line ``%%evolink_credits …`` (`cell_magics`), so that the rest is an ordinary
cell; what is here happens before and after it. The line under a cell is displayed when the cell ends and
amended from the thread that settles. What was amended is sent once more at the end of a later cell: nbclient
only takes what belongs to the cell that runs.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from IPython.display import display

from ..api import settings
from ..errors import BudgetExceeded, EvoLinkError
from ..formatting import format_amount
from ..metering import ledger
from ..metering import measurement as measuring
from ..metering.background import MIN_CALL_SECONDS, BackgroundMeasurement
from ..metering.budget import Budget
from ..metering.budget_registry import budgets
from ..metering.cost import Cost, assess
from ..metering.interrupt import InterruptTarget
from ..metering.measurement import SETTLE, Measurement
from ..metering.meter import MeteredCost, Unmeasured
from ..metering.settler import read
from .cost_line import CostLine
from .outputs import Line, Outlook, PrintedLine
from .stopping import BudgetTraceback, CellBlocker

if TYPE_CHECKING:
    import argparse

    from ..credits import Credits
    from ..polling.fetcher import CreditsFetcher

MAX_NAME = 60
"""Characters of a cell's first line that it is called by, at most."""
FIRST_FIGURE = 10.0
"""Seconds that a terminal waits for a cell's first figure at most: it can't amend what it has printed."""


@dataclass
class _Cell:
    """A cell that runs: how it is measured, what may stop it, and what of IPython's must be put back."""

    raw: str
    key: str
    options: argparse.Namespace | None
    measurement: Measurement | None = None
    budget: Budget | None = None
    stops: BudgetTraceback | None = None
    problem: str = ""
    refused: bool = False
    undo: list[Callable[[], object]] = field(default_factory=list)

    @property
    def name(self) -> str:
        lines = [line.strip() for line in self.raw.splitlines() if line.strip()]
        if self.options is not None:
            lines = lines[1:]
        # What a cell does is seldom in its first comment or import, but that is how people know it again.
        first = lines[0] if lines else "(an empty cell)"
        return first if len(first) <= MAX_NAME else first[: MAX_NAME - 1] + "…"

    @property
    def is_quiet(self) -> bool:
        return self.options is not None and self.options.quiet

    def refuse(self, shell: Any, reason: str) -> None:
        """Have ``shell`` not run it; then nothing is measured either."""
        self.refused = True
        if self.measurement is not None:
            self.measurement.abandon()
            self.measurement = None
        self.undo.append(CellBlocker(shell, reason).end)

    def put_back(self) -> None:
        while self.undo:
            self.undo.pop()()


class Cells:
    """The cells of one shell: measured where they ask for it, or all of them while tracking is on."""

    def __init__(self, shell: Any, fetcher_of: Callable[[argparse.Namespace], CreditsFetcher]) -> None:
        """Serve ``shell``; ``fetcher_of`` gives the fetcher that a cell's options ask for."""
        self._shell = shell
        self._fetcher_of = fetcher_of
        self._in_place = hasattr(shell, "kernel")
        self._running: list[_Cell] = []
        self._lines: list[Line] = []
        self._tracked: CreditsFetcher | None = None
        self._outlook: Outlook | None = None
        self._stopped = False
        self._rest: tuple[CreditsFetcher, Credits] | None = None
        budgets.add_listener(self._note_session)

    @property
    def tracking(self) -> bool:
        """Whether every cell is measured."""
        return self._tracked is not None

    def track(self, fetcher: CreditsFetcher | None) -> None:
        """Measure every cell on ``fetcher``'s account from the next one on; None ends it."""
        if self._tracked is not None:
            self._tracked.detach(self)
        self._tracked = fetcher
        if fetcher is not None:
            fetcher.attach(self, settings.INTERVAL)
            # Between cells nobody waits for it: it need not read often.
            fetcher.show(self, visible=False)
            # How things stood before the first cell; the cells themselves wait for no reading.
            read(fetcher)

    def stop(self) -> None:
        """End all that goes on, and leave every line as it is."""
        # What still settles ends after this.
        self._stopped = True
        self.track(None)
        self.break_off()
        self._lines.clear()
        if self._outlook is not None:
            self._outlook.end()
        budgets.remove_listener(self._note_session)

    def break_off(self) -> None:
        """Let go of the cells that run, as of one that is not heard of again."""
        while self._running:
            cell = self._running.pop()
            if cell.budget is not None:
                cell.budget.disarm()
            if cell.measurement is not None:
                cell.measurement.abandon()
            cell.put_back()
        budgets.end_work()

    # -- before a cell -------------------------------------------------------------------------------------

    def begin(self, info: Any, options: argparse.Namespace | None) -> None:
        """Take note that a cell begins; with ``options`` it asked to be measured. ``info`` is IPython's."""
        key = getattr(info, "cell_id", None) or info.raw_cell
        cell = _Cell(info.raw_cell, key, options)
        outermost = not self._running
        self._running.append(cell)
        if options is not None:
            self._measure(cell, options)
        elif outermost and self._tracked is not None:
            cell.measurement = BackgroundMeasurement(self._tracked, whole=True)
            cell.measurement.start()
        if outermost:
            # On other accounts too: this cell may spend there. On its own its first reading came before.
            measuring.follow_all()
            rest, self._rest = self._rest, None
            if cell.measurement is not None and rest is not None:
                cell.measurement.on_begin = functools.partial(_record_drain, rest)
            self._watch_for_session(cell)
        if cell.budget is not None or (outermost and budgets.any_armed()):
            self._show_stops_of(cell)

    def _note_session(self) -> None:
        """Take note that a budget was set, most likely by the cell that runs, which it can stop."""
        if self._running and all(cell.stops is None for cell in self._running):
            self._show_stops_of(self._running[0])

    def _show_stops_of(self, cell: _Cell) -> None:
        cell.stops = BudgetTraceback(self._shell)
        cell.undo.append(cell.stops.end)

    def _measure(self, cell: _Cell, options: argparse.Namespace) -> None:
        try:
            fetcher = self._fetcher_of(options)
            limit = SETTLE if options.settle is None else options.settle
            measurement = cell.measurement = Measurement(fetcher, settle=limit, whole=True)
            measurement.start()
            if options.output:
                self._shell.user_ns[options.output] = MeteredCost(measurement)
            if options.max is not None:
                if measurement.before is None:
                    raise measurement.unreadable()
                name = f"--max {format_amount(options.max)}"
                cell.budget = Budget(fetcher, options.max, name=name)
                cell.budget.arm(measurement.before, _work_of_cell())
        except EvoLinkError as error:
            cell.problem = error.message
            if cell.measurement is None and options.output:
                # Else the variable would still hold an earlier cell's.
                self._shell.user_ns[options.output] = MeteredCost(Unmeasured(Cost(reason=error.message)))
            if options.max is not None:
                cell.refuse(self._shell, f"--max can't be watched: {error}")
        except KeyboardInterrupt:
            self._refuse_interrupted(cell)

    def _watch_for_session(self, cell: _Cell) -> None:
        try:
            budgets.begin_work(_work_of_cell())
        except KeyboardInterrupt:
            self._refuse_interrupted(cell)

    def _refuse_interrupted(self, cell: _Cell) -> None:
        # Left to IPython it would end this event only, and the cell would run, with nothing to watch it.
        cell.refuse(self._shell, "it was interrupted while the balance was read.")

    # -- after a cell --------------------------------------------------------------------------------------

    def end(self, result: Any) -> None:
        """Take note that a cell has ended, with IPython's ``result``."""
        cell = self._pop(result.info.raw_cell)
        if cell is not None:
            exceeded = self._end_budgets(cell)
            cell.put_back()
            if exceeded is not None:
                self._say_stopped(cell, result, exceeded)
            if cell.measurement is not None:
                self._settle(cell, cell.measurement)
            elif cell.options is not None and not cell.is_quiet and not cell.refused:
                problem = CostLine(Cost(reason=cell.problem), settling=False)
                display(problem.mimebundle(), raw=True)
        for line in list(self._lines):
            # Asked before: what ends while it is sent is sent once more.
            over = line.over
            line.send_again()
            if over:
                self._lines.remove(line)

    def _end_budgets(self, cell: _Cell) -> BudgetExceeded | None:
        """Have all that watches the cell rest, and tell which one stopped it."""
        ends = [] if cell.budget is None else [cell.budget.disarm]
        if not self._running:
            ends += [budgets.end_work, budgets.disarm_thread]
        exceeded = None
        for end in ends:
            # A person's interrupt comes too late for the cell; it must not keep the others armed.
            with contextlib.suppress(KeyboardInterrupt):
                stop = end()
                exceeded = exceeded or stop
        return exceeded

    def _pop(self, raw_cell: str) -> _Cell | None:
        # Events of other cells come too: of the one that loaded the extension, or of an empty one.
        if not any(cell.raw == raw_cell for cell in self._running):
            return None
        while (cell := self._running.pop()).raw != raw_cell:
            cell.put_back()
        return cell

    def _say_stopped(self, cell: _Cell, result: Any, exceeded: BudgetExceeded) -> None:
        """Let the budget be what ended the cell, instead of the interrupt by which it did."""
        # What the cell did with the interrupt is its own affair: it may have ended well, or otherwise.
        if result.error_in_exec is not exceeded:
            result.error_in_exec = exceeded
            if cell.stops is None or not cell.stops.shown:
                self._shell.showtraceback((BudgetExceeded, exceeded, None))

    def _settle(self, cell: _Cell, measurement: Measurement) -> None:
        tracked = cell.options is None
        measurement.stop()
        if not tracked:
            measurement.record("cell", key=cell.key, name=cell.name)
        line = None
        if not cell.is_quiet:
            kind = Line if self._in_place else PrintedLine
            line = kind(measurement, key=cell.key, shown=not tracked)
            self._lines.append(line)
        measurement.on_change = functools.partial(self._amend, cell, line)
        measurement.on_finish = functools.partial(self._finish, cell, line)
        measurement.settle_in_background()
        if cell.options is not None and cell.options.settle is not None:
            _wait_for(measurement.wait, measurement)
        elif line is not None and not self._in_place and not tracked:
            _wait_for(functools.partial(measurement.wait_for_first, FIRST_FIGURE), measurement)

    # -- on the thread that settles ------------------------------------------------------------------------

    def _amend(self, cell: _Cell, line: Line | None, measurement: Measurement) -> None:
        # A tracked cell that spent nothing has neither a line nor an entry.
        if cell.options is None and not measurement.is_recorded:
            if not measurement.cost.credits:
                return
            measurement.record("cell", key=cell.key, name=cell.name)
        if line is not None:
            line.amend()

    def _finish(self, cell: _Cell, line: Line | None, measurement: Measurement) -> None:
        could_spend = measurement.seconds >= MIN_CALL_SECONDS
        if measurement.cost.credits is None and not measurement.is_recorded and could_spend:
            # A tracked cell whose cost can't be read is none that spent nothing.
            measurement.record("cell", key=cell.key, name=cell.name)
        if line is not None:
            line.finish(shown=measurement.is_recorded or cell.options is not None)
        # Where another cell has begun meanwhile, the rest begins with the end of that one.
        if (
            measurement.cost.settled
            and measurement.after is not None
            and not (measurement.is_followed or self._running)
        ):
            self._rest = measurement.fetcher, measurement.after
        expected = ledger.expected(ledger.current().entries(), cell.key, simulated=measurement.cost.simulated)
        if measurement.cost.credits and expected and not self._stopped:
            if self._outlook is not None:
                self._outlook.end(clear=self._outlook.fetcher is not measurement.fetcher)
            self._outlook = Outlook(measurement.fetcher, expected)


def _work_of_cell() -> InterruptTarget:
    # Once its code is done a cell is still on its way out, and who asked for it waits for the answer.
    return InterruptTarget(within=("run_code", "run_cell", "run_cell_async"))


def _record_drain(rest: tuple[CreditsFetcher, Credits], measurement: Measurement) -> None:
    """Record what was spent since the last cell had settled: by no cell."""
    fetcher, since = rest
    before = measurement.before
    if before is None or fetcher is not measurement.fetcher:
        return
    seconds = (before.read_at - since.read_at).total_seconds()
    cost = assess(since, before, seconds=seconds, agreed=True)
    if (cost.token or 0) > 0 or (cost.user or 0) > 0:
        ledger.current().record(
            ledger.Entry(key="", name=ledger.IDLE_NAME, kind="idle", began_at=since.read_at, cost=cost)
        )


def _wait_for(wait: Callable[[], object], measurement: Measurement) -> None:
    try:
        wait()
    except KeyboardInterrupt:
        # A person has seen enough; the cell itself is done.
        measurement.cancel()
