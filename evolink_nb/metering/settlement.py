"""Decides when a cost is sure: readings in, a cost and the time of the next reading out.

Pure: no thread, no lock, no clock and no callback. Times are seconds of one monotonic clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from ..credits import CreditsDelta, difference
from ..polling.backoff import PERMANENT_ERRORS
from .cost import STILL_MOVING, Cost, assess, is_frozen, is_same, is_spending, nothing_moved

if TYPE_CHECKING:
    from ..credits import Credits
    from ..errors import EvoLinkError

SETTLE = 30.0
"""Seconds after the work for which its cost is read again at most, unless the user says otherwise."""

STILL_SETTLING = "earlier work was still settling"
SUPERSEDED = "other work began before this had settled"
SPENT_ON = "the next cell spent before this settled; use --settle 30"


@dataclass(frozen=True, slots=True)
class SettleTiming:
    """How long measuring waits, in seconds.

    Attributes:
        settle: After the work, for which its cost is read again at most.
        first_pause: Between the first two of those readings, and again after each change.
        max_pause: Between two of those readings at most; the pause doubles up to this.
        shared_after: After the work, when figures that agree are believed although others spend too, or
            topped the account up.
        baseline_age: Since the last reading was asked for, while it still says how things stand when the
            next work begins.
        short_work: Work that took less is read that much later: one reading serves several short cells.
    """

    settle: float = SETTLE
    first_pause: float = 0.2
    max_pause: float = 2.0
    shared_after: float = 4.0
    baseline_age: float = 1.0
    short_work: float = 0.2


class Phase(Enum):
    """Where a measurement stands."""

    NEW = "new"
    """The work has not begun; the reading before it may be under way."""
    RUNNING = "running"
    """The work runs."""
    SETTLING = "settling"
    """The work has ended; its cost may still move."""
    FINAL = "final"
    """Nothing is read for it any more."""

    def may_become(self, other: Phase) -> bool:
        """Return whether a measurement may move from this phase to the other: only onwards, and once."""
        order = list(Phase)
        return order.index(self) < order.index(other)


class Earlier(Protocol):
    """Work that was still settling when this work began."""

    @property
    def is_zero(self) -> bool:
        """Whether it is sure that nothing was spent by it."""


@dataclass(slots=True)
class Overlaps:
    """What else may have a part in the cost of one stretch of work.

    Attributes:
        earlier: Work that was still settling when this began.
        shared: What else is known to have spent meanwhile; None if nothing.
    """

    earlier: Sequence[Earlier] = ()
    shared: str | None = None

    def mark_shared(self, reason: str) -> None:
        """Record what else may have spent meanwhile; the first reason stays.

        Args:
            reason: It, as the user reads it.
        """
        self.shared = self.shared or reason


@dataclass(frozen=True, slots=True)
class Step:
    """What one reading led to.

    Attributes:
        cost: The cost as far as it is known.
        next_read_at: When the next reading is wanted; None when the cost is final.
    """

    cost: Cost
    next_read_at: float | None


@dataclass
class Settlement:
    """The settling of one stretch of work that has ended.

    Attributes:
        before: The reading before the work; None where there was none.
        ended_at: When the work ended.
        seconds: How long it took.
        overlaps: What else may have a part in it; its owner may add to it while this settles.
        timing: How long to wait.
        trusts_zero: Whether one reading after which nothing has moved is enough.
        cost: The cost as far as it is known.
        after: The reading that `cost` was assessed by.
    """

    before: Credits | None
    ended_at: float
    overlaps: Overlaps = field(default_factory=Overlaps)
    timing: SettleTiming = field(default_factory=SettleTiming)
    seconds: float = 0.0
    trusts_zero: bool = False
    cost: Cost = field(default_factory=Cost)
    after: Credits | None = field(default=None, init=False)
    _first: Credits | None = field(default=None, init=False)
    _first_requested_at: float = field(default=0.0, init=False)
    _superseded_at: float | None = field(default=None, init=False)
    _is_final: bool = field(default=False, init=False)
    _is_hidden: bool = field(default=False, init=False)
    _pause: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._pause = self.timing.first_pause

    # -- what happens -----------------------------------------------------------------------------------

    def feed(self, reading: Credits, *, requested_at: float, now: float) -> Step:
        """Assess the cost by one more reading.

        Args:
            reading: It.
            requested_at: When it was asked for: what was spent later is not in it.
            now: The time.

        Returns:
            The cost, and when the next reading is wanted.
        """
        if self._is_final:
            return self._step(now)
        latest, self.after = self.after, reading
        if self._first is None:
            self._first, self._first_requested_at = reading, requested_at
        if self.before is None:
            self._note_unread(None)
        elif latest is None and self.trusts_zero and nothing_moved(self.before, reading):
            self.cost = assess(self.before, reading, seconds=self.seconds, stable=True)
            self._is_final = True
        elif latest is not None and self._is_spent_on(self.before, latest, reading):
            self.after = latest
            self.cost = replace(self.cost, settled=False, confidence="unsettled", reason=SPENT_ON)
            self._is_final = True
        else:
            is_stable = latest is not None and is_same(latest, reading)
            if latest is not None and not is_stable:
                self._pause = self.timing.first_pause
            self.cost = self._assess(self.before, reading, now, is_stable=is_stable)
            # Never back: it may have been cancelled meanwhile.
            if self.is_sure(now):
                self._is_final = True
        return self._step(now)

    def miss(self, error: EvoLinkError | None, *, now: float) -> Step:
        """Take note that a reading failed.

        Args:
            error: Why; None if that isn't known.
            now: The time.

        Returns:
            The cost, and when the next reading is wanted.
        """
        if not self._is_final:
            self._note_unread(error)
        return self._step(now)

    def supersede(self, now: float) -> None:
        """Record that other work begins before this has settled; from now on it may only settle.

        Args:
            now: The time.
        """
        if self._superseded_at is None:
            self._superseded_at = now

    def cancel(self) -> None:
        """End settling with what is known by now."""
        self._is_final = True

    def count_from(self, reading: Credits) -> None:
        """Leave what was spent until ``reading`` to other work.

        Args:
            reading: It stands before this work from now on.
        """
        self.before = reading

    # -- how it stands ----------------------------------------------------------------------------------

    @property
    def is_superseded(self) -> bool:
        """Whether other work began before this had settled."""
        return self._superseded_at is not None

    def is_sure(self, now: float) -> bool:
        """Return whether the cost is known and will not move.

        Args:
            now: The time.
        """
        # Others who spend go on doing so; where the counters agree none did.
        return self.cost.settled and (self._counters_agree or now - self.ended_at >= self.timing.shared_after)

    # -- the rules --------------------------------------------------------------------------------------

    def _step(self, now: float) -> Step:
        if self._is_final:
            return Step(self.cost, None)
        waited = now - self.ended_at
        # What is only believed after a while is worth no reading before.
        only_later = self.cost.settled or (self._is_hidden and self.cost.reason == STILL_MOVING)
        pause = self._pause
        if only_later:
            pause = max(self.timing.shared_after - waited, self.timing.first_pause)
        self._pause = min(self._pause * 2, self.timing.max_pause)
        if waited + pause > self.timing.settle:
            self._is_final = True
            return Step(self.cost, None)
        return Step(self.cost, now + pause)

    def _note_unread(self, error: EvoLinkError | None) -> None:
        if self.cost.credits is None:
            reason = "the balance could not be read" + (f": {error.message}" if error else "")
            self.cost = Cost(seconds=self.seconds, reason=reason, simulated=self.cost.simulated)
        # Without a reading before the work none after it says anything.
        if self.before is None or isinstance(error, PERMANENT_ERRORS):
            self._is_final = True

    def _is_spent_on(self, before: Credits, latest: Credits, reading: Credits) -> bool:
        """Return whether the work that came next spent, so that no later reading tells this one's cost."""
        if self._superseded_at is None:
            return False
        return is_spending(latest, reading, frozen=is_frozen(before, reading))

    def _assess(self, before: Credits, reading: Credits, now: float, *, is_stable: bool) -> Cost:
        # A top-up can hide calls that are not settled: figures that agree early say nothing then.
        topped_up = CreditsDelta.between(before, reading).topped_up > 0
        self._is_hidden = topped_up and now - self.ended_at < self.timing.shared_after
        return assess(
            before,
            reading,
            seconds=self.seconds,
            stable=is_stable and not self._is_hidden,
            shared=self.overlaps.shared or self._shared_with_others(reading),
        )

    def _shared_with_others(self, reading: Credits) -> str | None:
        """Return which work before or after this one may have a part in its cost."""
        if not all(earlier.is_zero for earlier in self.overlaps.earlier):
            return STILL_SETTLING
        if self._superseded_at is None or self._first is None:
            return None
        # What came next has no part in a reading asked for before it began; nor later, while the key's
        # counter stands where it stood: settling for less could hide that something was spent.
        in_time = self._first_requested_at <= self._superseded_at
        return None if in_time and _same_token(self._first, reading) else SUPERSEDED

    @property
    def _counters_agree(self) -> bool:
        token, user = self.cost.token, self.cost.user
        return token is not None and user is not None and difference(token, user) == 0


def _same_token(earlier: Credits, later: Credits) -> bool:
    delta = CreditsDelta.between(earlier, later)
    same_limit = earlier.token.unlimited == later.token.unlimited
    return delta.token == 0 and delta.token_drop == 0 and same_limit
