"""Settles measured work: one thread per account reads until each cost is sure."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Protocol

from .. import errors, runtime

if TYPE_CHECKING:
    from ..credits import Credits
    from ..polling.fetcher import CreditsFetcher

log = logging.getLogger(__name__)

THREAD_NAME = "evolink-nb-settle"


class PendingCost(Protocol):
    """A cost that needs readings until it is sure."""

    @property
    def next_read_at(self) -> float | None:
        """When it wants the next reading, in seconds of the fetcher's clock; None if it wants none."""

    @property
    def is_unread(self) -> bool:
        """Whether it has had no reading yet: then any is welcome."""

    def feed(self, reading: Credits | None) -> bool:
        """Assess a reading, None if it failed, and return whether it was the last."""

    def finish(self) -> None:
        """Handle that no more readings will come."""


class Settler:
    """The thread that settles all work of one account: each reading serves all costs that want one.

    The thread lives while there is something to settle. A failure in one cost ends only that one.
    """

    def __init__(self, fetcher: CreditsFetcher) -> None:
        """Prepare a settler; `submit` starts it.

        Args:
            fetcher: The fetcher that reads the account, and whose clock is used.
        """
        self._fetcher = fetcher
        self._clock = fetcher.clock
        self._lock = threading.Lock()
        self._pending: list[PendingCost] = []
        self._loop = runtime.Loop(self._step, name=THREAD_NAME, timer=self._clock)

    def submit(self, pending: PendingCost) -> None:
        """Settle a cost.

        Args:
            pending: The cost; finished at once if the platform can't start a thread.
        """
        with self._lock:
            self._pending.append(pending)
        try:
            self._loop.start()
        except RuntimeError:
            # The work is done and must not fail for this: its cost stays as far as known.
            log.exception("No thread could be started: a cost stays unsettled.")
            self._finish(pending)
        except BaseException:  # an interrupt: leave nothing that callers would wait for
            self._finish(pending)
            raise

    def wake(self) -> None:
        """Check again what is due."""
        self._loop.wake()

    def _step(self) -> float | None:
        """Read for the costs that are due, and return when to check again; None when none are left."""
        with self._lock:
            pending = list(self._pending)
        if not pending:
            return None
        now = self._clock.monotonic()
        times = [each.next_read_at for each in pending]
        soonest = min(now if time is None else time for time in times)
        if soonest > now:
            return soonest
        due = [
            each
            for each, time in zip(pending, times, strict=True)
            if time is None or time <= now or each.is_unread
        ]
        # A cancelled cost is only to be finished, without a reading.
        reading = None if all(each.next_read_at is None for each in due) else read(self._fetcher)
        for each in due:
            self._serve(each, reading)
        return self._clock.monotonic()

    def _serve(self, pending: PendingCost, reading: Credits | None) -> None:
        # A failure to keep or show one cost must not end the settling of the others.
        done = True
        with runtime.guarded("A cost could not be settled."):
            done = pending.feed(reading)
        if done:
            self._finish(pending)

    def _finish(self, pending: PendingCost) -> None:
        with self._lock, contextlib.suppress(ValueError):  # already finished
            self._pending.remove(pending)
        with runtime.guarded("Showing a settled cost failed."):
            pending.finish()


def read(fetcher: CreditsFetcher) -> Credits | None:
    """Return a reading requested after this call, or None if it fails.

    Args:
        fetcher: The fetcher that reads the account.
    """
    try:
        return fetcher.read(join=False)
    except errors.EvoLinkError:
        return None
    except Exception:
        log.exception("A reading failed unexpectedly.")
        return None
