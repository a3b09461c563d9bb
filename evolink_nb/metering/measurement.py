"""One stretch of work and its cost: what happened before, beside and after it.

A `Baseline` tells how things stood before, a `Settlement` what the readings after the work say. What is here
joins the two to the work itself, to the ledger, and to whoever shows the cost.
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
"""Readings before the work that are looked at for calls that had not settled."""

EARLIER_CALLS = "earlier calls were still settling"


@dataclass(slots=True)
class _Span:
    """When the work began and ended: in seconds of the fetcher's clock, and by the wall for showing."""

    began_at: datetime
    started: float = 0.0
    ended: float = 0.0
    computed: float = 0.0
    """Seconds that its thread computed; while it runs, nobody else can tell."""


class Measurement:
    """Measures one stretch of work on one account.

    `start` and `stop` begin and end the work, `settle` reads on until the cost is sure. Errors of reading
    never reach the work: the cost is then *unknown*.

    Attributes:
        fetcher: What reads the account, and whose clock counts.
        covers_kernel: Whether the work is all that the kernel does meanwhile, as a cell's is: what is
            measured inside it, on any thread, is part of it.
        phase: Where it stands.
    """

    # It has more methods than a class should: it is what the work, the settler, other measurements, a batch
    # and whoever shows the cost each know by a few of them. What decides is elsewhere, in `Settlement`.

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
            fetcher: What reads the account, and whose clock counts.
            timing: How long to wait.
            covers_kernel: Whether the work is all that the kernel does meanwhile.
            baseline: How to learn how things stood before; by a reading of its own if not given.
            listener: Told of the cost.
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
        # Held where the reading before is handed from one to the other, and never while calling elsewhere.
        self._handover = threading.Lock()
        self._feeding = threading.Lock()
        self._next_read_at: float | None = None

    # -- the work --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Read the balance as the baseline has it, and begin."""
        self.enter()
        self.begin()

    def enter(self) -> None:
        """Take a place among the measurements around the running code."""
        self._others = active_measurements.enter(self)

    def begin(self) -> None:
        """Learn how things stand before the work; its seconds count from here."""
        if self._baseline.batch is not None:
            self._baseline.batch.join(self)
            self._run()
            known = self._baseline.begin(self.fetcher, self._span.started, self._timing)
            with self._handover:
                # The row may have been attributed meanwhile, by a newer reading.
                self._before = self._before or known
            return
        history = self.fetcher.readings[-HISTORY:]
        reading = self._before = self._baseline.begin(self.fetcher, self._now, self._timing)
        if reading is not None:
            # What ended before gets it too: it is the last one that this work has no part in.
            for earlier in self._others.settling:
                earlier.offer(reading)
            if is_settling(history, reading):
                self.mark_shared(EARLIER_CALLS)
        self._run()

    def stop(self) -> None:
        """End the stretch of work; its cost is first known after `settle`."""
        self._span.ended = self._now
        self._span.computed = time.thread_time() - self._span.computed
        active_measurements.leave(self)
        self._move_to(Phase.SETTLING)
        if any(outer.is_over for outer in self._others.enclosing):
            # A thread or a task that outlives what began it is beside that, not within.
            self.mark_shared(AT_THE_SAME_TIME)
        self._begin_settling()

    def abandon(self) -> None:
        """End work that never began; there is nothing to settle, and no cost to tell of."""
        self._span.ended = self._now
        active_measurements.leave(self)
        self.finish(quietly=True)

    def mark_shared(self, reason: str) -> None:
        """Record what else may have spent meanwhile: the cost can't be clean any more.

        Args:
            reason: It, as the user reads it.
        """
        self._overlaps.mark_shared(reason)

    def record(self, kind: ledger.Kind, *, key: str, name: str, items: int = 0) -> None:
        """Enter the work into the ledger in use; the entry is amended as the cost gets sure.

        Args:
            kind: What was measured.
            key: What its runs have in common.
            name: What the user recognizes it by.
            items: How many items a loop did.
        """
        within = any(not outer.is_over for outer in self._others.enclosing)
        began_at = self._span.began_at
        self._published.record(ledger.Entry(key, name, kind, began_at, self.cost, items=items, within=within))

    # -- how it stands ---------------------------------------------------------------------------------

    @property
    def cost(self) -> Cost:
        """The cost as far as it is known."""
        return self._published.value

    @property
    def before(self) -> Credits | None:
        """The reading that the cost counts from; None where there is none."""
        return self._before if self._settlement is None else self._settlement.before

    @property
    def after(self) -> Credits | None:
        """The reading that the cost is assessed by; None where there is none yet."""
        return None if self._settlement is None else self._settlement.after

    @property
    def is_over(self) -> bool:
        """Whether the work has ended; its cost may be settling still."""
        return self.phase in {Phase.SETTLING, Phase.FINAL}

    @property
    def is_unread(self) -> bool:
        """Whether nothing was read yet since the work ended, and may still be."""
        return self.after is None and self.phase is not Phase.FINAL

    @property
    def is_zero(self) -> bool:
        """Whether it is sure that nothing was spent."""
        return self.cost.confidence == "clean" and self.cost.settled and not self.cost.credits

    @property
    def is_sure(self) -> bool:
        """Whether the cost will not move any more."""
        known = self._settlement is not None and self._settlement.is_sure(self._now)
        return known or self.phase is Phase.FINAL

    @property
    def is_superseded(self) -> bool:
        """Whether something else began before this had settled."""
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
        """Seconds of the work that were spent waiting; while it runs only its own thread could tell."""
        return self.seconds - (self._span.computed if self.is_over else 0.0)

    @property
    def settled_in(self) -> float:
        """Seconds from the end of the work to the reading that its cost is assessed by."""
        return 0.0 if self.after is None else max(self.after.monotonic - self._span.ended, 0.0)

    def unreadable(self) -> errors.EvoLinkError:
        """Return the error for which there is no reading."""
        error = self.fetcher.error or errors.EvoLinkError("The balance could not be read.")
        return copy.copy(error)

    # -- settling --------------------------------------------------------------------------------------

    def settle(self) -> Cost:
        """Read until the cost is settled, or until the time for that is up, and return it."""
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
            seconds: The most to wait; None waits without limit.

        Returns:
            Whether it has ended.
        """
        return self._published.wait(seconds)

    def wait_for_first(self, seconds: float) -> bool:
        """Wait until there is any figure, or never will be.

        Args:
            seconds: The most to wait.

        Returns:
            Whether it came.
        """
        return self._published.wait(seconds, for_first=True)

    def supersede(self) -> None:
        """Record that something else begins before this has settled; from now on it may only settle."""
        if self._settlement is not None:
            self._settlement.supersede(self._now)

    def cancel(self) -> None:
        """End settling with what is known by now."""
        self._cancelled.set()
        if self._settlement is not None:
            self._settlement.cancel()
        active_measurements.settler_of(self).wake()

    def count_from(self, reading: Credits) -> None:
        """Leave what was spent until ``reading`` to other work.

        Args:
            reading: The reading before this work from now on.
        """
        with self._handover:
            self._before = reading
            if self._settlement is not None:
                self._settlement.count_from(reading)

    @property
    def next_read_at(self) -> float | None:
        """When the next reading is wanted, in the clock's seconds; None when none is any more."""
        return None if self._cancelled.is_set() else self._next_read_at

    def read_soon(self) -> None:
        """Have the account read now, as something else begins."""
        self._next_read_at = self._now
        active_measurements.settler_of(self).wake()

    def offer(self, reading: Credits) -> None:
        """Assess the cost by a reading that was made for something else.

        Args:
            reading: It.
        """
        if self.feed(reading):
            self.cancel()

    def feed(self, reading: Credits | None) -> bool:
        """Assess the cost by one more reading.

        Args:
            reading: It; None where it failed.

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
                # Now: what moves the reading before on is what another piece of work in the row spent.
                self._attribute(reading)
                step = settlement.feed(reading, requested_at=reading.requested_at, now=now)
            self._next_read_at = step.next_read_at
            self._published.update(step.cost)
            return step.next_read_at is None

    def finish(self, *, quietly: bool = False) -> None:
        """Leave what is measured: the cost is final.

        Args:
            quietly: Whether the listener is not told.
        """
        active_measurements.finish(self)
        if self._move_to(Phase.FINAL):
            self._published.finish(quietly=quietly)

    # -- within ----------------------------------------------------------------------------------------

    @property
    def _now(self) -> float:
        return self.fetcher.clock.monotonic()

    def _move_to(self, phase: Phase) -> bool:
        """Move on to a phase, and return whether it is news: all moves are made here."""
        if not self.phase.may_become(phase):
            return False
        self.phase = phase
        return True

    def _run(self) -> None:
        """Let the work, and its seconds, begin here."""
        for earlier in self._others.settling:
            earlier.supersede()
        # One that is sure may be on its way out still.
        self._overlaps.earlier = [each for each in self._others.settling if not each.is_sure]
        known = self._before or self.fetcher.credits
        self._published.value = Cost(simulated=known is not None and known.simulated)
        self._span = _Span(self.fetcher.clock.now(), started=self._now, computed=time.thread_time())
        self._move_to(Phase.RUNNING)

    def _begin_settling(self) -> None:
        """Hand what is known by now over to what settles."""
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
        """Count from the first reading after a row of work, unless what moved is this piece's cost."""
        batch, before = self._baseline.batch, self.before
        if batch is None or before is None or self.after is not None or nothing_moved(before, reading):
            return
        if batch.attribute(reading) is not self:
            self.count_from(reading)
