"""One measured cell: its measurement, its budget, its ledger entry and the line under it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from ..metering.attribution.work import MIN_CALL_SECONDS

if TYPE_CHECKING:
    import argparse

    from ..metering.budget import Budget
    from ..metering.measurement import Measurement
    from .held_clear import HeldClear
    from .shown_line import Line


class MeteredCell:
    """Enters a cell's cost into the ledger, and keeps the line under it up to date.

    Attributes:
        key: Identifies the cell in the ledger.
        name: Its name in the ledger.
        options: The options of its ``%%evolink_credits`` line; None if every cell is tracked.
        measurement: Its measurement; None if the account can't be read.
        budget: The budget that may stop it, if any.
        problem: Why the account can't be read; empty if it can.
        is_refused: Whether it was refused and not run.
        line: The line under it.
        clear: Holds back the clear that the line would trigger; None where there are no clears.
    """

    def __init__(
        self,
        key: str,
        name: str,
        options: argparse.Namespace | None,
        *,
        on_final: Callable[[MeteredCell, Measurement], None],
    ) -> None:
        """Prepare to measure a cell.

        Args:
            key: Identifies the cell in the ledger.
            name: Its name in the ledger.
            options: The options of its ``%%evolink_credits`` line; None if every cell is tracked.
            on_final: Called with this and its measurement once the cost is final, on the settling thread.
        """
        self.key = key
        self.name = name
        self.options = options
        self.measurement: Measurement | None = None
        self.budget: Budget | None = None
        self.problem = ""
        self.is_refused = False
        self.line: Line | None = None
        self.clear: HeldClear | None = None
        self._on_final = on_final

    @property
    def is_tracked(self) -> bool:
        """Whether it is measured because every cell is, not because it asks for it."""
        return self.options is None

    @property
    def is_quiet(self) -> bool:
        """Whether to show nothing under it."""
        return self.options is not None and bool(self.options.quiet)

    def abandon(self) -> None:
        """Stop measuring a cell that never began, or whose end will not be announced."""
        if self.budget is not None:
            self.budget.disarm()
        if self.measurement is not None:
            self.measurement.abandon()
            self.measurement = None
        with self.clear_held():
            pass

    def clear_held(self) -> AbstractContextManager[bool]:
        """Return a context in which outputs trigger no pending clear; it yields whether one is pending."""
        clear, self.clear = self.clear, None
        return contextlib.nullcontext(False) if clear is None else clear.stop()

    def give_up(self, reason: str) -> None:
        """Stop measuring a cell that keeps running.

        Args:
            reason: Why it can't be measured.
        """
        self.problem = reason
        self.abandon()

    def refuse(self) -> None:
        """Stop measuring a cell that is refused."""
        self.is_refused = True
        self.abandon()

    def record(self, measurement: Measurement) -> None:
        """Enter the cell into the ledger.

        Args:
            measurement: The cell's measurement, which amends the entry.
        """
        measurement.record("cell", key=self.key, name=self.name)

    # -- on the settling thread ------------------------------------------------------------------------

    def changed(self, measurement: Measurement) -> None:
        """Show a cost that has changed.

        Args:
            measurement: The cell's measurement.
        """
        # A tracked cell that spent nothing has neither a line nor an entry.
        if self.is_tracked and not measurement.is_recorded:
            if not measurement.cost.credits and measurement.cost.together is None:
                return
            self.record(measurement)
        if self.line is not None:
            self.line.amend()

    def final(self, measurement: Measurement) -> None:
        """Show that the cost is final.

        Args:
            measurement: The cell's measurement.
        """
        could_spend = measurement.seconds >= MIN_CALL_SECONDS
        if measurement.cost.credits is None and not measurement.is_recorded and could_spend:
            # A tracked cell whose cost is unknown must not look like one that spent nothing.
            self.record(measurement)
        if self.line is not None:
            self.line.finish(shown=measurement.is_recorded or not self.is_tracked)
        self._on_final(self, measurement)
