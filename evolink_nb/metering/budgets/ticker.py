"""Makes a budget check again after a set time, even if no reading arrives."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from ...runtime import Loop

log = logging.getLogger(__name__)

THREAD_NAME = "evolink-nb-budget"


class Ticker:
    """Calls a function once after some time, on a thread that then ends by itself."""

    def __init__(self, check: Callable[[], object]) -> None:
        """Start with nothing to call.

        Args:
            check: Called on the ticker's thread.
        """
        self._check = check
        self._lock = threading.Lock()
        self._due_at: float | None = None
        self._loop = Loop(self._step, name=THREAD_NAME)

    def call_within(self, seconds: float) -> None:
        """Call the function once after some time, instead of any time set before.

        Args:
            seconds: Seconds from now; infinity for never.
        """
        is_planned = seconds < float("inf")
        with self._lock:
            self._due_at = time.monotonic() + seconds if is_planned else None
        if not is_planned:
            return
        try:
            self._loop.start()
        except RuntimeError:  # too many threads: rely on the next reading
            log.warning("No thread could be started: a budget checks at readings only.")

    def stop(self) -> None:
        """Cancel the call."""
        with self._lock:
            self._due_at = None
        self._loop.stop()

    def _step(self) -> float | None:
        with self._lock:
            is_due = self._due_at is not None and self._due_at <= time.monotonic()
            if is_due:
                self._due_at = None
        if is_due:
            self._check()
        with self._lock:
            return self._due_at
