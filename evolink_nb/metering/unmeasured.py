"""The cell that runs and isn't measured on an account, as work that nobody measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import runtime
from .work import Work

if TYPE_CHECKING:
    from .row import Row


class UnmeasuredCell:
    """What is known of such a cell on one account.

    Attributes:
        work: Its work; None while none runs.
        is_busy: Whether such a cell runs, though measured work may be running in it.
    """

    def __init__(self) -> None:
        """Start with none."""
        self.work: Work | None = None
        self.is_busy = False
        self._computed = 0.0

    def suspend(self, now: float) -> None:
        """Record that measured work begins: the cell spends nothing meanwhile.

        Args:
            now: The time, in seconds.
        """
        work, self.work = self.work, None
        if work is not None:
            work.ended = now
            work.computed += runtime.thread_time() - self._computed

    def resume(self, row: Row, now: float) -> None:
        """Record that no measured work runs any more: the cell may spend again.

        Args:
            row: The account's row.
            now: The time, in seconds.
        """
        last = row.works[-1] if row.works else None
        if last is not None and last.is_anonymous and not last.calls:
            # Cells that aren't measured needn't be told apart; between them nothing is spent.
            last.computed += now - (last.ended or last.started)
            last.ended = None
        else:
            last = Work(now, is_anonymous=True)
            row.begin(last)
        self.work, self._computed = last, runtime.thread_time()
