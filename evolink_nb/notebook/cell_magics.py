"""The ``%%evolink_credits …`` line above a cell: the input transformer that drops it, and the cell events.

Without that line the cell is an ordinary one. `cells` does the work before and after it.
"""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from .magics import CELL_MAGIC, EvoLinkMagics, options_of

if TYPE_CHECKING:
    import argparse

    from IPython.core.interactiveshell import InteractiveShell

    from .running import RunningCells


class CellEvents:
    """Handlers for the start and end of cells, and the transformer for their first line."""

    def __init__(self, shell: InteractiveShell, magics: EvoLinkMagics, running: RunningCells) -> None:
        """Serve one shell.

        Args:
            shell: The shell whose cells these are.
            magics: The magics, which know the line's options and how to apply them.
            running: The cells running in the shell.
        """
        self._shell: Any = shell
        self._magics = magics
        self._running = running

    def run_as_if_not_there(self, lines: list[str]) -> list[str]:
        """Drop the ``%%evolink_credits …`` line; an input transformer.

        Args:
            lines: The lines of a cell, or of anything else IPython transforms.

        Returns:
            The lines to run.
        """
        if not self._running.accepts_line or self._options_of(lines) is None:
            return lines
        rest = list(itertools.dropwhile(str.isspace, lines[1:]))
        # Replace it with an empty line: tracebacks and breakpoints then show the line numbers that users see.
        return rest if rest and rest[0].startswith("%%") else ["\n", *lines[1:]]

    # IPython also uses transformers, except those with side effects, to check whether a cell being typed is
    # complete. With this line it is a cell magic, and complete after an empty line.
    run_as_if_not_there.has_side_effects = True  # type: ignore[attr-defined]

    def at_cell_start(self, info: Any) -> None:
        """Measure a cell that begins, if it should be.

        Args:
            info: The information IPython's ``pre_run_cell`` passes about the cell.
        """
        asks = self._running.accepts_line
        options = self._options_of(self._as_transformed(info.raw_cell)) if asks else None
        cell = self._running.begin(info, options)
        # Without a cell to measure or a budget to enforce, none of our modules is even imported.
        if options is not None or self._is_needed:
            self._magics.commands.cells.begin(cell)

    def at_cell_end(self, result: Any) -> None:
        """Settle the cost of the cell that has ended, and update what is shown.

        Args:
            result: The result IPython's ``post_run_cell`` passes; None for a cell that awaits and was
                interrupted outside its own code, as ipykernel does it.
        """
        ended = self._running.end_all() if result is None else self._running.end(result.info.raw_cell)
        if self._is_needed:
            self._magics.commands.at_cell_end(ended, result)

    @property
    def _is_needed(self) -> bool:
        return self._magics.is_used or "evolink_nb.metering.budget_registry" in sys.modules

    def _as_transformed(self, cell: str) -> list[str]:
        """Return a cell's lines as `run_as_if_not_there` gets them: no blank lines, indent or prompts."""
        lines = cell.splitlines(keepends=True)
        if CELL_MAGIC in cell:
            before_ours = itertools.takewhile(
                lambda transform: transform != self.run_as_if_not_there,
                self._shell.input_transformers_cleanup,
            )
            for transform in before_ours:
                if not getattr(transform, "has_side_effects", False):
                    lines = transform(lines)
        return lines

    def _options_of(self, lines: list[str]) -> argparse.Namespace | None:
        """Return the options of a cell that begins with ``%%evolink_credits``; None if unparsable."""
        command, _, options = "".join(lines[:1]).rstrip("\n").partition(" ")
        if command.strip() != CELL_MAGIC:
            return None
        try:
            return options_of(self._magics.evolink_credits_of_cell, options)
        except UsageError:
            return None
