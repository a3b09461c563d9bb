"""The lines under the cells of one shell: how long a cell waits for its line, and when lines are sent.

The line under a cell is displayed when the cell ends, and amended from the settling thread. Amendments are
sent once more at the end of a later cell: nbclient only accepts output while a cell is running.
"""

from __future__ import annotations

import atexit
import time
import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from IPython.display import display

from ..metering.cost import Cost
from .client import Client, client_of
from .cost_line import CostLine
from .held_clear import HeldClear
from .shown_line import Line, Place, PrintedLine

if TYPE_CHECKING:
    from ..metering.measurement import Measurement
    from .metered_cell import MeteredCell

FIRST_FIGURE = 10.0
"""The longest a console waits for a cell's first figure, in seconds: it can't amend what it has printed."""
BATCH_WAIT = 10.0
"""The longest a cell waits for its final cost in a batch run, in seconds: it may be the last cell."""
MAX_BATCH_WAITS = 60.0
"""The longest that all cells of a kernel together wait in this way, in seconds."""


class CellLines:
    """The lines under the cells of one shell."""

    def __init__(self, shell: Any) -> None:
        """Start with none.

        Args:
            shell: The shell whose cells these are.
        """
        self._shell = shell
        self._lines: list[Line] = []
        self._batch_waits_left = MAX_BATCH_WAITS
        # Held weakly: after the extension is unloaded, nothing may keep it alive.
        self._at_exit = partial(_leave, weakref.ref(self))
        atexit.register(self._at_exit)

    def prepare(self, metered: MeteredCell) -> None:
        """Prepare for a cell's line as the cell begins.

        Args:
            metered: The cell.
        """
        # Pyodide's kernel has no session on which messages could be held back.
        holds = hasattr(self._shell.display_pub, "session")
        if holds and not metered.is_quiet and client_of(self._shell).amends:
            metered.clear = HeldClear(self._shell.display_pub)
            metered.clear.start()

    def show(self, metered: MeteredCell, measurement: Measurement, label: str) -> None:
        """Show a cell's line, or reserve a place for it, as the cell ends.

        Args:
            metered: The cell.
            measurement: Its measurement.
            label: The cell's name where the line is shown elsewhere.
        """
        client = client_of(self._shell)
        with metered.clear_held() as is_clear_pending:
            if not metered.is_quiet:
                kind = Line if client.amends else PrintedLine
                place = Place(label, client is Client.BATCH, must_be_reserved=is_clear_pending)
                # Tracked cells never show a figure at once: whether one is known by now is a matter of luck.
                metered.line = kind(measurement, key=metered.key, shown=not metered.is_tracked, place=place)
                self._lines.append(metered.line)

    def show_problem(self, metered: MeteredCell) -> None:
        """Show why a cell could not be measured, unless it was refused and this was already shown.

        Args:
            metered: The cell.
        """
        with metered.clear_held():
            if not metered.is_quiet and not metered.is_refused:
                display(CostLine(Cost(reason=metered.problem), settling=False).mimebundle(), raw=True)

    def wait(self, metered: MeteredCell, measurement: Measurement, patience: float | None) -> None:
        """Wait at a cell's end for the cost its line shows; tracked cells wait only if told to.

        Args:
            metered: The cell.
            measurement: Its measurement, which is settling.
            patience: Seconds to wait for its cost to settle; None if it isn't told to wait.
        """
        client = client_of(self._shell)
        if patience is not None:
            # A cell too short to have made a call needn't wait.
            if measurement.work.could_spend:
                _wait_for(measurement.wait, measurement)
        elif metered.is_tracked:
            return
        elif metered.line is not None and client is Client.CONSOLE:
            _wait_for(partial(measurement.wait_for_first, FIRST_FIGURE), measurement)
        elif metered.line is not None and client is Client.BATCH:
            began = time.monotonic()
            _wait_for(partial(measurement.wait, min(BATCH_WAIT, self._batch_waits_left)), measurement)
            self._batch_waits_left -= min(time.monotonic() - began, self._batch_waits_left)

    def send_again(self) -> None:
        """Send lines amended since their cells ended once more, as part of the running cell."""
        for line in list(self._lines):
            if line.waits:
                line.waits = False
                continue
            # Checked before sending: a line that changes meanwhile is sent again.
            is_over = not line.may_change
            line.send_again()
            if is_over:
                self._lines.remove(line)

    def leave(self) -> None:
        """Stop amending lines: the kernel ends, or the extension is unloaded."""
        atexit.unregister(self._at_exit)
        for line in self._lines:
            line.leave()
        self._lines.clear()


def _leave(lines: weakref.ref[CellLines]) -> None:
    alive = lines()
    if alive is not None:
        alive.leave()


def _wait_for(wait: Callable[[], object], measurement: Measurement) -> None:
    try:
        wait()
    except KeyboardInterrupt:
        # The user doesn't want to wait; the cell itself is done.
        measurement.cancel()
