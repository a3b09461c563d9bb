"""The stack of running cells: usually one; a cell that runs another, as some magics do, encloses it."""

from __future__ import annotations

import contextlib
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

from .refusal import report_unmeasured

if TYPE_CHECKING:
    import argparse

    from .metered_cell import MeteredCell

BUDGETS = "evolink_nb.metering.budgets.registry"
"""The registry of budgets: whatever measures or limits work imports it."""
MAX_NAME = 60
"""The longest part of a cell's first line used as its name, in characters."""
LINES = ("%%", "get_ipython()")
"""How the magic's line begins: as typed, and as IPython runs it. A macro has neither."""


# The start of a comment, or of a cell's title ("# %% train").
_COMMENT = r"^#[#\s]*(%%\s*)?"
_DIRECTIVE = "#|"
"""The start of a line with an option for Quarto."""


def is_metering_imported() -> bool:
    """Return whether a cell may have to be measured or watched; if not, nothing is imported for it."""
    return BUDGETS in sys.modules


class StopsTraceback(Protocol):
    """Shows a budget's stop as a `BudgetExceeded`."""

    @property
    def shown(self) -> bool:
        """Whether it has shown one."""


class RunningCell:
    """A running cell: its source, its measurement, and what must be restored in IPython at its end.

    Attributes:
        source: The cell as IPython's events identify it.
        key: Identifies the cell: the front end's own id for it, or else its source.
        options: The options of its ``%%evolink_credits`` line; None without one.
        metered: What measures it; None if it isn't measured.
        traceback: Shows a budget's stop as a `BudgetExceeded`; None while no budget can stop it.
        has_begun: Whether its code is running, and measuring and watching have begun.
        is_part: Whether it is only the rest of the enclosing cell, after a magic's line in the middle.
        thread: The identifier of the thread that runs it.
        restore: When closed, restores what was changed for the cell.
    """

    # No dataclass: creating one takes a tenth of the time that ``%load_ext`` takes.
    def __init__(
        self, source: str, key: str, options: argparse.Namespace | None = None, *, is_part: bool = False
    ) -> None:
        """Begin a cell on this thread.

        Args:
            source: The cell as IPython's events identify it.
            key: Identifies the cell.
            options: The options of its line.
            is_part: Whether it is only the rest of the enclosing cell.
        """
        self.source = source
        self.key = key
        self.options = options
        self.metered: MeteredCell | None = None
        self.traceback: StopsTraceback | None = None
        self.has_begun = False
        self.is_part = is_part
        self.thread = threading.get_ident()
        self.restore = ExitStack()

    @property
    def name(self) -> str:
        """The name given with ``--name``, or the first line with any content, shortened."""
        if self.given_name:
            return self.given_name
        lines = [line.strip() for line in self.source.splitlines() if line.strip()]
        if self.options is not None and lines and lines[0].startswith(LINES):
            lines = lines[1:]
        # A first comment or import seldom says what a cell does, but users recognize the cell by it.
        said = (re.sub(_COMMENT, "", line) for line in lines if not line.startswith(_DIRECTIVE))
        first = next(filter(None, said), "(an empty cell)")
        return first if len(first) <= MAX_NAME else first[: MAX_NAME - 1] + "…"

    @property
    def given_name(self) -> str:
        """The name given with ``--name``; "" without one."""
        return getattr(self.options, "name", None) or ""

    @property
    def entry_key(self) -> str:
        """Identifies its runs in the ledger: a given name, which survives edits, or else the cell's key."""
        return f"--name {self.given_name}" if self.given_name else self.key

    def refuse(self) -> None:
        """Stop measuring it because it is not run."""
        if self.metered is not None:
            self.metered.refuse()

    def run_unmeasured(self, reason: str) -> None:
        """Stop measuring it, but let it run.

        Args:
            reason: Why it can't be measured.
        """
        if self.metered is None:
            report_unmeasured(reason)
        else:
            self.metered.give_up(reason)


class RunningCells:
    """The stack of running cells, and how long no cell has been running."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with no cells, but not idle: the cell that loads the extension was not announced.

        Args:
            clock: Returns the current time in seconds.
        """
        self._cells: list[RunningCell] = []
        self._called = False
        self._clock = clock
        self._idle_before = 0.0
        self._idle_since: float | None = None

    def __bool__(self) -> bool:
        """Return whether any cell is running."""
        return bool(self._cells)

    @property
    def idle_seconds(self) -> float:
        """The seconds in total during which no cell has been running."""
        return self._idle_before + self.idle_for

    @property
    def idle_for(self) -> float:
        """The seconds since the last cell ended; 0 while one is running."""
        since = self._idle_since
        return 0.0 if since is None else self._clock() - since

    @property
    def outermost(self) -> RunningCell | None:
        """The cell enclosing all others; None if no cell is running."""
        return self._cells[0] if self._cells else None

    @property
    def innermost(self) -> RunningCell | None:
        """The cell that this thread is running; None if it isn't running any."""
        cell = self._cells[-1] if self._cells else None
        return cell if cell is not None and cell.thread == threading.get_ident() else None

    @property
    def announced(self) -> RunningCell | None:
        """The cell whose code this thread is about to run; None if IPython has announced none."""
        cell = self.innermost
        return None if cell is None or cell.has_begun else cell

    @property
    def accepts_line(self) -> bool:
        """Whether a ``%%evolink_credits`` line found now is the first line of a cell to run.

        Inside a running cell, only our magic runs such a cell. Other magics transform the code they run as
        they like, so they must still see the line.
        """
        return not self._cells or self._called

    @contextlib.contextmanager
    def called_by_magic(self) -> Iterator[None]:
        """Accept the line of a cell that our magic runs inside the block."""
        self._called = True
        try:
            yield
        finally:
            self._called = False

    def begin(self, info: Any) -> RunningCell:
        """Push a cell that IPython announces.

        Args:
            info: The information IPython's ``pre_run_cell`` passes about it.

        Returns:
            The cell.
        """
        self._called = False
        return self._push(RunningCell(info.raw_cell, getattr(info, "cell_id", None) or info.raw_cell))

    def begin_unannounced(self, source: str) -> RunningCell:
        """Push a cell that IPython runs silently.

        Args:
            source: Its code.

        Returns:
            The cell; `end_cell` ends it.
        """
        return self._push(RunningCell(source, source))

    def begin_part(self, cell: RunningCell) -> RunningCell:
        """Push the rest of a running cell, to be measured separately; it ends with that cell.

        Args:
            cell: The cell.

        Returns:
            The part.
        """
        return self._push(RunningCell(cell.source, cell.key, is_part=True))

    def end(self, source: str) -> list[RunningCell]:
        """Pop the cell that has ended.

        Args:
            source: The cell as IPython's events identify it.

        Returns:
            The cell, preceded by any inside it whose end was never announced. Empty if its start was not
            announced, as for the cell that loaded the extension and for empty cells.
        """
        return self._end(lambda cell: cell.source == source and not cell.is_part)

    def end_cell(self, cell: RunningCell) -> list[RunningCell]:
        """Pop a cell.

        Args:
            cell: The cell.

        Returns:
            The cell, preceded by any inside it; empty if it was popped before.
        """
        return self._end(lambda each: each is cell)

    def end_all(self) -> list[RunningCell]:
        """Pop all cells.

        Returns:
            The cells, innermost first.
        """
        ended = self._cells[::-1]
        self._cells.clear()
        self._note_idle()
        return ended

    def _push(self, cell: RunningCell) -> RunningCell:
        self._idle_before, self._idle_since = self.idle_seconds, None
        self._cells.append(cell)
        return cell

    def _end(self, is_it: Callable[[RunningCell], bool]) -> list[RunningCell]:
        ended: list[RunningCell] = []
        if any(is_it(cell) for cell in self._cells):
            while not ended or not is_it(ended[-1]):
                ended.append(self._cells.pop())
        self._note_idle()
        return ended

    def _note_idle(self) -> None:
        if not self._cells and self._idle_since is None:
            self._idle_since = self._clock()
