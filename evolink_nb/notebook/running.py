"""The cells that run now. Usually it is one; a cell that runs another, as some magics do, is around that."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import argparse

    from .metered_cell import MeteredCell

MAX_NAME = 60
"""Characters of a cell's first line that it is called by, at most."""


class StopsTraceback(Protocol):
    """What shows a budget's stop as such."""

    @property
    def shown(self) -> bool:
        """Whether it has shown one."""


@dataclass(eq=False)
class RunningCell:
    """A cell that runs: its source, how it is measured, and what of IPython's must be put back at its end.

    Attributes:
        source: The cell as IPython's events name it.
        key: What tells it from other cells: the front end's own name for it, or else its source.
        options: Those of its line ``%%evolink_credits``, None where it has none.
        metered: How it is measured, None where it isn't.
        traceback: What shows a budget's stop as such, None while no budget can stop it.
        restore: Puts back, when it is closed, what was changed for the cell.
    """

    source: str
    key: str
    options: argparse.Namespace | None = None
    metered: MeteredCell | None = None
    traceback: StopsTraceback | None = None
    restore: ExitStack = field(default_factory=ExitStack)

    @property
    def name(self) -> str:
        """The first line of its code, shortened."""
        lines = [line.strip() for line in self.source.splitlines() if line.strip()]
        if self.options is not None:
            lines = lines[1:]
        # What a cell does is seldom in its first comment or import, but that is how people know it again.
        first = lines[0] if lines else "(an empty cell)"
        return first if len(first) <= MAX_NAME else first[: MAX_NAME - 1] + "…"


class RunningCells:
    """The stack of running cells."""

    def __init__(self) -> None:
        self._cells: list[RunningCell] = []
        self._called = False

    def __bool__(self) -> bool:
        """Return whether any cell runs."""
        return bool(self._cells)

    @property
    def outermost(self) -> RunningCell | None:
        """The cell around all others, None where no cell runs."""
        return self._cells[0] if self._cells else None

    @property
    def accepts_line(self) -> bool:
        """Whether a line ``%%evolink_credits`` found now is the first line of a cell to run.

        Inside a running cell only the magic itself runs any. There other magics transform what they run as
        they like: the line must stay to be seen.
        """
        return not self._cells or self._called

    @contextlib.contextmanager
    def called_by_magic(self) -> Iterator[None]:
        """Accept the line of a cell that the magic itself runs inside the block."""
        self._called = True
        try:
            yield
        finally:
            self._called = False

    def begin(self, info: Any, options: argparse.Namespace | None = None) -> RunningCell:
        """Put a cell that begins on top.

        Args:
            info: What IPython's ``pre_run_cell`` says of it.
            options: Those of its line ``%%evolink_credits``, None where it has none.

        Returns:
            The cell.
        """
        self._called = False
        key = getattr(info, "cell_id", None) or info.raw_cell
        cell = RunningCell(info.raw_cell, key, options)
        self._cells.append(cell)
        return cell

    def end(self, source: str) -> list[RunningCell]:
        """Take off the cell that has ended.

        Args:
            source: The cell as IPython's events name it.

        Returns:
            The cell, and before it those inside it whose end was never announced. Empty for one that did not
            begin here: events come too of the cell that loaded the extension, and of empty ones.
        """
        ended: list[RunningCell] = []
        if any(cell.source == source for cell in self._cells):
            while not ended or ended[-1].source != source:
                ended.append(self._cells.pop())
        return ended

    def end_all(self) -> list[RunningCell]:
        """Take all of them off.

        Returns:
            The cells, innermost first.
        """
        ended = self._cells[::-1]
        self._cells.clear()
        return ended
