"""Decides what a budget does at each reading. Pure: no thread, lock, clock or callback.

    resting ──start──▶ watching ────must stop────▶ tripped ───goes on────▶ repeated ───goes on────▶ stuck
       ▲                  │ ╲                       ▲ │ ╲─────── runs on for long ──────╲────────────▶ │
       │                  │  ╲──guarded──▶ closed ──╯ │                        │                       │
       └────────────────stop─────────────────┴────────┴────────────────────────┴───────────────────────┘

Work must stop if its limit is reached, or if the balance can't be read for too long (`blindness`). Work
that makes guarded calls isn't interrupted at once: answers that are already paid for may arrive, and the next
call is refused. It is interrupted only if it goes on after the grace period. Work that runs on after an
interrupt may be cleaning up. It is interrupted again only if it goes on regardless (`repetition`).

`Watch` receives readings and returns actions, which `budget` takes in order. Times are monotonic, in seconds.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING

from ...credits import difference
from .blindness import Blindness, Sight
from .earlier_spending import EarlierSpending
from .grace import Grace
from .read_pace import ReadPace
from .repetition import Repetition
from .watch_actions import (
    Action,
    AnnounceBlind,
    AnnounceStuck,
    ClearNotice,
    ReadEvery,
    Refuse,
    Trip,
    Warn,
)

if TYPE_CHECKING:
    from ...errors import EvoLinkError
    from .watch_timing import WatchTiming


class State(Enum):
    """The states of a budget."""

    RESTING = "resting"
    """There is no work to watch."""
    WATCHING = "watching"
    """Work is running, and may spend more."""
    CLOSED = "closed"
    """Work must stop: guarded calls are refused, but it may go on for the grace period."""
    TRIPPED = "tripped"
    """Work must stop, and was interrupted."""
    REPEATED = "repeated"
    """The work was interrupted again because it went on."""
    STUCK = "stuck"
    """The work is still running, and this has been announced."""


_NEXT = {
    State.RESTING: {State.WATCHING},
    State.WATCHING: {State.CLOSED, State.TRIPPED, State.RESTING},
    State.CLOSED: {State.WATCHING, State.TRIPPED, State.RESTING},
    State.TRIPPED: {State.REPEATED, State.STUCK, State.RESTING},
    State.REPEATED: {State.STUCK, State.RESTING},
    State.STUCK: {State.RESTING},
}


class Watch:
    """Decides what a limit in credits means for running work."""

    def __init__(self, limit: Decimal, timing: WatchTiming, *, warn_at: Decimal | None = None) -> None:
        """Start at rest.

        Args:
            limit: Credits that may be spent; above 0.
            timing: How often to check, and how long to wait.
            warn_at: Credits at which to warn, once; None for no warning.
        """
        self.spent = Decimal(0)
        self._limit = limit
        self._timing = timing
        self._state = State.RESTING
        self._earlier = EarlierSpending(timing.repeat_after)
        self._pace = ReadPace(timing)
        self._tripped_at = 0.0
        self._repetition = Repetition(timing)
        self._grace = Grace(timing.grace, recently=2 * timing.interval)
        self._newly_spent = Decimal(0)
        self._announced: set[type[Action]] = set()
        self._blindness = Blindness(timing.max_blind, failures=timing.failures)
        self._warn_at = warn_at

    @property
    def state(self) -> State:
        """The current state."""
        return self._state

    def reaches_limit(self, spent: Decimal) -> bool:
        """Return whether ``spent`` reaches the limit."""
        # Amounts that differ only by dust count as equal, but spending nothing never reaches a limit.
        return spent > 0 and difference(spent, self._limit) >= 0

    def start(self, now: float, *, spent: Decimal = Decimal(0)) -> list[Action]:
        """Start watching work.

        Args:
            now: When it begins.
            spent: Credits already spent that count.

        Returns:
            The actions to take.
        """
        self._move(State.WATCHING)
        self.spent = spent
        self._earlier.begin_work(spent if self.reaches_limit(spent) else None)
        self._grace.reset()
        self._announced.clear()
        self._blindness.start(now)
        return [ReadEvery(self._pace.start(now))]

    def observe(
        self,
        spent: Decimal | None,
        error: EvoLinkError | None,
        now: float,
        *,
        shows_until: float = float("inf"),
        is_rate_limited: bool = False,
        is_running: bool = True,
        is_guarded: bool = False,
        is_stopped_by_other: bool = False,
    ) -> list[Action]:
        """Record what the newest reading shows.

        Args:
            spent: Credits spent so far; None if there is no new reading.
            error: Why the last read failed; None if it didn't. The same object means the same failure.
            now: The current time.
            shows_until: Until when the new reading shows all charges; infinity if it does by now.
            is_rate_limited: Whether a Retry-After applies.
            is_running: Whether the work is still running, as far as is known.
            is_guarded: Whether the work has made guarded calls, which can be refused.
            is_stopped_by_other: Whether another budget is stopping the same work: only the first to trip is
                named.

        Returns:
            The actions to take, in this order; none while at rest.
        """
        if self._state is State.RESTING:
            return []
        return [
            *self._check_sight(error, now, has_read=spent is not None, is_rate_limited=is_rate_limited),
            *([] if spent is None else self._record(spent, now)),
            *(
                self._trip(now, shows_until, is_guarded=is_guarded, is_stopped_by_other=is_stopped_by_other)
                if self._state in {State.WATCHING, State.CLOSED}
                else self._repeat(spent, shows_until, now, is_running=is_running)
            ),
        ]

    def refuse(self, spent: Decimal, now: float) -> list[Action]:
        """Decide on a guarded call that is about to be sent.

        Args:
            spent: Credits spent so far, according to readings and receipts.
            now: The current time.

        Returns:
            The actions to take; none if the call may be sent.
        """
        is_over, unread = self.reaches_limit(spent), self._blindness.unread(now)
        if not is_over and unread is None:
            return []
        if self._state is State.WATCHING:
            self._close(now)
        self.spent = spent
        self._grace.refuse(now)
        return [Refuse(self._over(), None if is_over else unread)]

    def check_within(self, now: float) -> float:
        """Return when to call `observe` again at the latest, even without a reading.

        Args:
            now: The current time.

        Returns:
            Seconds from now; infinity if only readings matter.
        """
        is_blind = self._state is not State.RESTING and self._blindness.sight is not Sight.SEEING
        return (self._blindness.seconds_left(now) or self._timing.interval) if is_blind else float("inf")

    def stop(self, now: float) -> list[Action]:
        """Stop watching: the work has ended.

        Args:
            now: The current time.

        Returns:
            The actions to take; the same if called again.
        """
        if self._state is not State.RESTING:
            self._earlier.end_work(now, was_stopped=self._state is not State.WATCHING)
            self._move(State.RESTING)
        return [ClearNotice()] if self._announced else []

    def _move(self, to: State) -> None:
        """Change the state. Nothing else does."""
        if to not in _NEXT[self._state]:
            raise AssertionError(f"a budget that is {self._state.value} can't be {to.value} next")
        self._state = to

    def _record(self, spent: Decimal, now: float) -> list[Action]:
        """Record the spending, and read more often the sooner the limit may be reached."""
        self._newly_spent = difference(spent, self.spent)
        self.spent = spent
        if self._state is not State.WATCHING and self._newly_spent <= 0:
            return [ReadEvery(self._pace.record_rest(now))]
        left = difference(self._limit, spent)
        return [ReadEvery(self._pace.record(spent, self._newly_spent, left, now)), *self._warn()]

    def _warn(self) -> list[Action]:
        is_due = self._warn_at is not None and difference(self.spent, self._warn_at) >= 0
        if not is_due or self.reaches_limit(self.spent):
            return []
        self._warn_at = None
        return [Warn()]

    def _trip(
        self, now: float, shows_until: float, *, is_guarded: bool, is_stopped_by_other: bool
    ) -> list[Action]:
        has_spent = self._earlier.check(self.spent, shows_until)
        is_over, unread = self.reaches_limit(self.spent) and has_spent, self._blindness.unread(now)
        if not is_over and unread is None:
            if self._state is State.CLOSED and not self._grace.was_refused:
                self._move(State.WATCHING)  # it was other work's spending after all
            return []
        if is_guarded and self._state is State.WATCHING:
            self._close(now)
        is_closed = self._state is State.CLOSED
        may_go_on = is_closed and not self._grace.is_outlasted(now, is_spending=self._newly_spent > 0)
        if is_stopped_by_other or may_go_on:
            return []
        self._move(State.TRIPPED)
        self._tripped_at = now
        first = self._repetition.interrupt(now, is_first=True)
        return [Trip(self._over(), None if is_over else unread), first]

    def _close(self, now: float) -> None:
        self._move(State.CLOSED)
        self._grace.begin(now)

    def _over(self) -> Decimal:
        return max(difference(self.spent, self._limit), Decimal(0))

    def _repeat(
        self, spent: Decimal | None, shows_until: float, now: float, *, is_running: bool
    ) -> list[Action]:
        """Interrupt the work again if it goes on, and announce once that it is still running."""
        if not is_running:
            return []
        is_spending = self._repetition.is_spending(spent, shows_until)
        goes_on = is_spending or self._repetition.is_asking(self._grace, now)
        actions: list[Action] = []
        is_deaf = goes_on and self._state is State.REPEATED
        if self._state is not State.STUCK and (is_deaf or now - self._tripped_at >= self._timing.stuck_after):
            self._move(State.STUCK)
            self._announced.add(AnnounceStuck)
            actions.append(AnnounceStuck())
        if goes_on:
            if self._state is State.TRIPPED:
                self._move(State.REPEATED)
            actions.append(self._repetition.interrupt(now))
        return actions

    def _check_sight(
        self, error: EvoLinkError | None, now: float, *, has_read: bool, is_rate_limited: bool
    ) -> list[Action]:
        """Announce once that the balance can't be read, until it can be again."""
        sight = self._blindness.observe(error, now, has_read=has_read, is_rate_limited=is_rate_limited)
        was_announced = AnnounceBlind in self._announced
        if self._state is State.STUCK:
            return []  # keep the more serious announcement
        if error is None:
            self._announced.discard(AnnounceBlind)
            return [ClearNotice()] if was_announced else []
        if was_announced or sight not in {Sight.BLIND, Sight.OVER}:
            return []
        self._announced.add(AnnounceBlind)
        return [AnnounceBlind(error.message)]
