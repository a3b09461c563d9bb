"""Settles measured work: one thread per account reads until every cost is final."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Protocol

from .. import errors, runtime

if TYPE_CHECKING:
    from ..credits import Credits
    from ..polling.fetcher import CreditsFetcher

log = logging.getLogger(__name__)

THREAD_NAME = "evolink-nb-settle"
REST = 0.02
"""Seconds for which nothing is computed after a tracked cell: the kernel says that the cell has ended, and
goes on with the next. A thread that computed meanwhile would hold it up."""


class PendingCosts(Protocol):
    """The costs of one account, some of which need more readings until they are final."""

    def next_read_at(self) -> float | None:
        """Return when the next reading is needed, in seconds of the clock; None if none is."""

    def record(self, reading: Credits | None) -> None:
        """Handle a reading, which may be known already; None if it failed."""

    def publish(self) -> None:
        """Publish the costs that have changed."""


class Settler:
    """The thread that reads for all work of one account; it lives while any cost needs a reading."""

    def __init__(self, fetcher: CreditsFetcher, costs: PendingCosts) -> None:
        """Prepare a settler; `start` starts it.

        Args:
            fetcher: The fetcher that reads the account; its clock is used.
            costs: The costs of the account.
        """
        self._fetcher = fetcher
        self._costs = costs
        self._clock = fetcher.clock
        self._loop = runtime.Loop(self._step, name=THREAD_NAME, timer=self._clock)
        self._rests_until = -math.inf

    def start(self, *, soon: bool = False) -> bool:
        """Publish what has changed, and read until no cost needs it any more.

        Args:
            soon: Whether it is enough to begin after `REST`, because nobody waits for the first figure.

        Returns:
            Whether it started; False if the platform can't start a thread.
        """
        now = self._clock.monotonic()
        if soon and now < self._rests_until and self._loop.is_running:
            return True
        self._rests_until = now + REST if soon else now
        try:
            self._loop.start()
        except RuntimeError:
            # The work is done and must not fail because of this: its cost stays as far as known.
            log.exception("No thread could be started: a cost stays unsettled.")
            return False
        return True

    def wake(self) -> None:
        """Check again whether a reading is due."""
        self._loop.wake()

    def stop(self, seconds: float) -> None:
        """Stop the thread; it may be started again.

        Args:
            seconds: The longest time to wait until it has stopped.
        """
        self._loop.stop(seconds)

    def _step(self) -> float | None:
        """Publish, read if a reading is due, and return when to check again; None when none is needed."""
        if self._clock.monotonic() < self._rests_until:
            return self._rests_until
        self._costs.publish()
        due = self._costs.next_read_at()
        if due is None:
            # The last cost may have become final because its time is up.
            self._costs.publish()
            return None
        if due > self._clock.monotonic():
            return due
        self._costs.record(read(self._fetcher))
        return self._clock.monotonic()


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
