"""The line ``%%evolink_credits …`` above a cell: an input transformer that drops it, and the cell events.

So the rest is an ordinary cell. What happens before and after it is in `cells`.
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
    """What happens as a cell begins and ends, and to its first line before."""

    def __init__(self, shell: InteractiveShell, magics: EvoLinkMagics, running: RunningCells) -> None:
        """Serve one shell.

        Args:
            shell: The shell whose cells these are.
            magics: The magics, which know the line's options and what to do with them.
            running: The cells that run in the shell.
        """
        self._shell: Any = shell
        self._magics = magics
        self._running = running

    def run_as_if_not_there(self, lines: list[str]) -> list[str]:
        """Drop the line ``%%evolink_credits …``; an input transformer.

        Args:
            lines: The lines of a cell, or of what else IPython transforms.

        Returns:
            The lines to run.
        """
        if not self._running.accepts_line or self._options_of(lines) is None:
            return lines
        rest = list(itertools.dropwhile(str.isspace, lines[1:]))
        # An empty line in its place: tracebacks and breakpoints name the lines that people see.
        return rest if rest and rest[0].startswith("%%") else ["\n", *lines[1:]]

    # IPython asks transformers too whether a cell that is being typed is complete, but not those: with this
    # line it is a cell magic, and complete with an empty line.
    run_as_if_not_there.has_side_effects = True  # type: ignore[attr-defined]

    def at_cell_start(self, info: Any) -> None:
        """Measure the cell that begins, where it asks for it.

        Args:
            info: What IPython's ``pre_run_cell`` says of the cell.
        """
        asks = self._running.accepts_line
        options = self._options_of(self._as_transformed(info.raw_cell)) if asks else None
        cell = self._running.begin(info, options)
        # Without a cell to measure, or a budget to keep, nothing of ours is even imported.
        if options is not None or self._is_needed:
            self._magics.commands.cells.begin(cell)

    def at_cell_end(self, result: Any) -> None:
        """Settle what the cell that has ended cost, and bring what is shown up to date.

        Args:
            result: What IPython's ``post_run_cell`` says; None of a cell that awaits and broke off outside of
                its own code, as ipykernel has it.
        """
        ended = self._running.end_all() if result is None else self._running.end(result.info.raw_cell)
        if self._is_needed:
            self._magics.commands.at_cell_end(ended, result)

    @property
    def _is_needed(self) -> bool:
        return self._magics.is_used or "evolink_nb.metering.budget_registry" in sys.modules

    def _as_transformed(self, cell: str) -> list[str]:
        """Return a cell's lines as `run_as_if_not_there` finds them: past blank ones, indent and prompts."""
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
        """Return the options of a cell that begins with ``%%evolink_credits``, None if they can't be read."""
        command, _, options = "".join(lines[:1]).rstrip("\n").partition(" ")
        if command.strip() != CELL_MAGIC:
            return None
        try:
            return options_of(self._magics.evolink_credits_of_cell, options)
        except UsageError:
            return None
