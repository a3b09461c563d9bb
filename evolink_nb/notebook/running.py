"""The stack of running cells: usually one; a cell that runs another, as some magics do, encloses it."""

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
"""The longest part of a cell's first line used as its name, in characters."""


class StopsTraceback(Protocol):
    """Shows a budget's stop as such."""

    @property
    def shown(self) -> bool:
        """Whether it has shown one."""


@dataclass(eq=False)
class RunningCell:
    """A running cell: its source, its measurement, and what must be restored in IPython at its end.

    Attributes:
        source: The cell as IPython's events identify it.
        key: Identifies the cell: the front end's own id for it, or else its source.
        options: The options of its ``%%evolink_credits`` line; None without one.
        metered: Its measurement; None if it isn't measured.
        traceback: Shows a budget's stop as such; None while no budget can stop it.
        restore: Restores, when closed, what was changed for the cell.
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
        # A cell's first comment or import seldom says what it does, but users recognize the cell by it.
        first = lines[0] if lines else "(an empty cell)"
        return first if len(first) <= MAX_NAME else first[: MAX_NAME - 1] + "…"


class RunningCells:
    """The stack of running cells."""

    def __init__(self) -> None:
        self._cells: list[RunningCell] = []
        self._called = False

    def __bool__(self) -> bool:
        """Return whether any cell is running."""
        return bool(self._cells)

    @property
    def outermost(self) -> RunningCell | None:
        """The cell enclosing all others; None if no cell is running."""
        return self._cells[0] if self._cells else None

    @property
    def accepts_line(self) -> bool:
        """Whether a ``%%evolink_credits`` line found now is the first line of a cell to run.

        Inside a running cell, only the magic itself runs such a cell. Other magics transform what they run as
        they
        like: they must still see the line.
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
        """Push a cell that begins.

        Args:
            info: The information IPython's ``pre_run_cell`` passes about it.
            options: The options of its ``%%evolink_credits`` line; None without one.

        Returns:
            The cell.
        """
        self._called = False
        key = getattr(info, "cell_id", None) or info.raw_cell
        cell = RunningCell(info.raw_cell, key, options)
        self._cells.append(cell)
        return cell

    def end(self, source: str) -> list[RunningCell]:
        """Pop the cell that has ended.

        Args:
            source: The cell as IPython's events identify it.

        Returns:
            The cell, preceded by any inside it whose end was never announced. Empty for a cell that did not
            begin
            here: there are also events for the cell that loaded the extension, and for empty ones.
        """
        ended: list[RunningCell] = []
        if any(cell.source == source for cell in self._cells):
            while not ended or ended[-1].source != source:
                ended.append(self._cells.pop())
        return ended

    def end_all(self) -> list[RunningCell]:
        """Pop all cells.

        Returns:
            The cells, innermost first.
        """
        ended = self._cells[::-1]
        self._cells.clear()
        return ended
