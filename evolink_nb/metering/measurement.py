"""One measured stretch of work: when it runs, what encloses it, and where its cost is published.

Its account's `Row` decides what it cost; this module connects that to the work, the ledger and whatever shows
the cost.
"""

from __future__ import annotations

import contextlib
import copy
import math
import threading
from datetime import datetime
from typing import TYPE_CHECKING

from .. import errors
from ..thread_time import own_wait, thread_time
from . import ledger
from .active import active_measurements
from .attribution.verdict import AT_THE_SAME_TIME, why_unread
from .attribution.work import Work
from .cost import Cost
from .published import PublishedCost
from .settlement import Phase, SettleTiming
from .settler import read
from .tasks import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..credits import Credits
    from ..polling.fetcher import CreditsFetcher
    from .followed_account import FollowedAccount
    from .published import Listener

GOES_ON = "something it started was still running after it ended"
"""Why a cost may not include everything the work spends."""


class Measurement:
    """Measures one stretch of work on one account.

    `start` and `stop` begin and end the work; `settle` reads until the cost is final. Errors while reading
    never reach the work: they make the cost *unknown*.

    Attributes:
        fetcher: The fetcher that reads the account; its clock is used.
        covers_kernel: Whether the work is all the kernel does meanwhile, as with a cell: anything measured
            then, on any thread, is part of it.
        work: The work, as the account's row sees it.
        phase: The current phase.
    """

    # It has more methods than a class should: the work, the account, other measurements and the view of the
    # cost each use a few of them. The decisions are made in `Row`.

    def __init__(
        self,
        fetcher: CreditsFetcher,
        *,
        timing: SettleTiming | None = None,
        covers_kernel: bool = False,
        reads_first: bool = True,
        listener: Listener[Measurement] | None = None,
    ) -> None:
        """Prepare a measurement; nothing is read yet.

        Args:
            fetcher: The fetcher that reads the account; its clock is used.
            timing: How long to wait.
            covers_kernel: Whether the work is all the kernel does meanwhile.
            reads_first: Whether to wait for a reading before the work. Otherwise the work begins with the
                last known one; if that is old, another is taken while it runs.
            listener: Notified of the cost.
        """
        self.fetcher = fetcher
        self.covers_kernel = covers_kernel
        self.phase = Phase.NEW
        self._timing = timing or SettleTiming()
        self.work = Work(0.0, self._timing.settle, is_tracked=not reads_first)
        self._published = PublishedCost(self, listener)
        self._over = threading.Event()
        self._is_superseded = self._is_unread = False
        self._began_at: datetime = fetcher.clock.now()
        self._account: FollowedAccount = active_measurements.account_of(fetcher)
        self._account.apply(self._timing)

    # -- the work --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take the reading before the work, and begin."""
        self.enter()
        self.begin()

    def enter(self) -> None:
        """Join the measurements enclosing the running code."""
        others = active_measurements.enter(self)
        self.work.enclosing = tuple(each.work for each in others.enclosing)
        self.work.waits_since = self._now
        self._account.suspend()

    def begin(self) -> None:
        """Find the balance before the work, and start timing it."""
        self._is_unread = not self._read_before()
        known = self.fetcher.credits
        self._published.value = Cost(simulated=known is not None and known.simulated)
        self._began_at = self.fetcher.clock.now()
        # The clock last: reading `thread_time` may take long on a busy machine.
        self.work.computed, self.work.started = thread_time(), self._now
        with own_wait():
            self._account.begin(self, self.work)
        if self.phase is Phase.FINAL:  # abandoned meanwhile: a task may be cancelled while this waits
            self._account.forget(self.work)
            return
        if self._is_unread or self.work.before is None:
            # An earlier reading also shows what was spent since: too old for a limit, but no cost is lost.
            self.work.cost = Cost(reason=why_unread(self.fetcher.error), simulated=self.cost.simulated)
        self._move_to(Phase.RUNNING)

    def stop(self) -> None:
        """End the stretch of work; call `settle` for its cost."""
        self.work.computed = thread_time() - self.work.computed
        active_measurements.leave(self)
        outlived = any(outer.ended is not None for outer in self.work.enclosing)
        self._account.end(self.work, self._now)
        self._move_to(Phase.SETTLING)
        if outlived:
            # A thread or task that outlives the work that started it is concurrent with it, not inside it.
            self.mark_shared(AT_THE_SAME_TIME)
        if left := describe(active_measurements.tasks_of(self)):
            self.mark_shared(f"{GOES_ON}: {left}")

    def abandon(self) -> None:
        """Drop work that never began: it has nothing to settle and no cost to publish."""
        active_measurements.leave(self)
        self._account.forget(self.work)
        self._finish(quietly=True)

    def mark_shared(self, reason: str) -> None:
        """Record that something else may have spent meanwhile: the cost can no longer be *clean*.

        Args:
            reason: The reason, as shown to the user; only the first is kept.
        """
        self.work.shared = self.work.shared or reason

    def record(self, kind: ledger.Kind, *, key: str, name: str, items: int = 0) -> None:
        """Record the work in the ledger in use; its entry is amended as the cost settles.

        Args:
            kind: What was measured.
            key: Identifies runs of the same thing.
            name: The name the user recognizes.
            items: The number of items a loop processed.
        """
        within = any(outer.ended is None for outer in self.work.enclosing)
        account = self.fetcher.client.identity
        self._published.record(
            ledger.Entry(
                key, name, kind, self._began_at, self.cost, items=items, within=within, account=account
            )
        )

    # -- state -----------------------------------------------------------------------------------------

    @property
    def cost(self) -> Cost:
        """The cost, as far as known."""
        return self._published.value

    @property
    def before(self) -> Credits | None:
        """The reading before the work, if it could be read."""
        return None if self._is_unread else self.work.before

    @property
    def after(self) -> Credits | None:
        """The reading after the work that the cost is assessed by; None if there is none yet."""
        return self.work.after

    @property
    def is_over(self) -> bool:
        """Whether the work has ended; its cost may still be settling."""
        return self.phase in {Phase.SETTLING, Phase.FINAL}

    @property
    def may_change(self) -> bool:
        """Whether the cost may still change; a late charge can change even a final cost."""
        return self.phase is not Phase.FINAL or self._account.may_amend(self.work)

    @property
    def is_recorded(self) -> bool:
        """Whether the work is in the ledger."""
        return self._published.is_recorded

    @property
    def seconds(self) -> float:
        """How long the work took, or has taken so far."""
        return self.work.seconds if self.work.ended is not None else self._now - self.work.started

    @property
    def settled_in(self) -> float:
        """Seconds from the end of the work until the counters last moved."""
        return 0.0 if self.work.ended is None else max(self.work.settled_at - self.work.ended, 0.0)

    def unreadable(self) -> errors.EvoLinkError:
        """Return the error that explains the missing reading."""
        error = self.fetcher.error or errors.EvoLinkError("The balance could not be read.")
        return copy.copy(error)

    # -- settling --------------------------------------------------------------------------------------

    def settle(self) -> Cost:
        """Read until the cost has settled or the time for settling is up, and return it."""
        until = self._now + self._timing.settle
        self.work.resumes_at = math.inf
        try:
            with own_wait(), self._account.attended():
                self._settle(until)
                self._account.release(self.work)
        finally:
            self.work.resumes_at = self._now
            self._account.resume()
        return self.cost

    def _settle(self, until: float) -> None:
        while not self.work.is_final and not self._over.is_set():
            due = self._account.next_read_at()
            self._account.publish()
            if due is None:
                return
            if due > self._now:
                self.fetcher.clock.pause(self._over, min(due, until) - self._now)
            else:
                self._account.record(read(self.fetcher))
            if self._now >= until:
                return

    def settle_in_background(self) -> None:
        """Settle on the thread that settles all work of this account."""
        started = False
        try:
            started = self._account.settler.start(soon=self.work.is_tracked)
        finally:
            if not started:  # also after an interrupt: nobody may be left waiting
                self._account.release(self.work)
                self._account.publish()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until settling has ended.

        Args:
            seconds: The longest time to wait; None waits without limit.

        Returns:
            Whether it has ended.
        """
        with awaited(self._account):
            return self._published.wait(seconds)

    def wait_for_first(self, seconds: float) -> bool:
        """Wait for the first figure, or until it is certain that there won't be one.

        Args:
            seconds: The longest time to wait.

        Returns:
            Whether the wait is over.
        """
        with awaited(self._account):
            return self._published.wait(seconds, for_first=True)

    @property
    def is_superseded(self) -> bool:
        """Whether other code that may spend went on before this had settled."""
        return self._is_superseded

    def supersede(self) -> None:
        """Record that other code that may spend goes on before this has settled."""
        self._is_superseded = True
        self._account.resume(is_known=True)

    def cancel(self) -> None:
        """End settling with what is known so far."""
        self._over.set()
        self._account.release(self.work)
        if self.is_over:
            self._account.publish()
        self._account.settler.wake()

    def publish(self) -> None:
        """Publish the cost, and whether it is final; called by the account."""
        if not self.is_over:
            return
        if self.work.after is not None or self.work.cost.reason != Cost().reason:
            self._published.update(self.work.cost)
        if self.work.is_final:
            self._finish()

    # -- internals -------------------------------------------------------------------------------------

    @property
    def _now(self) -> float:
        return self.fetcher.clock.monotonic()

    def _read_before(self) -> bool:
        """Read the account before the work, and return whether that worked."""
        if not self.work.is_tracked:
            reading = read(self.fetcher)
            if reading is not None:
                self._account.record(reading)
            return reading is not None
        # Read at once: the reading should show what ran before this work, and hardly any of this work.
        self._account.refresh(max_age=self._timing.baseline_age)
        return True

    def _move_to(self, phase: Phase) -> bool:
        """Move to a phase, and return whether it is new. Nothing else changes the phase."""
        if not self.phase.may_become(phase):
            return False
        self.phase = phase
        return True

    def _finish(self, *, quietly: bool = False) -> None:
        """Leave the active measurements, as the cost is final."""
        active_measurements.finish(self)
        if self._move_to(Phase.FINAL):
            self._over.set()
            self._account.resume()
            self._published.finish(quietly=quietly)


@contextlib.contextmanager
def awaited(account: FollowedAccount) -> Iterator[None]:
    """Mark the calling thread as waiting for a cost inside the block: a cell that waits spends nothing.

    Args:
        account: The account that the cost is on.
    """
    runs_cells = threading.current_thread() is threading.main_thread()
    if runs_cells:
        account.suspend(awaits=True)
    try:
        with own_wait():
            yield
    finally:
        if runs_cells:
            account.resume()
