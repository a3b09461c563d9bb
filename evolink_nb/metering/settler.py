"""Settles what was measured: one thread an account reads on for all of it until each is sure of its cost."""

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
    """What wants readings until it is sure."""

    @property
    def next_read_at(self) -> float | None:
        """When it wants the next, in seconds of the fetcher's clock; None when it wants none any more."""

    @property
    def is_unread(self) -> bool:
        """Whether it has had none yet: then any is welcome."""

    def feed(self, reading: Credits | None) -> bool:
        """Take one, None where it failed, and return whether that was the last."""

    def finish(self) -> None:
        """Learn that it was the last."""


class Settler:
    """The thread that settles all work of one account: a reading serves all that wants one.

    The thread lives while there is something to settle. Whatever fails in one cost ends that one only.
    """

    def __init__(self, fetcher: CreditsFetcher) -> None:
        """Prepare a settler; `submit` starts it.

        Args:
            fetcher: What reads the account, and whose clock counts.
        """
        self._fetcher = fetcher
        self._clock = fetcher.clock
        self._lock = threading.Lock()
        self._pending: list[PendingCost] = []
        self._loop = runtime.Loop(self._step, name=THREAD_NAME, timer=self._clock)

    def submit(self, pending: PendingCost) -> None:
        """Settle this too.

        Args:
            pending: It; where the platform can't start a thread it is finished at once.
        """
        with self._lock:
            self._pending.append(pending)
        try:
            self._loop.start()
        except RuntimeError:
            # The work is done and must not fail for that: its cost stays as far as it is known.
            log.exception("No thread could be started: a cost stays unsettled.")
            self._finish(pending)
        except BaseException:  # an interrupt: nobody may wait for what never began
            self._finish(pending)
            raise

    def wake(self) -> None:
        """Look again at what is due."""
        self._loop.wake()

    def _step(self) -> float | None:
        """Read for what is due, and return when to look again; None once nothing is left."""
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
        # What was cancelled wants to be ended, not to be read for.
        reading = None if all(each.next_read_at is None for each in due) else read(self._fetcher)
        for each in due:
            self._serve(each, reading)
        return self._clock.monotonic()

    def _serve(self, pending: PendingCost, reading: Credits | None) -> None:
        # A flaw in keeping or showing one cost must not end the settling of the others.
        try:
            done = pending.feed(reading)
        except Exception:
            log.exception("A cost could not be settled.")
            done = True
        if done:
            self._finish(pending)

    def _finish(self, pending: PendingCost) -> None:
        with self._lock, contextlib.suppress(ValueError):  # it is finished already
            self._pending.remove(pending)
        try:
            pending.finish()
        except Exception:
            log.exception("A settled cost could not be shown.")


def read(fetcher: CreditsFetcher) -> Credits | None:
    """Return a reading asked for after this call, None where it fails.

    Args:
        fetcher: What reads the account.
    """
    try:
        return fetcher.read(join=False)
    except errors.EvoLinkError:
        return None
    except Exception:
        log.exception("A reading failed unexpectedly.")
        return None
