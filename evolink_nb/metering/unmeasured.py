"""Unmeasured work on an account, recorded in its row because it may spend too.

Pure: no thread, lock or clock. Times are in seconds of one monotonic clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .attribution.work import MIN_PAID_CALL_SECONDS, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..api.calls import Call
    from .attribution.row import Row


class UnmeasuredWork:
    """Records unmeasured cells, and guarded calls outside any measured work, in an account's row."""

    def __init__(self, row: Row) -> None:
        """Start without unmeasured work.

        Args:
            row: The account's row.
        """
        self._row = row
        self._running: Work | None = None
        self._is_busy = self._follows_measured = False
        self._resumed_at = self._computed = 0.0

    def suspend(self, now: float, computed: Callable[[], float], *, awaits: bool = False) -> None:
        """Record that the cell spends nothing for now: measured work begins, or the cell waits for a cost.

        A wait is ignored if measured work has run in the cell: what the cell did since may have been too
        short to be noticed.

        Args:
            now: The current time.
            computed: Returns the seconds that the thread has spent computing; called only if that matters.
            awaits: Whether the cell waits for a cost.
        """
        if awaits and self._follows_measured:
            return
        self._follows_measured = not awaits
        unmeasured, self._running = self._running, None
        if unmeasured is not None:
            unmeasured.ended = now
            took, own = now - self._resumed_at, computed() - self._computed
            # Many short waits don't make a paid call.
            unmeasured.computed += took if took - own < MIN_PAID_CALL_SECONDS else own

    def resume(self, now: float, computed: Callable[[], float], *, is_known: bool = False) -> None:
        """Record that measured work is over: the cell it ran in may spend again.

        Args:
            now: The current time.
            computed: Returns the seconds that the thread has spent computing; called only if that matters.
            is_known: Whether other code is known to run, even if no cell does.
        """
        works = self._row.works
        is_measured = any(work.ended is None and not work.is_anonymous for work in works)
        if not (self._is_busy or is_known) or is_measured or self._running is not None:
            return
        last = works[-1] if works else None
        is_alike = last is not None and last.is_anonymous and not last.calls
        if last is not None and is_alike and last.could_spend:
            # Unmeasured cells needn't be told apart; nothing is spent between them.
            last.computed += now - (last.ended or last.started)
            last.ended = None
        else:
            if last is not None and is_alike:
                self._row.discard(last)
            last = Work(now, is_anonymous=True)
            self._row.begin(last)
        self._running, self._resumed_at, self._computed = last, now, computed()

    def set_busy(self, now: float, computed: Callable[[], float], *, busy: bool) -> None:
        """Record that a cell not measured on this account begins or ends.

        Args:
            now: The current time.
            computed: Returns the seconds that the thread has spent computing; called only if that matters.
            busy: Whether it begins.
        """
        self._row.unattributed.knows_kernel = True
        self._is_busy = busy
        if busy:
            self._follows_measured = False
            self.resume(now, computed)
        else:
            self.suspend(now, computed)

    def add_call(self, call: Call, works: Iterable[Work]) -> None:
        """Record a guarded call that begins.

        Args:
            call: The call.
            works: The measured work it is made in; none if nobody measures it.
        """
        found = [each for each in works if not each.is_closed]
        if not found and self._running is not None:
            found = [self._running]
        if not found:
            found = [Work(call.began_at, is_anonymous=True)]
            self._row.begin(found[0])
        for work in dict.fromkeys(each for inner in found for each in (inner, *inner.enclosing)):
            work.calls.append(call)

    def end_call(self, call: Call) -> None:
        """Record that a guarded call has ended, and end any work that consisted only of that call.

        Args:
            call: The call.
        """
        if call.is_refused:
            self._end_refused(call)
            return
        for work in self._row.works:
            if self._is_only_a_call(work) and call in work.calls:
                work.ended = call.ended_at

    def _end_refused(self, call: Call) -> None:
        for work in [each for each in self._row.works if call in each.calls]:
            if self._is_only_a_call(work):
                work.ended = call.ended_at
                self._row.discard(work)
            # The last one says all that matters of them: work may ignore refusals, and go on for long.
            work.calls = [each for each in work.calls if each is call or not each.is_refused]

    def _is_only_a_call(self, work: Work) -> bool:
        return work.is_anonymous and work.ended is None and work is not self._running
