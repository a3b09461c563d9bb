"""The input transformer for the ``%%evolink_credits …`` line of a cell, and the handlers of cell events.

A call replaces that line, so the cell is an ordinary one. `cells` does the work before and after it.
"""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any

from IPython.core.inputtransformer2 import cell_magic

from .code_start import call_of_line
from .magics import CELL_MAGIC, EvoLinkMagics
from .running import is_metering_imported

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .code_start import CodeStart
    from .running import RunningCells


_NEAR = 4
# The number of frames between an event's handler and the code that triggers the event.


class CellEvents:
    """Handlers for the start and end of cells, and the transformer for their first line."""

    def __init__(
        self, shell: InteractiveShell, magics: EvoLinkMagics, running: RunningCells, start: CodeStart
    ) -> None:
        """Serve one shell.

        Args:
            shell: The shell whose cells these are.
            magics: The magics, which do the work at a cell's end.
            running: The cells running in the shell.
            start: The transformer that begins them.
        """
        self._shell: Any = shell
        self._magics = magics
        self._running = running
        self._start = start

    def line_as_call(self, lines: list[str]) -> list[str]:
        """Turn the ``%%evolink_credits …`` line into a call on the same line; an input transformer.

        Even code that runs without cell events then begins with this call, which measures or refuses it.

        Args:
            lines: The lines of a cell, or of anything else IPython transforms.

        Returns:
            The lines to run.
        """
        first, *rest = lines or [""]
        command, _, options = first.rstrip("\n").partition(" ")
        if command.strip() != CELL_MAGIC or not self._running.accepts_line:
            return lines
        call = call_of_line(options)
        below = list(itertools.dropwhile(str.isspace, rest))
        translated = cell_magic(below)
        # On the same line: tracebacks and breakpoints then show the line numbers that users see.
        return [f"{call}; {translated[0]}"] if translated != below else [f"{call}\n", *rest]

    # IPython also uses transformers, except those with side effects, to check whether a cell being typed is
    # complete. With this line it is a cell magic, and complete after an empty line.
    line_as_call.has_side_effects = True  # type: ignore[attr-defined]

    def at_message_start(self) -> None:
        """Let budgets watch what a front end's message calls; handles ``pre_execute``.

        Cells fire that event too; they are ignored here.
        """
        # The base class of comms in ipykernel 6 and 7 calls this through a few functions of IPython.
        frame, names = sys._getframe(1), set()
        for _ in range(_NEAR):
            names.add(frame.f_code.co_name)
            if frame.f_back is None:
                break
            frame = frame.f_back
        if "handle_msg" in names and is_metering_imported():
            self._magics.commands.spending.cells.stops.begin_message()

    def at_message_end(self) -> None:
        """Stop watching the message; handles ``post_execute``."""
        if is_metering_imported() and self._magics.is_used:
            self._magics.commands.spending.cells.stops.end_message()

    def at_cell_start(self, info: Any) -> None:
        """Remember a cell that IPython announces.

        Args:
            info: The information IPython's ``pre_run_cell`` passes about the cell.
        """
        self._running.begin(info)
        # IPython or a user may have removed the transformer.
        if self._start not in self._shell.ast_transformers:
            self._shell.ast_transformers.append(self._start)

    def at_cell_end(self, result: Any) -> None:
        """Settle the cost of the cell that has ended, and update what is shown.

        Args:
            result: The result IPython's ``post_run_cell`` passes; ipykernel passes None for a cell that
                awaits and was interrupted outside its own code.
        """
        ended = self._running.end_all() if result is None else self._running.end(result.info.raw_cell)
        if self._magics.is_used or is_metering_imported():
            self._magics.commands.at_cell_end(ended, result)
