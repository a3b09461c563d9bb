"""One measured stretch of work: the readings before, during and after it, and its cost.

A `Baseline` finds the balance before the work, a `Settlement` assesses the readings after it. This module
connects both to the work, the ledger, and whatever shows the cost.
"""

from __future__ import annotations

import copy
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from .. import errors
from . import ledger
from .active import AT_THE_SAME_TIME, Others, active_measurements
from .baseline import Found, ReadNow
from .cost import Cost, is_settling, nothing_moved
from .published import PublishedCost
from .settlement import Overlaps, Phase, Settlement, SettleTiming
from .settler import read

if TYPE_CHECKING:
    from ..credits import Credits
    from ..polling.fetcher import CreditsFetcher
    from .baseline import Baseline
    from .published import Listener

HISTORY = 20
"""The number of readings before the work that are checked for unsettled calls."""

EARLIER_CALLS = "earlier calls were still settling"


@dataclass(slots=True)
class _Span:
    """When the work began and ended: by the fetcher's clock, and by the wall clock for display."""

    began_at: datetime
    started: float = 0.0
    ended: float = 0.0
    computed: float = 0.0
    """Seconds its thread spent computing; while it runs, no other thread can tell."""


class Measurement:
    """Measures one stretch of work on one account.

    `start` and `stop` begin and end the work, `settle` reads until the cost is sure. Errors while reading
    never reach the work: they make the cost *unknown*.

    Attributes:
        fetcher: The fetcher that reads the account, and whose clock is used.
        covers_kernel: Whether the work is all the kernel does meanwhile, as with a cell: anything measured
            then, on any thread, is part of it.
        phase: The current phase.
    """

    # It has more methods than a class should: the work, the settler, other measurements, a batch and the view
    # of the cost each use a few of them. The decisions are made elsewhere, in `Settlement`.

    def __init__(
        self,
        fetcher: CreditsFetcher,
        *,
        timing: SettleTiming | None = None,
        covers_kernel: bool = False,
        baseline: Baseline | None = None,
        listener: Listener[Measurement] | None = None,
    ) -> None:
        """Prepare a measurement; nothing is read yet.

        Args:
            fetcher: The fetcher that reads the account, and whose clock is used.
            timing: How long to wait.
            covers_kernel: Whether the work is all the kernel does meanwhile.
            baseline: How to find the balance before the work; with a new reading by default.
            listener: Notified of the cost.
        """
        self.fetcher = fetcher
        self.covers_kernel = covers_kernel
        self.phase = Phase.NEW
        self._timing = timing or SettleTiming()
        self._baseline: Baseline = baseline or ReadNow()
        self._published = PublishedCost(self, listener)
        self._cancelled = threading.Event()
        self._span = _Span(fetcher.clock.now())
        self._others: Others = Others([], [], [])
        self._overlaps = Overlaps()
        self._before: Credits | None = None
        self._settlement: Settlement | None = None
        # Held while the baseline reading is handed over, and never while calling other objects.
        self._handover = threading.Lock()
        self._feeding = threading.Lock()
        self._next_read_at: float | None = None

    # -- the work --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take the baseline reading, and begin."""
        self.enter()
        self.begin()

    def enter(self) -> None:
        """Join the measurements enclosing the running code."""
        self._others = active_measurements.enter(self)

    def begin(self) -> None:
        """Find the balance before the work; its time counts from here."""
        if self._baseline.batch is not None:
            self._baseline.batch.join(self)
            self._run()
            known = self._baseline.begin(self.fetcher, self._span.started, self._timing)
            with self._handover:
                # The batch may have been attributed meanwhile, by a newer reading.
                self._before = self._before or known
            return
        history = self.fetcher.readings[-HISTORY:]
        reading = self._before = self._baseline.begin(self.fetcher, self._now, self._timing)
        if reading is not None:
            # Earlier work gets it too: it is the last reading that excludes this work.
            for earlier in self._others.settling:
                earlier.offer(reading)
            if is_settling(history, reading):
                self.mark_shared(EARLIER_CALLS)
        self._run()

    def stop(self) -> None:
        """End the stretch of work; call `settle` for its cost."""
        self._span.ended = self._now
        self._span.computed = time.thread_time() - self._span.computed
        active_measurements.leave(self)
        self._move_to(Phase.SETTLING)
        if any(outer.is_over for outer in self._others.enclosing):
            # A thread or task that outlives its starter runs concurrently with it, not inside it.
            self.mark_shared(AT_THE_SAME_TIME)
        self._begin_settling()

    def abandon(self) -> None:
        """End work that never began; there is nothing to settle, and no cost to publish."""
        self._span.ended = self._now
        active_measurements.leave(self)
        self.finish(quietly=True)

    def mark_shared(self, reason: str) -> None:
        """Record what else may have spent meanwhile: the cost can no longer be clean.

        Args:
            reason: The reason, as shown to the user.
        """
        self._overlaps.mark_shared(reason)

    def record(self, kind: ledger.Kind, *, key: str, name: str, items: int = 0) -> None:
        """Enter the work into the ledger in use; the entry is amended as the cost settles.

        Args:
            kind: What was measured.
            key: Identifies runs of the same thing.
            name: The name the user recognizes.
            items: The number of items a loop processed.
        """
        within = any(not outer.is_over for outer in self._others.enclosing)
        began_at = self._span.began_at
        self._published.record(ledger.Entry(key, name, kind, began_at, self.cost, items=items, within=within))

    # -- state -----------------------------------------------------------------------------------------

    @property
    def cost(self) -> Cost:
        """The cost, as far as known."""
        return self._published.value

    @property
    def before(self) -> Credits | None:
        """The reading that the cost counts from, if any."""
        return self._before if self._settlement is None else self._settlement.before

    @property
    def after(self) -> Credits | None:
        """The reading that the cost is assessed by, if any yet."""
        return None if self._settlement is None else self._settlement.after

    @property
    def is_over(self) -> bool:
        """Whether the work has ended; its cost may still be settling."""
        return self.phase in {Phase.SETTLING, Phase.FINAL}

    @property
    def is_unread(self) -> bool:
        """Whether there has been no reading since the work ended, though one is still expected."""
        return self.after is None and self.phase is not Phase.FINAL

    @property
    def is_zero(self) -> bool:
        """Whether it is certain that nothing was spent."""
        return self.cost.confidence == "clean" and self.cost.settled and not self.cost.credits

    @property
    def is_sure(self) -> bool:
        """Whether the cost can no longer change."""
        known = self._settlement is not None and self._settlement.is_sure(self._now)
        return known or self.phase is Phase.FINAL

    @property
    def is_superseded(self) -> bool:
        """Whether other work began before this had settled."""
        return self._settlement is not None and self._settlement.is_superseded

    @property
    def is_recorded(self) -> bool:
        """Whether the work is in the ledger."""
        return self._published.is_recorded

    @property
    def seconds(self) -> float:
        """How long the work took, or has taken so far."""
        return (self._span.ended if self.is_over else self._now) - self._span.started

    @property
    def waited(self) -> float:
        """Seconds of the work spent waiting; while it runs, only its own thread can tell."""
        return self.seconds - (self._span.computed if self.is_over else 0.0)

    @property
    def settled_in(self) -> float:
        """Seconds from the end of the work to the reading that its cost is assessed by."""
        return 0.0 if self.after is None else max(self.after.monotonic - self._span.ended, 0.0)

    def unreadable(self) -> errors.EvoLinkError:
        """Return the error that explains the missing reading."""
        error = self.fetcher.error or errors.EvoLinkError("The balance could not be read.")
        return copy.copy(error)

    # -- settling --------------------------------------------------------------------------------------

    def settle(self) -> Cost:
        """Read until the cost has settled or the time for that is up, and return it."""
        try:
            while not self.feed(read(self.fetcher)):
                wait = (self._next_read_at or 0.0) - self._now
                self.fetcher.clock.pause(self._cancelled, wait)
        finally:
            self.finish()
        return self.cost

    def settle_in_background(self) -> None:
        """Settle on the thread that settles all of this account's work."""
        is_short = self._baseline.batch is not None and self.seconds < self._timing.short_work
        self._next_read_at = self._now + (self._timing.short_work if is_short else 0.0)
        active_measurements.settler_of(self).submit(self)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until settling has ended.

        Args:
            seconds: The longest time to wait; None waits without limit.

        Returns:
            Whether it has ended.
        """
        return self._published.wait(seconds)

    def wait_for_first(self, seconds: float) -> bool:
        """Wait for the first figure, or until there can be none.

        Args:
            seconds: The longest time to wait.

        Returns:
            Whether the wait is over.
        """
        return self._published.wait(seconds, for_first=True)

    def supersede(self) -> None:
        """Record that other work begins before this has settled; from now on it may only settle."""
        if self._settlement is not None:
            self._settlement.supersede(self._now)

    def cancel(self) -> None:
        """End settling with what is known so far."""
        self._cancelled.set()
        if self._settlement is not None:
            self._settlement.cancel()
        active_measurements.settler_of(self).wake()

    def count_from(self, reading: Credits) -> None:
        """Leave spending up to ``reading`` to other work.

        Args:
            reading: The new baseline reading.
        """
        with self._handover:
            self._before = reading
            if self._settlement is not None:
                self._settlement.count_from(reading)

    @property
    def next_read_at(self) -> float | None:
        """When the next reading is wanted, in the clock's seconds; None if none is."""
        return None if self._cancelled.is_set() else self._next_read_at

    def read_soon(self) -> None:
        """Have the account read now, because other work begins."""
        self._next_read_at = self._now
        active_measurements.settler_of(self).wake()

    def offer(self, reading: Credits) -> None:
        """Assess the cost with a reading made for other work.

        Args:
            reading: The reading.
        """
        if self.feed(reading):
            self.cancel()

    def feed(self, reading: Credits | None) -> bool:
        """Assess the cost by one more reading.

        Args:
            reading: The reading; None if it failed.

        Returns:
            Whether settling has ended.
        """
        with self._feeding:
            settlement = self._settlement
            if settlement is None or self._cancelled.is_set():
                return True
            self._published.begin()
            now = self._now
            if reading is None:
                step = settlement.miss(self.fetcher.error, now=now)
            else:
                # Now: what moves the baseline forward was spent by another piece of work in the batch.
                self._attribute(reading)
                step = settlement.feed(reading, requested_at=reading.requested_at, now=now)
            self._next_read_at = step.next_read_at
            self._published.update(step.cost)
            return step.next_read_at is None

    def finish(self, *, quietly: bool = False) -> None:
        """Leave the active measurements: the cost is final.

        Args:
            quietly: Whether to skip the listener.
        """
        active_measurements.finish(self)
        if self._move_to(Phase.FINAL):
            self._published.finish(quietly=quietly)

    # -- internals -------------------------------------------------------------------------------------

    @property
    def _now(self) -> float:
        return self.fetcher.clock.monotonic()

    def _move_to(self, phase: Phase) -> bool:
        """Move to a phase, and return whether it is new; the only place that changes the phase."""
        if not self.phase.may_become(phase):
            return False
        self.phase = phase
        return True

    def _run(self) -> None:
        """Start the work and its time."""
        for earlier in self._others.settling:
            earlier.supersede()
        # One whose cost is sure may still be finishing.
        self._overlaps.earlier = [each for each in self._others.settling if not each.is_sure]
        known = self._before or self.fetcher.credits
        self._published.value = Cost(simulated=known is not None and known.simulated)
        self._span = _Span(self.fetcher.clock.now(), started=self._now, computed=time.thread_time())
        self._move_to(Phase.RUNNING)

    def _begin_settling(self) -> None:
        """Hand what is known so far over to the settlement."""
        span = self._span
        found = Found(self._before)
        if self._before is None:
            readings = self.fetcher.readings
            found = self._baseline.find(readings, began=span.started, ended=span.ended, timing=self._timing)
        if found.shared is not None:
            self.mark_shared(found.shared)
        with self._handover:
            self._settlement = Settlement(
                self._before or found.before,
                span.ended,
                self._overlaps,
                self._timing,
                seconds=self.seconds,
                trusts_zero=self._baseline.batch is not None,
                cost=self.cost,
            )
        if self._cancelled.is_set():
            self._settlement.cancel()

    def _attribute(self, reading: Credits) -> None:
        """Count from the first reading after a batch, unless this work is charged with the change."""
        batch, before = self._baseline.batch, self.before
        if batch is None or before is None or self.after is not None or nothing_moved(before, reading):
            return
        if batch.attribute(reading) is not self:
            self.count_from(reading)
