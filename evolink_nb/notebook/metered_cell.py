"""One measured cell: its measurement and its budget, its entry in the ledger and the line under it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..metering import ledger
from ..metering.batch import MIN_CALL_SECONDS
from ..metering.cost import assess

if TYPE_CHECKING:
    import argparse

    from ..credits import Credits
    from ..metering.budget import Budget
    from ..metering.measurement import Measurement
    from ..polling.fetcher import CreditsFetcher
    from .outputs import Line


class MeteredCell:
    """Enters what a cell costs into the ledger, and keeps the line under it true.

    Attributes:
        key: What tells the cell from others in the ledger.
        name: What it is called there.
        options: Those it was asked to be measured with, None where every cell is tracked.
        measurement: What measures it, None where no account can be read for it.
        budget: What may stop it.
        problem: Why nothing can be read, empty where something can.
        is_refused: Whether it was not let run.
        line: The line under it.
        idle_since: The account that the last cell had settled on, and its last reading; or None.
    """

    def __init__(
        self,
        key: str,
        name: str,
        options: argparse.Namespace | None,
        *,
        on_final: Callable[[MeteredCell, Measurement], None],
    ) -> None:
        """Take what the cell is called and was asked.

        Args:
            key: What tells the cell from others in the ledger.
            name: What it is called there.
            options: Those of its line ``%%evolink_credits``, None where every cell is tracked.
            on_final: Called with this and its measurement once the cost will not move any more, on the thread
                that settles.
        """
        self.key = key
        self.name = name
        self.options = options
        self.measurement: Measurement | None = None
        self.budget: Budget | None = None
        self.problem = ""
        self.is_refused = False
        self.line: Line | None = None
        self.idle_since: tuple[CreditsFetcher, Credits] | None = None
        self._on_final = on_final

    @property
    def is_tracked(self) -> bool:
        """Whether it is measured as every cell is, and not because it asked for it."""
        return self.options is None

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is to be shown under it."""
        return self.options is not None and bool(self.options.quiet)

    def abandon(self) -> None:
        """Stop measuring a cell that never began, or is not heard of again."""
        if self.budget is not None:
            self.budget.disarm()
        if self.measurement is not None:
            self.measurement.abandon()
            self.measurement = None

    def refuse(self) -> None:
        """Stop measuring a cell that is not let run."""
        self.is_refused = True
        self.abandon()

    def record(self, measurement: Measurement) -> None:
        """Enter the cell into the ledger.

        Args:
            measurement: Its measurement, which amends the entry.
        """
        measurement.record("cell", key=self.key, name=self.name)

    # -- on the thread that settles --------------------------------------------------------------------

    def began(self, measurement: Measurement) -> None:
        """Record what was spent since the last cell had settled: by no cell.

        Args:
            measurement: The cell's measurement.
        """
        before = measurement.before
        if self.idle_since is None or before is None or self.idle_since[0] is not measurement.fetcher:
            return
        since = self.idle_since[1]
        cost = assess(since, before, seconds=before.monotonic - since.monotonic, stable=True)
        if (cost.token or 0) > 0 or (cost.user or 0) > 0:
            ledger.current().record(
                ledger.Entry(key="", name=ledger.IDLE_NAME, kind="idle", began_at=since.read_at, cost=cost)
            )

    def changed(self, measurement: Measurement) -> None:
        """Show a cost that has moved.

        Args:
            measurement: The cell's measurement.
        """
        # A tracked cell that spent nothing has neither a line nor an entry.
        if self.is_tracked and not measurement.is_recorded:
            if not measurement.cost.credits:
                return
            self.record(measurement)
        if self.line is not None:
            self.line.amend()

    def final(self, measurement: Measurement) -> None:
        """Show that the cost will not move any more.

        Args:
            measurement: The cell's measurement.
        """
        could_spend = measurement.seconds >= MIN_CALL_SECONDS
        if measurement.cost.credits is None and not measurement.is_recorded and could_spend:
            # A tracked cell whose cost can't be read is none that spent nothing.
            self.record(measurement)
        if self.line is not None:
            self.line.finish(shown=measurement.is_recorded or not self.is_tracked)
        self._on_final(self, measurement)
