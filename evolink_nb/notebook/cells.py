"""Measures each cell between its start and end events; the cell itself runs unchanged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..api import settings
from ..errors import EvoLinkError
from ..formatting import format_amount
from ..metering.active import active_measurements
from ..metering.budget import Budget
from ..metering.cost import Cost
from ..metering.measurement import Measurement
from ..metering.metered import MeteredCost, Unmeasured
from ..metering.settlement import SettleTiming
from ..metering.settler import read
from .cell_lines import CellLines
from .kept.outlooks import Outlooks
from .metered_cell import MeteredCell
from .options.budget import budget_options
from .refusal import SESSION_BUDGET, describe, refuse_on_failure
from .stopping import CellStops, target_of_cell

if TYPE_CHECKING:
    import argparse

    from ..errors import BudgetExceeded
    from ..polling.fetcher import CreditsFetcher
    from .running import RunningCell, RunningCells


class Cells:
    """The cells of one shell: measured on request, or all of them while tracking is on.

    Attributes:
        timing: How long measuring waits; applies to cells that begin from now on.
        stops: Lets budgets stop the cells.
    """

    def __init__(
        self,
        shell: Any,
        running: RunningCells,
        fetcher_for: Callable[[argparse.Namespace], CreditsFetcher],
        settle_for: Callable[[], float],
    ) -> None:
        """Serve one shell.

        Args:
            shell: The shell whose cells these are.
            running: The cells running in it.
            fetcher_for: Returns the fetcher for a cell's options.
            settle_for: Returns how long each measured cell waits for its cost to settle unless its options
                say, in seconds; 0 for not at all.
        """
        self._shell = shell
        self._running = running
        self._fetcher_for = fetcher_for
        self._settle_for = settle_for
        self.stops = CellStops(shell, running)
        self.timing = SettleTiming()
        self._lines = CellLines(shell)
        self._tracked: CreditsFetcher | None = None
        self._follows = False
        self._outlooks = Outlooks()
        self._stopped = False
        self._settle_tracked: float | None = None
        if running.outermost is not None:
            # That cell may spend too, but it began before anything could measure it.
            active_measurements.begin_cell(measured_on=None)

    @property
    def tracking(self) -> bool:
        """Whether every cell is measured."""
        return self._tracked is not None

    def track(
        self, fetcher: CreditsFetcher | None, *, follows: bool = False, settle: float | None = None
    ) -> None:
        """Turn measuring every cell on or off, from the next cell.

        Args:
            fetcher: The fetcher for the account the cells spend from; None to turn it off.
            follows: Whether to follow the default account when it changes.
            settle: Seconds that each cell waits for its cost to settle; None for the shell's setting.
        """
        self._settle_tracked = settle
        if self._tracked is not None:
            self._tracked.detach(self)
        self._tracked, self._follows = fetcher, follows
        if fetcher is not None:
            fetcher.attach(self, settings.INTERVAL)
            # Between cells nothing waits for a reading: there is no need to read often.
            fetcher.set_visible(self, visible=False)
            # The baseline for the first cell; the cells themselves don't wait for a reading.
            read(fetcher)

    def follow(self, fetcher: CreditsFetcher | None) -> str:
        """Track the new default account, if the old one was tracked as the default.

        Args:
            fetcher: The fetcher that reads it; None if there is no key any more.

        Returns:
            What to tell the user; empty if nothing is tracked, or the account is tracked already.
        """
        if self._tracked is None or self._tracked is fetcher:
            return ""
        if not self._follows:
            return "Tracking stays on the account chosen with %evolink_track."
        self.track(fetcher, follows=True, settle=self._settle_tracked)
        return "Tracking now reads this key." if fetcher is not None else "Tracking off: there is no key."

    def stop(self) -> None:
        """End everything under way, and stop amending lines."""
        # Measurements still settling end after this.
        self._stopped = True
        self.track(None)
        for cell in self._running.end_all():
            self.stops.let_go(cell)
        self._lines.leave()
        self._outlooks.stop()

    # -- before a cell ---------------------------------------------------------------------------------

    def begin_at_line(self, options: argparse.Namespace) -> None:
        """Measure a cell from its ``%%evolink_credits`` line on.

        Args:
            options: The line's options.

        Raises:
            EvoLinkError: Whatever runs the code doesn't report its end.
            BudgetExceeded: The budget of an earlier line stopped this cell, but it went on.
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
            # A macro, or code kept from an earlier cell: the line is in the middle of this cell.
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
        if cell.metered is not None:
            self._lines.prepare(cell.metered)
            self._outlooks.at_cell_start(cell.metered)

    def _begin_measuring(self, cell: RunningCell) -> None:
        is_outermost = cell is self._running.outermost
        if cell.options is not None:
            self._measure(cell, cell.options)
        elif is_outermost and self._tracked is not None:
            metered = cell.metered = self._metered(cell)
            metered.measurement = Measurement(
                self._tracked,
                timing=self._timing(None),
                covers_kernel=True,
                reads_first=False,
                listener=metered,
            )
            metered.measurement.start()
        if is_outermost:
            # On all accounts: this cell may spend from any.
            measurement = None if cell.metered is None else cell.metered.measurement
            active_measurements.begin_cell(measured_on=None if measurement is None else measurement.fetcher)

    def _patience(self, options: argparse.Namespace | None) -> float | None:
        """Return how long a cell waits for its cost to settle, in seconds; None if it doesn't wait."""
        asked = self._settle_tracked if options is None else options.settle
        return asked if asked is not None else self._settle_for() or None

    def _timing(self, options: argparse.Namespace | None) -> SettleTiming:
        patience = self._patience(options)
        return self.timing if patience is None else replace(self.timing, settle=patience)

    def _metered(self, cell: RunningCell) -> MeteredCell:
        return MeteredCell(cell.entry_key, cell.name, cell.options, on_final=self._after_settling)

    def _measure(self, cell: RunningCell, options: argparse.Namespace) -> None:
        metered = cell.metered = self._metered(cell)
        # The variable must not keep an earlier cell's cost if this one can't be measured.
        cost: MeteredCost | None = None
        try:
            fetcher = self._fetcher_for(options)
            measurement = metered.measurement = Measurement(
                fetcher,
                timing=self._timing(options),
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
            metered.budget = Budget(
                fetcher, options.max, measured=measurement, name=name, options=budget_options(options)
            )
            metered.budget.arm(measurement.before, target_of_cell())

    # -- after a cell ----------------------------------------------------------------------------------

    def end(
        self,
        ended: list[RunningCell],
        error: BaseException | None,
        *,
        is_known: bool = True,
        number: int | None = None,
    ) -> BudgetExceeded | None:
        """Settle the cost of a cell that has ended.

        Args:
            ended: The cell, preceded by any inside it whose end was never announced.
            error: What the cell raised.
            is_known: Whether the last of them is the one that has ended. If not, no more events will come for
                any of them.
            number: Its number in IPython's history, if any.

        Returns:
            The `BudgetExceeded` of the budget that stopped it, unless the cell itself raised that.
        """
        over = [each for each in ended if is_known and (each is ended[-1] or each.is_part)]
        for each in ended:
            if each not in over:
                self.stops.let_go(each)
        stop = self.stops.end(over, error)
        if not self._running:
            active_measurements.end_cell()
            self._outlooks.at_cell_end()
        for cell in over:
            if cell.metered is not None:
                self._settle(cell.metered, cell.name, number)
        self._lines.send_again()
        return stop

    def _settle(self, metered: MeteredCell, name: str, number: int | None) -> None:
        measurement = metered.measurement
        if measurement is None:
            self._lines.show_problem(metered)
            return
        measurement.work.number = number
        measurement.stop()
        if not metered.is_tracked:
            metered.record(measurement)
        self._lines.show(metered, measurement, f"In [{number}]" if number else name)
        measurement.settle_in_background()
        self._lines.wait(metered, measurement, self._patience(metered.options))

    # -- on the settling thread ------------------------------------------------------------------------

    def _after_settling(self, metered: MeteredCell, measurement: Measurement) -> None:
        if self._stopped:
            return
        self._outlooks.after_settling(metered, measurement)
