"""What each cell costs: measured between the cell events, while the cell runs untouched.

The line under a cell is displayed when the cell ends and amended from the thread that settles. What was
amended is sent once more at the end of a later cell: nbclient only takes what belongs to the cell that runs.
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
from ..metering.measurement import Measurement
from ..metering.metered import MeteredCost, Unmeasured
from ..metering.settlement import SETTLE, SettleTiming
from ..metering.settler import read
from .cost_line import CostLine
from .metered_cell import MeteredCell
from .outputs import Line, Outlook, PrintedLine
from .stopping import CellStops, target_of_cell

if TYPE_CHECKING:
    import argparse

    from ..credits import Credits
    from ..polling.fetcher import CreditsFetcher
    from .running import RunningCell, RunningCells

FIRST_FIGURE = 10.0
"""Seconds that a terminal waits for a cell's first figure at most: it can't amend what it has printed."""


class Cells:
    """The cells of one shell: measured where they ask for it, or all of them while tracking is on.

    Attributes:
        timing: How long measuring waits; it holds for cells that begin from now on.
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
            running: The cells that run in it.
            fetcher_for: Returns the fetcher that a cell's options ask for.
        """
        self._shell = shell
        self._running = running
        self._fetcher_for = fetcher_for
        self._stops = CellStops(shell, running)
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
        """Measure every cell from the next one on.

        Args:
            fetcher: What reads the account they spend on; None to measure them no longer.
        """
        if self._tracked is not None:
            self._tracked.detach(self)
        self._tracked = fetcher
        if fetcher is not None:
            fetcher.attach(self, settings.INTERVAL)
            # Between cells nothing waits for it: it need not read often.
            fetcher.set_visible(self, visible=False)
            # How things stood before the first cell; the cells themselves wait for no reading.
            read(fetcher)

    def stop(self) -> None:
        """End all that goes on, and leave every line as it is."""
        # What still settles ends after this.
        self._stopped = True
        self.track(None)
        for cell in self._running.end_all():
            self._stops.let_go(cell)
        self._lines.clear()
        if self._outlook is not None:
            self._outlook.end()
            self._outlook = None
        # What is kept of measurements would keep their fetchers, too.
        self._idle_since = None
        self._batch = Batch()

    # -- before a cell ---------------------------------------------------------------------------------

    def begin(self, cell: RunningCell) -> None:
        """Measure a cell that begins, if it asked for it or every cell is tracked.

        Args:
            cell: The cell.
        """
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
            # On other accounts too: this cell may spend there. On its own its first reading came before.
            active_measurements.supersede_all()
            if cell.metered is not None:
                cell.metered.idle_since = self._idle_since
            self._idle_since = None
        self._stops.begin(cell)

    def _metered(self, cell: RunningCell) -> MeteredCell:
        return MeteredCell(cell.key, cell.name, cell.options, on_final=self._after_settling)

    def _measure(self, cell: RunningCell, options: argparse.Namespace) -> None:
        metered = cell.metered = self._metered(cell)
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
            if options.output:
                self._shell.user_ns[options.output] = MeteredCost(measurement)
            if options.max is not None:
                if measurement.before is None:
                    raise measurement.unreadable()
                name = f"--max {format_amount(options.max)}"
                metered.budget = Budget(fetcher, options.max, name=name)
                metered.budget.arm(measurement.before, target_of_cell())
        except EvoLinkError as error:
            metered.problem = error.message
            if metered.measurement is None and options.output:
                # Else the variable would still hold an earlier cell's.
                self._shell.user_ns[options.output] = MeteredCost(Unmeasured(Cost(reason=error.message)))
            if options.max is not None:
                self._stops.refuse(cell, f"--max can't be watched: {error}")
        except KeyboardInterrupt:
            self._stops.refuse_interrupted(cell)

    # -- after a cell ----------------------------------------------------------------------------------

    def end(self, ended: list[RunningCell], result: Any) -> None:
        """Settle what a cell that has ended cost, and say what stopped it.

        Args:
            ended: The cell, and before it those inside it whose end was never announced.
            result: IPython's of the cell; None where none of them is heard of again.
        """
        cell = ended[-1] if ended and result is not None else None
        for each in ended:
            if each is not cell:
                self._stops.let_go(each)
        self._stops.end(cell, result)
        lines = list(self._lines)
        if cell is not None and cell.metered is not None:
            line = self._settle(cell.metered)
            # Tracked cells wait for no figure, and never show one at once: that would be left to chance.
            if line is not None and not cell.metered.is_tracked:
                lines.append(line)
        for line in lines:
            # Asked before: what ends while it is sent is sent once more.
            over = line.over
            line.send_again()
            if over:
                self._lines.remove(line)

    def _settle(self, metered: MeteredCell) -> Line | None:
        """Have the cost of a cell that has ended settle, and return the line under it if it has one."""
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

    # -- on the thread that settles --------------------------------------------------------------------

    def _after_settling(self, metered: MeteredCell, measurement: Measurement) -> None:
        if self._stopped:
            return
        # Where another cell has begun meanwhile, the idle time begins with the end of that one.
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
        # The user has seen enough; the cell itself is done.
        measurement.cancel()
