"""Enforces a loop's limit on work that runs ahead of the loop: watches it and cancels queued calls."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from ...credits import difference
from .ahead import NOTHING, Flow, WorkAhead
from .text import ahead_spent_text, ahead_text

if TYPE_CHECKING:
    from ...polling.fetcher import CreditsFetcher
    from .spend import LoopSpend

WATCH_INTERVAL = 0.5
"""Seconds between two readings while the loop runs."""


class AheadGuard:
    """Watches the work that runs ahead of one loop with a limit.

    Attributes:
        work: The calls that run ahead.
        stopped: Why the queued calls were cancelled; None if they weren't.
    """

    def __init__(self, work: WorkAhead, spend: LoopSpend, fetcher: CreditsFetcher) -> None:
        """Prepare to watch.

        Args:
            work: The calls that run ahead.
            spend: Records the readings; it has a limit.
            fetcher: The fetcher that reads the account.
        """
        self.work = work
        self.stopped: str | None = None
        self._spend = spend
        self._fetcher = fetcher
        self._flow = Flow()
        # `check` is called on the fetcher's thread, and between items on the loop's.
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start watching each reading of the account, whatever the loop is doing."""
        self._fetcher.observe(self.check, "revision")
        self._fetcher.attach(self, WATCH_INTERVAL, ignores_pause=True)

    def stop(self) -> None:
        """Stop watching."""
        with contextlib.suppress(ValueError):  # it wasn't started
            self._fetcher.unobserve(self.check, "revision")
        self._fetcher.detach(self)

    def check(self, _change: object = None) -> None:
        """Record the newest reading, and cancel queued calls if one more could exceed the loop's limit."""
        with self._lock:
            readings = self._fetcher.readings
            if self.stopped is not None or not readings or self._spend.limit is None:
                return
            ended, running = self.work.ended, self.work.running
            self._spend.record(readings, ended)
            self._flow.record(
                self._spend.spent or NOTHING, self._spend.later(ended), readings[-1].requested_at
            )
            at_most = self._flow.at_most(running, self._spend.expected, earlier=self._spend.early_items)
            if difference(at_most, self._spend.limit) > 0:
                self._cancel(ahead_spent_text(self._spend))

    def give_up(self, reason: str) -> None:
        """Cancel queued calls for a reason other than the limit.

        Args:
            reason: The reason, as shown to the user.
        """
        with self._lock:
            if self.stopped is None:
                self._cancel(reason)

    def _cancel(self, reason: str) -> None:
        self.work.cancel_queued()
        if self.work.cancelled:
            self.stopped = ahead_text(reason, cancelled=self.work.cancelled, running=self.work.running)
