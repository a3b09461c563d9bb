"""Measures work that must not wait for a reading: every cell, while tracking is on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .cost import Cost, assess
from .measurement import Measurement
from .settler import Settler

if TYPE_CHECKING:
    from ..credits import Credits

MAX_BASELINE_AGE = 1.0
"""Seconds for which a reading still says how things stand when the next work begins."""
SHORT = 0.2
"""Seconds of work under which its cost is read that much later: one reading serves a row of short cells."""
MIN_CALL_SECONDS = 0.02
"""Seconds that a call over the internet takes at least: work that waited less has hardly made one."""

SPENT_BEFORE = "credits were spent before this, or in its first moments"
READ_EARLIER = "some of it may have been spent before this"
IN_A_ROW = "what ran right before or after it may have spent some of it"


class BackgroundMeasurement(Measurement):
    """Measures without a reading of its own before the work.

    It takes the last reading there is, and has another taken while the work begins. Where the two are alike
    that is how things stood; else what was spent between them is nobody's, and the cost is *shared*. Work
    after which nothing has moved is settled at once.

    Pieces of work in a row, with no reading between them, can't be told apart: what moved is the cost of the
    one that waited longest, as calls do, and is *shared*. It is never counted twice.
    """

    _known: Credits | None = None
    _computed_before = _computed = 0.0
    _row: list[BackgroundMeasurement]

    def begin(self) -> None:
        """Begin at once; the fetcher's thread, which must run, reads beside the work."""
        self._computed_before = time.thread_time()
        self._join_row()
        self._begin_at_once()
        self._known = self.fetcher.credits
        if self._known is not None:
            age = (self.began_at - self._known.read_at).total_seconds()
            if age <= MAX_BASELINE_AGE:
                self.before = self._known
        if self.before is None:
            self.fetcher.refresh()

    def stop(self) -> None:
        """End the work; what of its time it did not compute, it waited."""
        self._computed = time.thread_time() - self._computed_before
        super().stop()

    def settle_in_background(self, after: float = 0.0) -> None:
        """As `Measurement.settle_in_background`, a little later after short work."""
        super().settle_in_background(after or (SHORT if self.seconds < SHORT else 0.0))

    def _take(self, reading: Credits | None) -> bool:
        if self.before is None:
            self._find_before()
        # Now: what moves the reading before on, in a row, is what another piece of it spent.
        self._tell_begun()
        if reading is not None and self.before is not None and self.after is None:
            nothing = assess(self.before, reading, seconds=self.seconds, agreed=True)
            if not _is_nothing(nothing) and not self._takes_all_of_row(reading):
                self.before = reading
                nothing = assess(reading, reading, seconds=self.seconds, agreed=True)
            if _is_nothing(nothing):
                self.after = reading
                self._tell(nothing)
                return True
        return super()._take(reading)

    def _join_row(self) -> None:
        """Take a place behind work that has ended, but after which nothing was read yet."""
        earlier = [each for each in self._settling if isinstance(each, BackgroundMeasurement)]
        unread = [each for each in earlier if each.is_unread]
        self._row = unread[0]._row if unread else []
        self._row[:] = [*unread, self]
        # Read now, and it shows what they spent before this has spent anything.
        for each in unread:
            if each._waiting >= MIN_CALL_SECONDS:
                each._due_at = each._clock.monotonic()
                Settler.of(self.fetcher).wake()

    @property
    def _waiting(self) -> float:
        """The seconds of it that were spent waiting; while it runs only its own thread could tell."""
        return self.seconds - self._computed

    def _takes_all_of_row(self, reading: Credits) -> bool:
        """Tell whether what moved up to the first reading after a row of work is the cost of this piece."""
        row = [each for each in self._row if each is self or each.is_unread]
        # What still runs began with this reading: it hardly had the time, unless nothing else had any.
        could = [each for each in row if each.is_over and each._waiting >= MIN_CALL_SECONDS] or row
        if max(could, key=lambda each: each._waiting) is not self:
            return False
        for other in row:
            if other is not self:
                other.before = reading
                other.disturb(IN_A_ROW)
                self.disturb(IN_A_ROW)
        return True

    def _find_before(self) -> None:
        """Settle how things stood before, by the last reading before the work and the first one beside it."""
        beside = (each for each in self.fetcher.readings if self.began_at < each.read_at <= self.ended_at)
        first = next(beside, None)
        if self._known is None or (first is not None and _moved(self._known, first)):
            self.before = first
            self.disturb(SPENT_BEFORE)
        else:
            self.before = self._known
            if first is None:
                self.disturb(READ_EARLIER)


def _moved(earlier: Credits, later: Credits) -> bool:
    return (earlier.token, earlier.user) != (later.token, later.user)


def _is_nothing(cost: Cost) -> bool:
    return not cost.user and not cost.token and not cost.topped_up and not cost.others
