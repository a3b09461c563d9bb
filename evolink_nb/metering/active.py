"""The measurements under way: how their work is nested or overlaps, and in which work each call is made."""

from __future__ import annotations

import contextvars
import threading
import time
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .. import runtime
from ..api.calls import calls
from .attribution.own_time import OwnTime
from .attribution.verdict import AT_THE_SAME_TIME
from .followed_account import FollowedAccount
from .tasks import AnyTask, context_of, unfinished_tasks

if TYPE_CHECKING:
    from ..api.calls import Call
    from ..polling.fetcher import CreditsFetcher
    from .attribution.work import Work

BESIDE_A_TASK = "a task that earlier work had started was still running"
"""Why a cost may include the spending of a task that has outlived its cell."""
CANCEL_GRACE = 1.0
"""Seconds for which cancelling waits for settling to end."""


class Measured(Protocol):
    """What the measurements of one account need to know about each other."""

    @property
    def fetcher(self) -> CreditsFetcher:
        """The fetcher that reads the account."""

    @property
    def work(self) -> Work:
        """The work, as its account's row sees it."""

    @property
    def covers_kernel(self) -> bool:
        """Whether the work is all the kernel does meanwhile: anything measured then is part of it."""

    @property
    def is_over(self) -> bool:
        """Whether the work has ended; its cost may still be settling."""

    def mark_shared(self, reason: str) -> None:
        """Record that something else may have spent meanwhile."""

    def cancel(self) -> None:
        """End settling with what is known so far."""

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the cost is final."""


class Others(NamedTuple):
    """Other work running on the account when a piece of work begins: enclosing it, or concurrent with it."""

    enclosing: list[Measured]
    concurrent: list[Measured]


class ActiveMeasurements:
    """All work, on any account, whose cost is not final yet; thread-safe."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.RLock()
        self._work: list[Measured] = []
        # An account is kept alive only by its fetcher.
        self._accounts: weakref.WeakValueDictionary[int, FollowedAccount] = weakref.WeakValueDictionary()
        self._knows_kernel = False
        self._own_time = OwnTime(time.monotonic())
        self._left: weakref.WeakSet[AnyTask] = weakref.WeakSet()
        # The work enclosing the running code, outermost first: nested work is not an overlap.
        self._enclosing: contextvars.ContextVar[tuple[Measured, ...]] = contextvars.ContextVar(
            "evolink_nb_measured", default=()
        )
        runtime.forget_after_fork(self)

    def account_of(self, fetcher: CreditsFetcher) -> FollowedAccount:
        """Return the account that a fetcher reads, and follow it from now on.

        Args:
            fetcher: The fetcher.
        """
        with self._lock:
            account = self._accounts.get(id(fetcher))
            if account is None:
                account = FollowedAccount(fetcher, knows_kernel=self._knows_kernel, own=self._own_time)
                self._accounts[id(fetcher)] = account
        calls.add_observer(self)
        return account

    # -- work -------------------------------------------------------------------------------------------

    def enter(self, work: Measured) -> Others:
        """Begin ``work`` in the current context, and mark it and any concurrent work as shared.

        Args:
            work: The work that begins.

        Returns:
            The other work on its account.
        """
        # Contexts are copied: one created inside work still lists that work here after its end.
        enclosing = tuple(other for other in self._enclosing.get() if not other.is_over)
        self._enclosing.set((*enclosing, work))
        with self._lock:
            on_account = [each for each in self._work if each.fetcher is work.fetcher and not each.is_over]
            self._work.append(work)
        others = [other for other in on_account if other not in enclosing]
        around = [other for other in others if other.covers_kernel]
        concurrent = [other for other in others if not other.covers_kernel]
        for other in concurrent:
            other.mark_shared(AT_THE_SAME_TIME)
            work.mark_shared(AT_THE_SAME_TIME)
        if any(task in self._left for task in unfinished_tasks()):
            work.mark_shared(BESIDE_A_TASK)
        return Others([*(each for each in enclosing if each in on_account), *around], concurrent)

    def leave(self, work: Measured) -> None:
        """Stop treating what runs in this context as part of ``work``.

        Args:
            work: The work that ends.
        """
        self._enclosing.set(tuple(other for other in self._enclosing.get() if other is not work))

    def tasks_of(self, work: Measured) -> list[AnyTask]:
        """Return the unfinished tasks on this thread's event loop that were created in ``work``.

        Args:
            work: The work. If it is over, costs measured while these tasks go on are shared with them.
        """
        found = []
        for task in unfinished_tasks():
            context = context_of(task)
            if context is not None and work in context.get(self._enclosing, ()):
                found.append(task)
        if work.is_over:
            self._left.update(found)
        return found

    def enclosing(self) -> tuple[Measured, ...]:
        """Return the work that encloses the running code, outermost first."""
        return self._enclosing.get()

    def finish(self, work: Measured) -> None:
        """Forget ``work``: its cost is final.

        Args:
            work: The work; ignored if already forgotten.
        """
        with self._lock:
            self._work = [each for each in self._work if each is not work]

    def all(self) -> list[Measured]:
        """Return all active work."""
        with self._lock:
            return list(self._work)

    def cancel_all(self) -> None:
        """End all settling with what is known so far, and cancel reads in flight."""
        cancelled = self.all()
        for each in cancelled:
            each.cancel()
            each.fetcher.client.close()
        deadline = time.monotonic() + CANCEL_GRACE
        for each in cancelled:
            if each.is_over:
                each.wait(max(deadline - time.monotonic(), 0.0))
        for account in self._followed():
            for thread in (account.settler, account.overlap_checker):
                thread.stop(max(deadline - time.monotonic(), 0.0))
        self._knows_kernel = False
        # Nothing reports cells any more.
        self._own_time.begin(time.monotonic())

    # -- cells ------------------------------------------------------------------------------------------

    def begin_cell(self, *, measured_on: CreditsFetcher | None) -> None:
        """Record that a cell begins; what it spends on accounts other than its own isn't measured.

        Args:
            measured_on: The fetcher of the account on which the cell is measured; None if it isn't measured.
        """
        self._knows_kernel = True
        self._own_time.begin(time.monotonic())
        for account in self._followed():
            account.set_busy(busy=account.fetcher is not measured_on)

    def end_cell(self) -> None:
        """Record that no cell runs any more."""
        self._own_time.end(time.monotonic())
        for account in self._followed():
            account.set_busy(busy=False)

    # -- guarded calls ----------------------------------------------------------------------------------

    def before_call(self, identity: str) -> None:
        """Do nothing: measuring doesn't limit what a call may cost."""

    def call_begins(self, call: Call) -> None:
        """Record the work in which a guarded call is made.

        Args:
            call: The call.
        """
        inside = [each for each in self._enclosing.get() if each.fetcher.client.identity == call.identity]
        for account in self._followed():
            if account.fetcher.client.identity != call.identity:
                continue
            found = [each for each in inside if each.fetcher is account.fetcher]
            if not found:
                # Made in a thread without a context of its own: it belongs to the running cell.
                running = (each for each in self.all() if each.fetcher is account.fetcher)
                found = [each for each in running if each.covers_kernel and not each.is_over]
            account.add_call(call, [each.work for each in found])

    def call_ended(self, call: Call) -> None:
        """Record that a guarded call has ended.

        Args:
            call: The call.
        """
        for account in self._followed():
            if account.fetcher.client.identity == call.identity:
                account.end_call(call)

    def after_fork(self) -> None:
        """Forget the parent's work, which settles in the parent; called in a forked child."""
        self._lock = threading.RLock()
        self._work = []
        self._accounts = weakref.WeakValueDictionary()

    def _followed(self) -> Iterator[FollowedAccount]:
        with self._lock:
            accounts = list(self._accounts.values())
        return iter(accounts)


active_measurements = ActiveMeasurements()
"""This process's measurements whose cost is not final yet."""
