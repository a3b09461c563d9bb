"""The line that corrects the cost a loop printed at its end, if its final cost differs."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from ...credits import difference
from .bar import write_line
from .text import settled_text

if TYPE_CHECKING:
    from decimal import Decimal

    from ..measurement import Measurement


class ClosingLine:
    """Observes a loop's cost until it is final, usually after the loop has printed its cost so far."""

    def __init__(self, name: str, limit: Decimal | None) -> None:
        """Start waiting for the loop to end.

        Args:
            name: The loop's name, printed because other output may have come in between.
            limit: Credits that the loop may spend; None for no limit.
        """
        self._name = name
        self._limit = limit
        self._lock = threading.Lock()
        self._said: tuple[Decimal | None, int] | None = None
        self._was_pending = False
        self._final: Measurement | None = None

    def said(self, spent: Decimal | None, *, items: int, is_pending: bool) -> None:
        """Record what the loop has printed at its end.

        Args:
            spent: Its cost, in credits.
            items: The number of its items.
            is_pending: Whether it said that more may be charged.
        """
        with self._lock:
            self._said, self._was_pending = (spent, items), is_pending
            final = self._final
        if final is not None:
            self._amend(final)

    def began(self, measurement: Measurement) -> None:
        """Do nothing: the loop shows what is known while it runs."""

    def changed(self, measurement: Measurement) -> None:
        """Do nothing: only the final cost is worth another line."""

    def final(self, measurement: Measurement) -> None:
        """Print the final cost if the loop has printed a different or pending one.

        Args:
            measurement: The loop's measurement.
        """
        with self._lock:
            self._final = measurement
            has_said = self._said is not None
        if has_said:
            self._amend(measurement)

    def _amend(self, measurement: Measurement) -> None:
        with self._lock:
            said, self._said = self._said, None
        if said is None or sys.is_finalizing():
            return
        (spent, items), cost = said, measurement.cost
        is_same = spent is not None and cost.credits is not None and not difference(spent, cost.credits)
        if self._was_pending or not is_same:
            state = "settled" if cost.settled else "as far as known"
            write_line(f"{self._name}, {state}: {settled_text(cost, items, self._limit)}")
