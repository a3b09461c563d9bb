"""Asks what other kernels did with one account's key, as long as a cost may include their spending.

It asks soon after the work's end, again when the cost is final or a charge came late, and then less and less
often: another kernel's work becomes known only when it ends, and may have begun long before.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from .. import runtime
from .attribution.overlaps import is_open, mark_shared, withdraw_late
from .attribution.quiet import MAX_QUIET
from .attribution.unattributed import ELSEWHERE_FOR
from .other_kernels import other_kernels

if TYPE_CHECKING:
    from ..polling.fetcher import CreditsFetcher
    from .attribution.own_time import OwnTime
    from .attribution.row import Row
    from .attribution.work import Work
    from .other_kernels import Seen

log = logging.getLogger(__name__)

THREAD_NAME = "evolink-nb-overlaps"
FIRST_AFTER = 1.0
"""Seconds after work until the first query: the imports it needs mustn't delay the line under a cell."""
MIN_PAUSE = 2.0
"""The shortest time between two queries about a cost, in seconds, unless it has become final."""
LOOKS_FOR = 3_600.0
"""Seconds after work for which its cost is checked."""
PATIENCE = 1.5
"""Seconds that a cost waits for an answer before it is called *clean*."""
MAX_WORKS = 100
"""How many final costs are still checked, newest first; a meter in a long loop makes thousands."""


class Revisable(Protocol):
    """The costs of one account."""

    def revise(self, change: Callable[[Row], bool]) -> None:
        """Change costs for a reason other than a reading.

        Args:
            change: Changes the costs, and returns whether any has changed.
        """


@dataclass(frozen=True, slots=True)
class Asked:
    """When a cost was last asked about, in seconds, and whether it was final then."""

    at: float
    was_final: bool


class OverlapChecker:
    """The thread that asks for one account; it lives while any cost may include another kernel's spending."""

    def __init__(self, fetcher: CreditsFetcher, costs: Revisable, own: OwnTime) -> None:
        """Prepare an overlap checker; `watch` starts it.

        Args:
            fetcher: The fetcher that reads the account; its clock is used.
            costs: The costs of the account.
            own: When this kernel may have spent.
        """
        self._fetcher = fetcher
        self._costs = costs
        self._own = own
        self._works: Sequence[Work] = ()
        self._asked: dict[Work, Asked] = {}
        self._answered = threading.Condition()
        self._loop = runtime.Loop(self._step, name=THREAD_NAME, timer=fetcher.clock)

    def may_become_shared(self, works: Sequence[Work]) -> set[Work]:
        """Return the work whose cost is final but may still turn out to include another kernel's spending.

        Args:
            works: Work whose cost is final, oldest first.
        """
        found = [
            each for each in works if is_open(each) and next_ask_at(each, self._asked.get(each)) < math.inf
        ]
        return set(found[-MAX_WORKS:]) if found and other_kernels.are_known(self._fetcher) else set()

    def watch(self, works: Sequence[Work]) -> None:
        """Start asking about the costs of work, if anything knows about other kernels.

        Before costs that have just become final are published as *clean*, wait briefly for an answer; a later
        answer amends them.

        Args:
            works: The work whose costs may still change; replaces the work watched before.
        """
        self._works = works
        if not any(map(is_open, works)) or not other_kernels.are_known(self._fetcher):
            return
        try:
            self._loop.start()
        except RuntimeError:
            log.exception("No thread could be started: costs can't be compared with other kernels'.")
            return
        with self._answered:
            self._answered.wait_for(lambda: all(map(self._is_answered, works)), PATIENCE)

    def stop(self, seconds: float) -> None:
        """Stop the thread; it may be started again.

        Args:
            seconds: The longest time to wait until it has stopped.
        """
        self._loop.stop(seconds)

    def _step(self) -> float | None:
        """Ask about the costs if a query is due, and return when the next one is; None for never."""
        works = [work for work in self._works if is_open(work)]
        self._asked = {work: asked for work, asked in self._asked.items() if work in works}
        now = self._fetcher.clock.monotonic()
        due = min((next_ask_at(work, self._asked.get(work)) for work in works), default=math.inf)
        if due > now:
            return None if math.isinf(due) else due
        # A cost that becomes final during this query is asked about again.
        asked = {work: Asked(now, work.is_final) for work in works}
        try:
            self._ask(works, now)
        finally:
            with self._answered:
                self._asked |= asked
                self._answered.notify_all()
        return self._fetcher.clock.monotonic()

    def _is_answered(self, work: Work) -> bool:
        asked = self._asked.get(work)
        return not work.is_final or not is_open(work) or (asked is not None and asked.was_final)

    def _ask(self, works: Sequence[Work], now: float) -> None:
        befores = [work.before.requested_at for work in works if work.before is not None]
        # Spending seen long before the work matters too, and so do the runs that explain it.
        since = min(befores, default=now) - ELSEWHERE_FOR - MAX_QUIET
        seen = other_kernels.seen(self._fetcher, since)
        if seen is not None:
            self._costs.revise(partial(self._apply, works, seen))

    def _apply(self, works: Sequence[Work], seen: Seen, row: Row) -> bool:
        has_withdrawn = withdraw_late(works, row.unattributed, seen.runs, row.quiet)
        has_marked = mark_shared(works, row.unattributed, seen, self._own, quiet=row.quiet.seconds)
        return has_withdrawn or has_marked


def next_ask_at(work: Work, asked: Asked | None) -> float:
    """Return when to ask about a cost: soon, when it becomes final, and then after twice as long each time.

    Args:
        work: The work whose cost it is.
        asked: When it was last asked about; None if never.

    Returns:
        The time in seconds of the fetcher's clock; infinity for never.
    """
    ended = work.ended or 0.0
    if work.is_final and (asked is None or not asked.was_final):
        return -math.inf
    if asked is None:
        return ended + FIRST_AFTER
    since_end = asked.at - ended
    return asked.at + max(since_end, MIN_PAUSE) if since_end < LOOKS_FOR else math.inf
