"""Decides when a cost is sure: takes readings, returns a cost and the time of the next reading.

Pure: no thread, lock, clock or callback. Times are seconds of one monotonic clock.
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
"""The longest time to keep reading the cost after the work, in seconds, unless the user says otherwise."""

STILL_SETTLING = "earlier work was still settling"
SUPERSEDED = "other work began before this had settled"
SPENT_ON = "the next cell spent before this settled; use --settle 30"


@dataclass(frozen=True, slots=True)
class SettleTiming:
    """How long measuring waits, in seconds.

    Attributes:
        settle: The longest time to keep reading the cost after the work.
        first_pause: Pause between the first two of those readings, and again after each change.
        max_pause: The longest pause between two of those readings; the pause doubles up to this.
        shared_after: Time after the work from which figures that agree are believed even if others spend too,
            or topped up the account.
        baseline_age: The greatest age, since its request, of a reading that still serves as the next work's
            baseline.
        short_work: Work shorter than this is read that much later: one reading serves several short cells.
    """

    settle: float = SETTLE
    first_pause: float = 0.2
    max_pause: float = 2.0
    shared_after: float = 4.0
    baseline_age: float = 1.0
    short_work: float = 0.2


class Phase(Enum):
    """The phases of a measurement."""

    NEW = "new"
    """The work has not begun; its baseline reading may be in flight."""
    RUNNING = "running"
    """The work is running."""
    SETTLING = "settling"
    """The work has ended; its cost may still change."""
    FINAL = "final"
    """Nothing more is read for it."""

    def may_become(self, other: Phase) -> bool:
        """Return whether a measurement may move from this phase to the other: only forwards, and once."""
        order = list(Phase)
        return order.index(self) < order.index(other)


class Earlier(Protocol):
    """Work that was still settling when this work began."""

    @property
    def is_zero(self) -> bool:
        """Whether it is certain that it spent nothing."""


@dataclass(slots=True)
class Overlaps:
    """What else may contribute to the cost of one stretch of work.

    Attributes:
        earlier: Work that was still settling when this began.
        shared: What else is known to have spent meanwhile, if anything.
    """

    earlier: Sequence[Earlier] = ()
    shared: str | None = None

    def mark_shared(self, reason: str) -> None:
        """Record what else may have spent meanwhile; the first reason stays.

        Args:
            reason: The reason, as shown to the user.
        """
        self.shared = self.shared or reason


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one reading.

    Attributes:
        cost: The cost, as far as known.
        next_read_at: When the next reading is wanted; None if the cost is final.
    """

    cost: Cost
    next_read_at: float | None


@dataclass
class Settlement:
    """The settling of one stretch of work that has ended.

    Attributes:
        before: The reading before the work, if any.
        ended_at: When the work ended.
        seconds: How long it took.
        overlaps: What else may contribute to its cost; the owner may add to it during settling.
        timing: How long to wait.
        trusts_zero: Whether a single reading that shows no change is enough.
        cost: The cost, as far as known.
        after: The reading `cost` was assessed by.
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

    # -- events -----------------------------------------------------------------------------------------

    def feed(self, reading: Credits, *, requested_at: float, now: float) -> Step:
        """Assess the cost by one more reading.

        Args:
            reading: The reading.
            requested_at: When it was requested: later spending is not in it.
            now: The current time.

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
            # Never backwards: it may have been cancelled meanwhile.
            if self.is_sure(now):
                self._is_final = True
        return self._step(now)

    def miss(self, error: EvoLinkError | None, *, now: float) -> Step:
        """Record that a reading failed.

        Args:
            error: The cause; None if unknown.
            now: The current time.

        Returns:
            The cost, and when the next reading is wanted.
        """
        if not self._is_final:
            self._note_unread(error)
        return self._step(now)

    def supersede(self, now: float) -> None:
        """Record that other work begins before this has settled; from now on it may only settle.

        Args:
            now: The current time.
        """
        if self._superseded_at is None:
            self._superseded_at = now

    def cancel(self) -> None:
        """End settling with what is known so far."""
        self._is_final = True

    def count_from(self, reading: Credits) -> None:
        """Leave spending up to ``reading`` to other work.

        Args:
            reading: The new baseline reading.
        """
        self.before = reading

    # -- state ------------------------------------------------------------------------------------------

    @property
    def is_superseded(self) -> bool:
        """Whether other work began before this had settled."""
        return self._superseded_at is not None

    def is_sure(self, now: float) -> bool:
        """Return whether the cost is known and can no longer change.

        Args:
            now: The current time.
        """
        # Others who spend may go on; where the counters agree, none did.
        return self.cost.settled and (self._counters_agree or now - self.ended_at >= self.timing.shared_after)

    # -- the rules --------------------------------------------------------------------------------------

    def _step(self, now: float) -> Step:
        if self._is_final:
            return Step(self.cost, None)
        waited = now - self.ended_at
        # A cost that is only believed after a while needs no reading before that.
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
        # Without a reading before the work, none after it says anything.
        if self.before is None or isinstance(error, PERMANENT_ERRORS):
            self._is_final = True

    def _is_spent_on(self, before: Credits, latest: Credits, reading: Credits) -> bool:
        """Return whether the next work spent, so that later readings can't give this work's cost."""
        if self._superseded_at is None:
            return False
        return is_spending(latest, reading, frozen=is_frozen(before, reading))

    def _assess(self, before: Credits, reading: Credits, now: float, *, is_stable: bool) -> Cost:
        # A top-up can hide unsettled calls: early agreement then proves nothing.
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
        """Return the earlier or later work that may contribute to this cost."""
        if not all(earlier.is_zero for earlier in self.overlaps.earlier):
            return STILL_SETTLING
        if self._superseded_at is None or self._first is None:
            return None
        # The next work isn't in a reading requested before it began; nor in a later one, if the key's counter
        # hasn't moved: settling for less could hide spending.
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
