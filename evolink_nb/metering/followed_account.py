"""One account in use: passes its readings and work to its row, and publishes the resulting costs.

It observes every reading, whoever requested it. Its lock guards the row, and is never held while other
objects are called.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from .. import runtime
from ..thread_time import thread_time
from .attribution import baseline
from .attribution.own_time import OwnTime
from .attribution.quiet import quiet_times
from .attribution.row import Row
from .idle import record_idle
from .overlap_checker import OverlapChecker
from .settler import Settler
from .unmeasured import UnmeasuredWork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..api.calls import Call
    from ..credits import Credits
    from ..polling.fetcher import CreditsFetcher
    from .attribution.work import Work
    from .published import Member
    from .settlement import SettleTiming

HISTORY = 20
"""The number of readings before the first work that are checked for earlier calls."""


class FollowedAccount:
    """One account: its row, its settler, and the measurements on it.

    Only the fetcher keeps it alive.

    Attributes:
        fetcher: The fetcher that reads the account.
        settler: Reads in the background until costs are final.
        overlap_checker: Asks what other kernels did with the account's key.
    """

    def __init__(
        self, fetcher: CreditsFetcher, *, knows_kernel: bool = False, own: OwnTime | None = None
    ) -> None:
        """Follow an account, beginning with what its fetcher has already read.

        Args:
            fetcher: The fetcher that reads the account.
            knows_kernel: Whether every cell that runs is reported.
            own: When this kernel may have spent; by default, at any time from now on.
        """
        self.fetcher = fetcher
        self.settler = Settler(fetcher, self)
        self.overlap_checker = OverlapChecker(fetcher, self, own or OwnTime(fetcher.clock.monotonic()))
        self._row = Row(quiet_times.of(fetcher.client.identity))
        self._unmeasured = UnmeasuredWork(self._row)
        # Reentrant: the garbage collector may end a guarded call at any moment.
        self._lock = threading.RLock()
        self._publishing = threading.RLock()
        self._has_tried = threading.Event()
        self._members: dict[Work, Member] = {}
        self._attended = 0
        for reading in fetcher.readings[-HISTORY:]:
            self._row.record(reading)
        self._row.unattributed.knows_kernel = knows_kernel
        fetcher.observe(self._on_revision, "revision")
        runtime.forget_after_fork(self)

    def refresh(self, *, max_age: float) -> None:
        """Read the account, unless its newest reading can serve as the baseline of work that begins now.

        Args:
            max_age: The greatest age that the reading may have, since its request, in seconds.
        """
        with self._lock:
            latest, works, now = self._row.latest, self._row.works, self.fetcher.clock.monotonic()
            if latest is not None and baseline.serves(latest, works, now, max_age=max_age):
                return
            is_idle = latest is not None and baseline.is_idle_between(latest, works, now)
        self._has_tried.clear()
        self.fetcher.refresh()
        if is_idle and self.fetcher.error is None:
            runtime.wait_for(self._has_tried, baseline.MAX_WAIT)

    def apply(self, timing: SettleTiming) -> None:
        """Apply a measurement's timing.

        Args:
            timing: How long to wait; a ``quiet`` of None changes nothing.
        """
        with self._lock:
            if timing.quiet is not None:
                self._row.quiet.setting = timing.quiet
            self._row.unattributed.late_horizon = timing.late_horizon

    # -- work -------------------------------------------------------------------------------------------

    def begin(self, member: Member, work: Work) -> None:
        """Add work that is beginning.

        Args:
            member: Its measurement.
            work: The work.
        """
        with self._lock:
            self._members[work] = member
            self._row.begin(work)

    def end(self, work: Work, now: float) -> None:
        """Record that work has ended.

        Args:
            work: The work.
            now: The current time.
        """
        with self._lock:
            work.ended = now

    def forget(self, work: Work) -> None:
        """Forget work that never began after all.

        Args:
            work: The work.
        """
        with self._lock:
            self._row.forget(work)
            self._members.pop(work, None)

    def may_amend(self, work: Work) -> bool:
        """Return whether the cost of ``work`` may still change, for example by a late charge."""
        with self._lock:
            return work in self._members

    def release(self, work: Work) -> None:
        """Stop waiting for work to settle: its cost is final as known so far.

        Args:
            work: The work.
        """
        with self._lock:
            work.is_final = True

    # -- what other kernels did ------------------------------------------------------------------------

    def revise(self, change: Callable[[Row], bool]) -> None:
        """Change costs for a reason other than a reading.

        Args:
            change: Changes the costs, and returns whether any has changed.
        """
        with self._lock:
            has_changed = change(self._row)
        if has_changed and not self._attended:
            self.settler.start()

    # -- what isn't measured ----------------------------------------------------------------------------

    def suspend(self, *, awaits: bool = False) -> None:
        """Record that measured work begins: an unmeasured cell spends nothing meanwhile.

        Args:
            awaits: Whether instead the cell waits for a cost.
        """
        now = self.fetcher.clock.monotonic()
        with self._lock:
            self._unmeasured.suspend(now, thread_time, awaits=awaits)

    def resume(self, *, is_known: bool = False) -> None:
        """Record that measured work is over: the cell it ran in may spend again.

        Args:
            is_known: Whether other code is known to run, even if no cell does.
        """
        now = self.fetcher.clock.monotonic()
        with self._lock:
            self._unmeasured.resume(now, thread_time, is_known=is_known)

    def set_busy(self, *, busy: bool) -> None:
        """Record that a cell not measured on this account begins or ends.

        Args:
            busy: Whether it begins.
        """
        now = self.fetcher.clock.monotonic()
        with self._lock:
            self._unmeasured.set_busy(now, thread_time, busy=busy)

    def add_call(self, call: Call, works: Iterable[Work]) -> None:
        """Record a guarded call that begins.

        Args:
            call: The call.
            works: The measured work it is made in; none if nobody measures it.
        """
        with self._lock:
            self._unmeasured.add_call(call, works)

    def end_call(self, call: Call) -> None:
        """Record that a guarded call has ended.

        Args:
            call: The call.
        """
        with self._lock:
            self._unmeasured.end_call(call)
        self.settler.wake()

    @contextlib.contextmanager
    def attended(self) -> Iterator[None]:
        """Publish changes inside the block on the caller's thread, without starting the settler's."""
        with self._lock:
            self._attended += 1
        try:
            yield
        finally:
            self.publish()
            with self._lock:
                self._attended -= 1

    # -- readings ---------------------------------------------------------------------------------------

    def next_read_at(self) -> float | None:
        """Return when the next reading is needed; None if none is."""
        with self._lock:
            self._row.expire(self.fetcher.clock.monotonic())
            return self._row.next_read_at()

    def record(self, reading: Credits | None) -> None:
        """Record a reading, unless it is already known, or record that one failed.

        Args:
            reading: The reading; None if it failed.
        """
        with self._lock:
            if reading is None:
                self._row.miss(self.fetcher.error, self.fetcher.clock.monotonic())
            else:
                self._row.record(reading)

    def publish(self) -> None:
        """Publish what has changed: costs, and what was spent while no measured work ran."""
        with self._publishing:
            with self._lock:
                works = tuple(self._members)
            self.overlap_checker.watch(works)
            with self._lock:
                members = list(self._members.items())
                idle = self._row.unattributed.take_idle()
            for each in idle:
                record_idle(each, self.fetcher.client.identity)
            for _, member in members:
                member.publish()
            with self._lock:
                over = [
                    work for work, _ in members if work.is_closed and work is not self._row.unattributed.last
                ]
                open_works = self.overlap_checker.may_become_shared(over)
                for work in over:
                    if work not in open_works:
                        self._members.pop(work, None)

    def after_fork(self) -> None:
        """Forget the parent's work, and replace the locks; called in a forked child."""
        self._lock, self._publishing = threading.RLock(), threading.RLock()
        self._members = {}
        self._row = Row(quiet_times.of(self.fetcher.client.identity))
        self._unmeasured = UnmeasuredWork(self._row)

    def _on_revision(self, _change: object) -> None:
        reading = self.fetcher.credits
        if reading is None:
            return
        with self._lock:
            if reading is not self._row.latest or self.fetcher.error is not None:
                self._has_tried.set()
            before = {work: (work.cost, work.is_final) for work in self._members}
            self._row.record(reading)
            changed = self._row.unattributed.has_idle or any(
                (work.cost, work.is_final) != was for work, was in before.items()
            )
        if changed and not self._attended:
            self.settler.start()
