"""Reads the balance between the items of a loop with a limit, until it is known if the next one may begin."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ... import runtime
from ...api.calls import calls
from ...errors import EvoLinkError
from ..budgets.blindness import MAX_BLIND
from .spend import LoopSpend, Verdict
from .text import Fact, waiting_facts
from .under_way import LagTiming

if TYPE_CHECKING:
    from ...api.calls import Call
    from ...polling.fetcher import CreditsFetcher

EVERY = 5.0
"""Seconds between two readings of a loop without a limit, unless told otherwise."""
UNREADABLE = "the balance can't be read, trying again"


@dataclass(frozen=True, slots=True)
class LoopTiming:
    """How long a loop waits, and how often it shows something.

    Attributes:
        every: Seconds between two readings of a loop without a limit.
        max_blind: Seconds for which a loop with a limit tries to read the balance before an item.
        first_pause: Seconds between the first two attempts; doubled for each further one.
        max_pause: The longest time between two attempts, in seconds.
        lag: How long an item's charge may take to show.
        first_look: Seconds between the first two readings that wait for a charge; doubled for each further
            one.
        max_look: The longest time between two such readings, in seconds.
        last_wait: Seconds for which a loop waits at its end for its cost to settle.
        max_age: Seconds after which the bar shows the age of its reading, unless readings are less frequent.
        redraw: The shortest time between two changes of the bar's text, in seconds; tqdm's default.
    """

    every: float = EVERY
    max_blind: float = MAX_BLIND
    first_pause: float = 1.0
    max_pause: float = 8.0
    lag: LagTiming = field(default_factory=LagTiming)
    first_look: float = 0.2
    max_look: float = 1.0
    last_wait: float = 1.0
    max_age: float = 10.0
    redraw: float = 0.1

    def looks(self) -> Iterator[float]:
        """Yield the pauses between readings that wait for a charge, in seconds."""
        return _doubling(self.first_look, self.max_look)

    def attempts(self) -> Iterator[float]:
        """Yield the pauses between attempts to read the balance, in seconds."""
        return _doubling(self.first_pause, self.max_pause)


class LoopReader:
    """Takes the readings of one loop. Its waits end when the loop is ended, from any thread.

    Attributes:
        ended: Set when the loop ends.
        unread: Why the balance could not be read before the next item; None if it could.
    """

    def __init__(
        self,
        fetcher: CreditsFetcher,
        spend: LoopSpend,
        timing: LoopTiming,
        show: Callable[[tuple[Fact, ...]], None],
    ) -> None:
        """Prepare to read.

        Args:
            fetcher: The fetcher that reads the account.
            spend: Records the readings.
            timing: How long to wait.
            show: Shows what the loop is waiting for.
        """
        self.ended = threading.Event()
        self.unread: str | None = None
        self._fetcher = fetcher
        self._spend = spend
        self._timing = timing
        self._show = show
        self._calls_since = fetcher.clock.monotonic()

    def read(self, done: int, *, no_wait: bool) -> None:
        """Read the balance; repeat while charges still to come may decide whether the next item may begin.

        Args:
            done: The number of items done.
            no_wait: Whether to read only once, because waiting wouldn't help.
        """
        for pause in self._timing.looks():
            if not self.read_once():
                return
            self._spend.record(self._fetcher.readings, done)
            if no_wait or self._spend.decide() is not Verdict.WAIT:
                return
            self._show(waiting_facts(self._spend))
            if runtime.wait_for(self.ended, pause):
                return

    def read_once(self) -> bool:
        """Read the balance, retrying for a while.

        Returns:
            Whether it was read; if not, ``unread`` says why, unless the loop has ended.
        """
        clock = self._fetcher.clock
        deadline = clock.monotonic() + self._timing.max_blind
        for pause in self._timing.attempts():
            try:
                self._fetcher.read(join=False)
            except EvoLinkError as error:
                self.unread = error.message
                # Retry after any error: a gateway's temporary 401 is no reason to end the work.
                pause_now = max(pause, self._fetcher.retry_after_left)
                if clock.monotonic() + pause_now > deadline:
                    return False
            else:
                self.unread = None
                return True
            self._show((Fact(UNREADABLE),))
            if runtime.wait_for(self.ended, pause_now):
                return False
        raise AssertionError("the attempts don't end by themselves")

    def calls_made(self) -> list[Call]:
        """Return the guarded calls that began since this was last called."""
        since, self._calls_since = self._calls_since, self._fetcher.clock.monotonic()
        made = calls.recent(self._fetcher.client.identity)
        return [call for call in made if since <= call.began_at < self._calls_since]


def _doubling(first: float, longest: float) -> Iterator[float]:
    pause = first
    while True:
        yield pause
        pause = min(pause * 2, longest)
