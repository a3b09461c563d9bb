"""The line under one cell as an output, which is amended in place or printed again."""

from __future__ import annotations

import contextvars
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from IPython.display import display

from ..metering import ledger
from ..metering.attribution.work import MIN_CALL_SECONDS
from .cost_line import CostLine

if TYPE_CHECKING:
    from ..metering.measurement import Measurement

NOTHING = {"text/plain": "", "text/html": ""}
"""An empty output, for a line that may never be needed; exporters complain if it has no media type."""


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a line under its cell.

    Attributes:
        cell: The cell's name where the line is shown elsewhere: "In [10]".
        may_be_lost: Whether amendments after the cell's end may be dropped.
        must_be_reserved: Whether something must be shown at the cell's end for anything to be shown later.
    """

    cell: str = ""
    may_be_lost: bool = False
    must_be_reserved: bool = False


class Line:
    """The line under one cell, amended in place as its cost settles.

    Attributes:
        measurement: The cell's measurement.
        over: Whether the line is final.
        waits: Whether it must not show anything before the end of a later cell.
    """

    def __init__(
        self, measurement: Measurement, *, key: str, shown: bool, place: Place | None = None
    ) -> None:
        """Reserve a place under the cell that is ending.

        Args:
            measurement: The cell's measurement.
            key: Identifies the cell in the ledger.
            shown: Whether to show what is known so far; if not, nothing is shown until `amend`.
            place: The line's place, and how it can be amended there.
        """
        self.measurement = measurement
        self.over = False
        self.waits = not shown
        self._key = key
        self._place = place or Place()
        self._settling = True
        self._is_shown = shown
        self._sent: dict[str, str] = {}
        self._missed = False
        # The settling thread amends the line, and the thread that runs cells sends it again.
        self._sending = threading.Lock()
        self._handle: Any = None
        # Anything shown later still belongs to the cell that is ending.
        self._context = contextvars.copy_context()
        self._show_first(shown=shown)

    @property
    def may_change(self) -> bool:
        """Whether its text may still change."""
        return not self.over or self.measurement.may_change

    def amend(self) -> None:
        """Show what is known so far; called on the settling thread."""
        self._send()
        self._missed = True

    def finish(self, *, shown: bool) -> None:
        """Show that the line is final.

        Args:
            shown: Whether to show the line at all.
        """
        self._settling = False
        if shown:
            self.amend()
        self.over = True

    def leave(self) -> None:
        """Show the line in a form that can stay for good: nothing will amend it any more."""
        if self._is_shown and not self.over:
            self._place = replace(self._place, may_be_lost=True)
            self._send(again=True)

    def send_again(self) -> None:
        """Send the line again, as part of the running cell, if it was amended since its own cell ended."""
        if self._missed:
            self._missed = False
            self._send(again=True)

    def _show_first(self, *, shown: bool) -> None:
        # Showing something takes a millisecond. A cell too short to have made a call is spared that: if it
        # did spend something, its line is shown late, wherever the front end puts it.
        is_needed = shown or self._place.must_be_reserved
        if is_needed or self.measurement.seconds >= MIN_CALL_SECONDS:
            self._show(self._bundle() if shown else NOTHING)

    def _send(self, *, again: bool = False) -> None:
        with self._sending:
            bundle = self._bundle()
            if again or bundle != self._sent:
                self._sent = bundle
                self._show(bundle)

    def _show(self, bundle: dict[str, str]) -> None:
        self._is_shown = bundle is not NOTHING
        if self._handle is None:
            self._handle = self._context.run(display, bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)

    def _bundle(self) -> dict[str, str]:
        measurement = self.measurement
        runs = None
        if measurement.after is not None and not self._settling:
            simulated = measurement.cost.simulated
            expected = ledger.expected(ledger.current().entries(), self._key, simulated=simulated)
            runs = ledger.runs_left(measurement.after.spendable, expected) if expected else None
        return CostLine(
            measurement.cost,
            settling=self._settling,
            settled_in=measurement.settled_in,
            left=measurement.after,
            runs=runs,
            may_stay=self._place.may_be_lost,
        ).mimebundle()


class PrintedLine(Line):
    """A cell's line in a console: printed with its first figure, and again later with the cell's name."""

    def amend(self) -> None:
        """Arrange to print the line when the next cell ends: a thread must not print while the user types."""
        self._missed = True

    def leave(self) -> None:
        """Leave what was printed: it was true at the time."""

    def _show_first(self, *, shown: bool) -> None:
        self._missed = shown
        self._is_elsewhere = not shown

    def _show(self, bundle: dict[str, str]) -> None:
        # A line printed later appears under another cell.
        name = f"{self._place.cell}: " if self._is_elsewhere else ""
        self._is_elsewhere = True
        print(name + bundle["text/plain"])
