"""One stretch of work: a reading before it, one after, and more until they agree."""

from __future__ import annotations

import contextlib
import copy
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import errors
from ..credits import CreditsDelta
from ..polling.backoff import PERMANENT_ERRORS
from ..polling.clock import Clock
from . import ledger
from .active import UnderWay
from .cost import STILL_MOVING, Cost, assess, goes_on, is_frozen, is_settling
from .settler import Settler, read

if TYPE_CHECKING:
    from ..credits import Credits
    from ..polling.fetcher import CreditsFetcher

log = logging.getLogger(__name__)

SETTLE = 30.0
"""Seconds after the work for which its cost is read again at most."""
FIRST_PAUSE, MAX_PAUSE = 0.2, 2.0
"""Seconds between two of those readings: the first, doubled up to the longest, and anew after each change."""
SHARED_AFTER = 4.0
"""Seconds after which figures that agree are believed although others spend too, or topped the account up."""
HISTORY = 20
"""Readings before the work that are looked at for calls that had not settled."""

AT_THE_SAME_TIME = "other metered work ran at the same time"
STILL_SETTLING = "earlier work was still settling"
FOLLOWED = "other work began before this had settled"
SPENT_ON = "what came next spent before this had settled"


class Measurement:
    """Measures one stretch of work on the account of ``fetcher``.

    `start` and `stop` read the balance and end the work, `settle` reads on until the cost is sure. Errors of
    reading never reach the work: the cost is then *unknown*. ``on_change`` is called with it whenever its
    ``cost`` changes, ``on_finish`` when that is over, and before both ``on_begin`` when it is known how
    things stood before; all on the thread that settles.
    """

    def __init__(
        self,
        fetcher: CreditsFetcher,
        *,
        settle: float = SETTLE,
        whole: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """Take the fetcher to read with, and the seconds that settling may take.

        ``whole`` work is all that the kernel does meanwhile, a cell: what is measured inside it, on any
        thread, is part of it.
        """
        self.fetcher = fetcher
        self.before: Credits | None = None
        self.after: Credits | None = None
        self.cost = Cost()
        self.on_begin: Callable[[Measurement], None] | None = None
        self.on_change: Callable[[Measurement], None] | None = None
        self.on_finish: Callable[[Measurement], None] | None = None
        self.whole = whole
        self.is_over = False
        self._clock = clock or Clock()
        self._limit = settle
        self._disturbed: str | None = None
        self._followed_at: float | None = None
        self._first: Credits | None = None
        self._first_asked_at = 0.0
        self._given_up = threading.Event()
        self._told, self._finished = threading.Event(), threading.Event()
        self._started = self._ended = 0.0
        self._began_at = self._ended_at = self._clock.now()
        self._hidden = False
        self._around: list[Measurement] = []
        self._settling: list[Measurement] = []
        self._taking = threading.Lock()
        self._pause = FIRST_PAUSE
        self._due_at = 0.0
        self._keep: Callable[[Cost], None] | None = None

    # -- the work --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Read the balance, and begin."""
        self.enter()
        self.begin()

    def enter(self) -> None:
        """Take a place among the measurements around the running code, and tell those beside it."""
        others = under_way.enter(self)
        self._around, self._settling = others.around, others.settling
        for other in others.beside:
            self._meet(other)

    def begin(self) -> None:
        """Take the reading before the work; its seconds count from here."""
        history = self.fetcher.readings[-HISTORY:]
        self.before = self._read()
        if self.before is not None:
            # What ended before gets it too: it is the last one that this work has no part in.
            for earlier in self._settling:
                earlier.offer(self.before)
            if is_settling(history, self.before):
                self.disturb("earlier calls were still settling")
        self._begin_at_once()

    def _begin_at_once(self) -> None:
        """Let the work, and its seconds, begin here."""
        for earlier in self._settling:
            earlier.follow()
        # One that is sure may be on its way out still.
        self._settling = [each for each in self._settling if not (each.wait(0) or each._is_sure())]
        known = self.before or self.fetcher.credits
        self.cost = Cost(simulated=known is not None and known.simulated)
        self._started, self._began_at = self._clock.monotonic(), self._clock.now()

    def disturb(self, reason: str) -> None:
        """Say what else may have been spent meanwhile: the cost can't be clean any more."""
        self._disturbed = self._disturbed or reason

    @property
    def is_zero(self) -> bool:
        """Whether it is sure that nothing was spent."""
        return self.cost.confidence == "clean" and self.cost.settled and not self.cost.credits

    def follow(self) -> None:
        """Say that something else begins before this has settled; from now on it may only settle."""
        if self.is_over and self._followed_at is None:
            self._followed_at = self._clock.monotonic()

    @property
    def is_followed(self) -> bool:
        """Whether something else began before this had settled."""
        return self._followed_at is not None

    def stop(self) -> None:
        """End the stretch of work; its cost is first known after `settle`."""
        self._ended, self._ended_at = self._clock.monotonic(), self._clock.now()
        self.is_over = True
        self.leave()
        if any(outer.is_over for outer in self._around):
            # A thread or a task that outlives what began it is beside that, not within.
            self.disturb(AT_THE_SAME_TIME)

    def abandon(self) -> None:
        """End work that never began; there is nothing to settle."""
        self.stop()
        self.finish()

    def unreadable(self) -> errors.EvoLinkError:
        """Give the error for which there is no reading."""
        error = self.fetcher.error or errors.EvoLinkError("The balance could not be read.")
        return copy.copy(error)

    def leave(self) -> None:
        """Give up the place among the measurements around the running code."""
        under_way.leave(self)

    @property
    def began_at(self) -> datetime:
        """When the work began; aware."""
        return self._began_at

    @property
    def ended_at(self) -> datetime:
        """When the work ended; aware."""
        return self._ended_at

    def record(self, kind: ledger.Kind, *, key: str, name: str, items: int = 0) -> None:
        """Enter the work into this kernel's ledger, and amend the entry as the cost gets sure."""
        book = ledger.current()
        entry = ledger.Entry(
            key=key,
            name=name,
            kind=kind,
            began_at=self._began_at,
            cost=self.cost,
            items=items,
            within=any(not outer.is_over for outer in self._around),
        )
        with _harming_nobody():
            self._keep = partial(book.amend, book.record(entry))

    @property
    def is_recorded(self) -> bool:
        """Whether the work is in the ledger."""
        return self._keep is not None

    @property
    def seconds(self) -> float:
        """How long the work took, or has taken so far."""
        return (self._ended if self.is_over else self._clock.monotonic()) - self._started

    # -- settling --------------------------------------------------------------------------------------

    def settle(self) -> Cost:
        """Read until the cost is settled, or until the time for that is up, and give it."""
        try:
            while not self.take(self._read()):
                self._clock.pause(self._given_up, self._due_at - self._clock.monotonic())
        finally:
            self.finish()
        return self.cost

    def settle_in_background(self, after: float = 0.0) -> None:
        """Settle on the thread that settles all of this account's work, ``after`` so many seconds."""
        self._due_at = self._clock.monotonic() + after
        Settler.of(self.fetcher).take_on(self)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until settling has ended, ``seconds`` at most, and tell whether it has."""
        return self._finished.wait(seconds)

    def wait_for_first(self, seconds: float) -> bool:
        """Wait until there is any figure, or never will be, ``seconds`` at most, and tell whether it came."""
        return self._told.wait(seconds)

    def cancel(self) -> None:
        """End settling with what is known by now."""
        self._given_up.set()

    @property
    def due_at(self) -> float:
        """When the next reading is wanted, in the clock's seconds; at once after `cancel`."""
        return 0.0 if self._given_up.is_set() else self._due_at

    def offer(self, reading: Credits) -> None:
        """Take a reading that was made for something else."""
        if self.take(reading):
            self.cancel()

    @property
    def is_unread(self) -> bool:
        """Whether nothing was read yet since the work ended, and may still be."""
        return self.after is None and not self._finished.is_set()

    def take(self, reading: Credits | None) -> bool:
        """Judge by one more reading, None where it failed, and tell whether settling has ended."""
        with self._taking:
            if self._given_up.is_set() or self._take(reading):
                return True
            now = self._clock.monotonic()
            # What is only believed after a while is worth no reading before.
            only_later = self.cost.settled or (self._hidden and self.cost.reason == STILL_MOVING)
            pause = max(SHARED_AFTER - self._waited, FIRST_PAUSE) if only_later else self._pause
            self._due_at = now + pause
            over = self._waited + pause > self._limit
            self._pause = min(self._pause * 2, MAX_PAUSE)
            return over

    def finish(self) -> None:
        """Give up the place among what is under way."""
        under_way.finish(self)
        self._finished.set()
        self._told.set()
        if self.on_finish is not None:
            self.on_finish(self)

    def _take(self, reading: Credits | None) -> bool:
        self._tell_begun()
        latest, self.after = self.after, reading or self.after
        if reading is not None and self._first is None:
            self._first, self._first_asked_at = reading, self.fetcher.requested_at
        if reading is None or self.before is None:
            self._tell_unread()
            return self.before is None or isinstance(self.fetcher.error, PERMANENT_ERRORS)
        if latest is not None and self._followed_at is not None and self._goes_on(latest, reading):
            self.after = latest
            self._tell(replace(self.cost, settled=False, confidence="unsettled", reason=SPENT_ON))
            return True
        agreed = latest is not None and _figures(reading) == _figures(latest)
        if latest is not None and not agreed:
            self._pause = FIRST_PAUSE
        self._tell(self._judge(reading, agreed=agreed))
        return self._is_sure()

    def _tell_begun(self) -> None:
        """Tell, once, that it is known how things stood before the work."""
        tell, self.on_begin = self.on_begin, None
        if tell is not None:
            tell(self)

    def _judge(self, reading: Credits, *, agreed: bool) -> Cost:
        assert self.before is not None  # for mypy: seen to by the caller  # noqa: S101
        # A top-up can hide calls that are not settled: figures that agree early say nothing then.
        self._hidden = (
            CreditsDelta.between(self.before, reading).topped_up > 0 and self._waited < SHARED_AFTER
        )
        agreed = agreed and not self._hidden
        disturbed = self._disturbed or self._disturbed_by_others(reading)
        return assess(self.before, reading, seconds=self.seconds, agreed=agreed, disturbed=disturbed)

    def _disturbed_by_others(self, reading: Credits) -> str | None:
        """Tell which work before or after this one may have a part in its cost."""
        if not all(earlier.is_zero for earlier in self._settling):
            return STILL_SETTLING
        if self._followed_at is None:
            return None
        # What came next has no part in a reading asked for before it began; nor later, while the key's
        # counter stands where it stood: settling for less could hide that something was spent.
        in_time = self._first is not None and self._first_asked_at <= self._followed_at
        if in_time and self._first is not None and reading.token == self._first.token:
            return None
        return FOLLOWED

    def _is_sure(self) -> bool:
        # Others who spend go on doing so; where the counters agree none did.
        return self.cost.settled and (self._agree or self._waited >= SHARED_AFTER)

    @property
    def _agree(self) -> bool:
        return self.cost.token is not None and self.cost.token == self.cost.user

    @property
    def settled_in(self) -> float:
        """Seconds from the end of the work to the reading that its cost is judged by."""
        return 0.0 if self.after is None else max((self.after.read_at - self._ended_at).total_seconds(), 0.0)

    @property
    def _waited(self) -> float:
        return self._clock.monotonic() - self._ended

    def _goes_on(self, earlier: Credits, later: Credits) -> bool:
        assert self.before is not None  # for mypy: as above  # noqa: S101
        return goes_on(earlier, later, frozen=is_frozen(self.before, later))

    def _meet(self, other: Measurement) -> None:
        """Take note of work that is under way already, outside this one."""
        if other.whole:
            self._around.append(other)
        else:
            other.disturb(AT_THE_SAME_TIME)
            self.disturb(AT_THE_SAME_TIME)

    def _read(self) -> Credits | None:
        return read(self.fetcher)

    def _tell_unread(self) -> None:
        if self.cost.credits is None:
            error = self.fetcher.error
            reason = "the balance could not be read" + (f": {error.message}" if error else "")
            self._tell(Cost(seconds=self.seconds, reason=reason, simulated=self.cost.simulated))

    def _tell(self, cost: Cost) -> None:
        if cost == self.cost:
            return
        self.cost = cost
        self._told.set()
        if self._keep is not None:
            with _harming_nobody():
                self._keep(cost)
        if self.on_change is not None:
            self.on_change(self)


under_way: UnderWay[Measurement] = UnderWay()
"""The measurements of this process whose cost is not sure yet."""


def follow_all() -> None:
    """Tell all that is still settling that other work begins, which may spend."""
    for each in under_way.all():
        each.follow()


def stop_all() -> None:
    """End all settling with what is known by now, giving up reads under way."""
    settling = under_way.all()
    for each in settling:
        each.cancel()
        each.fetcher.client.close()
        Settler.of(each.fetcher).wake()
    deadline = time.monotonic() + 2.0
    for each in settling:
        if each.is_over:
            each.wait(max(deadline - time.monotonic(), 0.0))


@contextlib.contextmanager
def _harming_nobody() -> Iterator[None]:
    """Let a ledger that fails, as a store of somebody's own may, harm neither the work nor its settling."""
    try:
        yield
    except Exception:
        log.exception("A cost could not be kept in the ledger.")


def _figures(credits: Credits) -> tuple[Any, ...]:
    return credits.token, credits.user
