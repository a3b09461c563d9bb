"""Measures each cell between the cell events, while the cell runs untouched.

The line under a cell is displayed when the cell ends and amended from the settling thread. Amendments are
sent once more at the end of a later cell: nbclient only accepts output of the running cell.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from IPython.display import display

from ..api import settings
from ..errors import EvoLinkError
from ..formatting import format_amount
from ..metering import ledger
from ..metering.active import active_measurements
from ..metering.baseline import LastKnown
from ..metering.batch import Batch
from ..metering.budget import Budget
from ..metering.cost import Cost
from ..metering.grace import GRACE
from ..metering.measurement import Measurement
from ..metering.metered import MeteredCost, Unmeasured
from ..metering.settlement import SETTLE, SettleTiming
from ..metering.settler import read
from ..metering.watch_timing import WatchTiming
from .cost_line import CostLine
from .metered_cell import MeteredCell
from .outputs import Line, Outlook, PrintedLine
from .refusal import SESSION_BUDGET, describe, refuse_on_failure
from .stopping import CellStops, target_of_cell

if TYPE_CHECKING:
    import argparse

    from ..credits import Credits
    from ..errors import BudgetExceeded
    from ..polling.fetcher import CreditsFetcher
    from .running import RunningCell, RunningCells

FIRST_FIGURE = 10.0
"""The longest a terminal waits for a cell's first figure, in seconds: it can't amend what it has printed."""


class Cells:
    """The cells of one shell: measured on request, or all of them while tracking is on.

    Attributes:
        timing: How long measuring waits; applies to cells that begin from now on.
        stops: What lets budgets stop them.
    """

    def __init__(
        self,
        shell: Any,
        running: RunningCells,
        fetcher_for: Callable[[argparse.Namespace], CreditsFetcher],
    ) -> None:
        """Serve one shell.

        Args:
            shell: The shell whose cells these are.
            running: The cells running in it.
            fetcher_for: Returns the fetcher for a cell's options.
        """
        self._shell = shell
        self._running = running
        self._fetcher_for = fetcher_for
        self.stops = CellStops(shell, running)
        self.timing = SettleTiming()
        self._batch = Batch()
        self._in_place = hasattr(shell, "kernel")
        self._lines: list[Line] = []
        self._tracked: CreditsFetcher | None = None
        self._outlook: Outlook | None = None
        self._stopped = False
        self._idle_since: tuple[CreditsFetcher, Credits] | None = None

    @property
    def tracking(self) -> bool:
        """Whether every cell is measured."""
        return self._tracked is not None

    def track(self, fetcher: CreditsFetcher | None) -> None:
        """Turn measuring every cell on or off, from the next cell.

        Args:
            fetcher: The fetcher for the account the cells spend from; None to turn it off.
        """
        if self._tracked is not None:
            self._tracked.detach(self)
        self._tracked = fetcher
        if fetcher is not None:
            fetcher.attach(self, settings.INTERVAL)
            # Between cells nothing waits for a reading: there is no need to read often.
            fetcher.set_visible(self, visible=False)
            # The baseline for the first cell; the cells themselves don't wait for a reading.
            read(fetcher)

    def stop(self) -> None:
        """End everything under way, and leave every line as it is."""
        # Settling still in progress ends after this.
        self._stopped = True
        self.track(None)
        for cell in self._running.end_all():
            self.stops.let_go(cell)
        self._lines.clear()
        if self._outlook is not None:
            self._outlook.end()
            self._outlook = None
        # Measurements that are kept would keep their fetchers alive, too.
        self._idle_since = None
        self._batch = Batch()

    # -- before a cell ---------------------------------------------------------------------------------

    def begin_at_line(self, options: argparse.Namespace) -> None:
        """Measure a cell from its ``%%evolink_credits`` line on.

        Args:
            options: The line's options.

        Raises:
            EvoLinkError: What runs the code doesn't tell when it ends.
            BudgetExceeded: An earlier line's budget stopped this cell, which went on.
            CellRefused: The cell is to be watched, and can't be.
        """
        cell = self._running.innermost
        if cell is None:
            raise EvoLinkError("what runs it doesn't tell when it ends. Run it as a cell of its own.")
        if cell.is_part:
            stop = self.end(self._running.end_cell(cell), None)
            if stop is not None:
                raise stop
        if cell.has_begun:
            # A macro, or code kept from an earlier cell: the line stands in the middle of this one.
            cell = self._running.begin_part(cell)
        cell.has_begun = True
        cell.options = options
        self.begin(cell)

    def begin(self, cell: RunningCell) -> None:
        """Measure a cell that begins, if requested or if every cell is tracked.

        Args:
            cell: The cell.

        Raises:
            CellRefused: The cell is to be watched, and can't be.
        """
        is_limited = cell.options is not None and cell.options.max is not None
        instead = None if is_limited else cell.run_unmeasured
        with refuse_on_failure("--max", instead=instead, undo=cell.refuse):
            self._begin_measuring(cell)
        with refuse_on_failure(SESSION_BUDGET, undo=cell.refuse):
            self.stops.begin(cell)

    def _begin_measuring(self, cell: RunningCell) -> None:
        is_outermost = cell is self._running.outermost
        if cell.options is not None:
            self._measure(cell, cell.options)
        elif is_outermost and self._tracked is not None:
            metered = cell.metered = self._metered(cell)
            metered.measurement = Measurement(
                self._tracked,
                timing=self.timing,
                covers_kernel=True,
                baseline=LastKnown(self._batch),
                listener=metered,
            )
            metered.measurement.start()
        if is_outermost:
            # On all accounts: this cell may spend from any. On its own account the baseline was read before
            # this.
            active_measurements.supersede_all()
            if cell.metered is not None:
                cell.metered.idle_since = self._idle_since
            self._idle_since = None

    def _metered(self, cell: RunningCell) -> MeteredCell:
        return MeteredCell(cell.key, cell.name, cell.options, on_final=self._after_settling)

    def _measure(self, cell: RunningCell, options: argparse.Namespace) -> None:
        metered = cell.metered = self._metered(cell)
        # Until there is a measurement, so that the variable doesn't hold an earlier cell's cost.
        cost: MeteredCost | None = None
        try:
            fetcher = self._fetcher_for(options)
            limit = SETTLE if options.settle is None else options.settle
            measurement = metered.measurement = Measurement(
                fetcher,
                timing=replace(self.timing, settle=limit),
                covers_kernel=True,
                listener=metered,
            )
            measurement.start()
            cost = MeteredCost(measurement)
        except Exception as error:
            cost = cost or MeteredCost(Unmeasured(Cost(reason=describe(error))))
            raise
        finally:
            if options.output and cost is not None:
                self._shell.user_ns[options.output] = cost
        if options.max is not None:
            if measurement.before is None:
                raise measurement.unreadable()
            name = f"--max {format_amount(options.max)}"
            grace = GRACE if options.grace is None else options.grace
            metered.budget = Budget(fetcher, options.max, name=name, timing=WatchTiming(grace=grace))
            metered.budget.arm(measurement.before, target_of_cell())

    # -- after a cell ----------------------------------------------------------------------------------

    def end(
        self, ended: list[RunningCell], error: BaseException | None, *, is_known: bool = True
    ) -> BudgetExceeded | None:
        """Settle the cost of a cell that has ended.

        Args:
            ended: The cell, preceded by any inside it whose end was never announced.
            error: What the cell raised.
            is_known: Whether the last of them is the one that has ended. If not, none will be heard of again.

        Returns:
            The stop of the budget that stopped it, if that is not what it raised.
        """
        over = [each for each in ended if is_known and (each is ended[-1] or each.is_part)]
        for each in ended:
            if each not in over:
                self.stops.let_go(each)
        stop = self.stops.end(over, error)
        lines = list(self._lines)
        for cell in over:
            line = None if cell.metered is None else self._settle(cell.metered)
            # Tracked cells don't wait for a figure and never show one at once: that would depend on luck.
            if line is not None and cell.options is not None:
                lines.append(line)
        for line in lines:
            # Checked before sending: a line that finishes during it is sent again.
            is_over = line.over
            line.send_again()
            if is_over:
                self._lines.remove(line)
        return stop

    def _settle(self, metered: MeteredCell) -> Line | None:
        """Start settling the cost of a cell that has ended, and return the line under it, if any."""
        measurement, options = metered.measurement, metered.options
        if measurement is None:
            if not metered.is_quiet and not metered.is_refused:
                problem = CostLine(Cost(reason=metered.problem), settling=False)
                display(problem.mimebundle(), raw=True)
            return None
        measurement.stop()
        if not metered.is_tracked:
            metered.record(measurement)
        if not metered.is_quiet:
            kind = Line if self._in_place else PrintedLine
            metered.line = kind(measurement, key=metered.key, shown=not metered.is_tracked)
            self._lines.append(metered.line)
        measurement.settle_in_background()
        if options is not None and options.settle is not None:
            _wait_for(measurement.wait, measurement)
        elif metered.line is not None and not self._in_place and not metered.is_tracked:
            _wait_for(functools.partial(measurement.wait_for_first, FIRST_FIGURE), measurement)
        return metered.line

    # -- on the settling thread ------------------------------------------------------------------------

    def _after_settling(self, metered: MeteredCell, measurement: Measurement) -> None:
        if self._stopped:
            return
        # If another cell has begun meanwhile, the idle time starts when that cell ends.
        if (
            measurement.cost.settled
            and measurement.after is not None
            and not (measurement.is_superseded or self._running)
        ):
            self._idle_since = measurement.fetcher, measurement.after
        simulated = measurement.cost.simulated
        expected = ledger.expected(ledger.current().entries(), metered.key, simulated=simulated)
        if measurement.cost.credits and expected:
            if self._outlook is not None:
                self._outlook.end(clear=self._outlook.fetcher is not measurement.fetcher)
            self._outlook = Outlook(measurement.fetcher, expected, metered.name)


def _wait_for(wait: Callable[[], object], measurement: Measurement) -> None:
    try:
        wait()
    except KeyboardInterrupt:
        # The user doesn't want to wait; the cell itself is done.
        measurement.cancel()
