"""Asks a database with a deadline: on its own threads, one question at a time.

A hard mount, or a host that is gone, may hang for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from .. import runtime
from ..errors import HistoryError

T = TypeVar("T")

RETRY = 30.0
"""Seconds without a question after a failed one."""


class InTime:
    """The database questions of one component."""

    def __init__(self, name: str) -> None:
        """Start without asking anything.

        Args:
            name: The threads' name.
        """
        self._name = name
        self._not_before = 0.0
        self._pending: Future[Any] | None = None
        runtime.forget_after_fork(self)

    def after_fork(self) -> None:
        """Forget the parent's pending question in a forked child."""
        self._pending = None

    def ask(self, question: Callable[[], T], seconds: float) -> T | None:
        """Return the answer; None if it is late or fails, or an earlier question still hangs.

        Args:
            question: A function that asks the database; called on another thread.
            seconds: The longest time to wait.
        """
        is_busy = self._pending is not None and not self._pending.done()
        if is_busy or time.monotonic() < self._not_before:
            return None
        self._pending = runtime.start(question, name=self._name, log_errors=False).future
        if not runtime.wait_until_done(self._pending, seconds):
            return None
        try:
            found: T = self._pending.result()
        except HistoryError:
            self._not_before = time.monotonic() + RETRY
            return None
        return found
