"""What a budget does at each reading: decided without a thread, a server or a clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.credits import difference
from evolink_nb.errors import AuthenticationError, EvoLinkError
from evolink_nb.metering.budgets.watch import State, Watch
from evolink_nb.metering.budgets.watch_actions import (
    Action,
    AnnounceBlind,
    AnnounceStuck,
    ClearNotice,
    Interrupt,
    ReadEvery,
    Refuse,
    Trip,
    Unread,
    Warn,
)
from evolink_nb.metering.budgets.watch_timing import WatchTiming

LIMIT = Decimal(5)
TIMING = WatchTiming(interval=1.0, min_interval=0.2, repeat_after=1.0, stuck_after=10.0, failures=3)

amounts = st.decimals("0", "10", places=4)
pauses = st.floats(0.01, 5)


def watching(*, spent: Decimal = Decimal(0)) -> Watch:
    """A watch that began at 0 s."""
    watch = Watch(LIMIT, TIMING)
    watch.start(0, spent=spent)
    return watch


def but_pace(actions: list[Action]) -> list[Action]:
    """The actions, but for how often to read."""
    return [action for action in actions if not isinstance(action, ReadEvery)]


def tripped(at: float = 1.0) -> Watch:
    """A watch whose limit was reached at a time."""
    watch = watching()
    watch.observe(LIMIT, None, at)
    assert watch.state is State.TRIPPED
    return watch


# -- the limit ---------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(amounts, pauses), max_size=20))
def test_it_trips_at_the_limit_not_below(readings: list[tuple[Decimal, float]]) -> None:
    watch, now = watching(), 0.0
    for spent, pause in readings:
        now += pause
        actions = but_pace(watch.observe(spent, None, now))
        if difference(spent, LIMIT) >= 0:
            assert [type(action) for action in actions] == [Trip, Interrupt]
            assert watch.state is State.TRIPPED
            return
        assert actions == []
        assert watch.state is State.WATCHING


def test_a_trip_says_how_far_over() -> None:
    watch = watching()
    watch.observe(Decimal(4), None, 1.0)
    actions = but_pace(watch.observe(Decimal("5.5"), None, 1.75))
    assert actions == [Trip(over=Decimal("0.5")), Interrupt(escalate=False)]


def test_dust_is_no_amount_over() -> None:
    spent = Decimal("4.9999999999999991")
    assert but_pace(watching().observe(spent, None, 1.0))[0] == Trip(Decimal(0))


def test_a_tiny_limit_needs_spending() -> None:
    watch = Watch(Decimal("0.0000001"), TIMING)
    watch.start(0)
    assert but_pace(watch.observe(Decimal(0), None, 1.0)) == []
    assert but_pace(watch.observe(Decimal("0.0001"), None, 2.0)) != []


def test_the_ambient_context_changes_nothing() -> None:
    with localcontext() as context:
        context.prec = 3
        watch = Watch(Decimal("1000.0001"), TIMING)
        watch.start(0)
        assert but_pace(watch.observe(Decimal(1000), None, 1.0)) == []
        assert watch.observe(Decimal("1000.0003"), None, 2.0)[1] == Trip(Decimal("0.0002"))


def test_the_first_to_trip_is_named() -> None:
    watch = watching()
    assert but_pace(watch.observe(LIMIT, None, 1.0, is_stopped_by_other=True)) == []
    assert watch.state is State.WATCHING
    # Once the other has gone, without a new reading.
    assert but_pace(watch.observe(None, None, 1.5)) == [Trip(Decimal(0)), Interrupt(escalate=False)]


def test_work_after_the_limit_may_run() -> None:
    watch = watching(spent=Decimal(6))
    assert but_pace(watch.observe(Decimal(6), None, 1.0)) == []
    assert but_pace(watch.observe(Decimal("6.1"), None, 2.0))[0] == Trip(Decimal("1.1"))


def test_late_charges_stop_no_later_work() -> None:
    """Calls that were under way when the work before was stopped, or ended, may be charged a little later."""
    stopped = tripped(1.0)
    stopped.stop(1.2)
    ended = watching()
    ended.stop(1.2)
    for watch in (stopped, ended):
        watch.start(1.3, spent=LIMIT)
        assert but_pace(watch.observe(Decimal(6), None, 2.0, shows_until=1.9)) == []
        # The same on an account that charges late, as far as is known.
        assert but_pace(watch.observe(Decimal(7), None, 9.0, shows_until=2.1)) == []
        assert but_pace(watch.observe(Decimal(7), None, 9.5, shows_until=2.6)) == []
        assert but_pace(watch.observe(Decimal(8), None, 10.0, shows_until=3.1))[0] == Trip(Decimal(3))


def test_short_works_in_a_row_are_stopped() -> None:
    """Only work that the budget let run with nothing used up, or stopped, has charges that may be late."""
    watch = watching()
    watch.stop(1.0)
    watch.start(1.1, spent=LIMIT)
    assert but_pace(watch.observe(Decimal(6), None, 1.9, shows_until=1.8)) == []
    watch.stop(2.0)
    watch.start(2.1, spent=Decimal(6))
    assert but_pace(watch.observe(Decimal(7), None, 2.4, shows_until=2.3))[0] == Trip(Decimal(2))


def test_a_limit_is_whole_for_each_work() -> None:
    """What settles for less between two pieces of work may be spent again, up to the limit."""
    watch = watching(spent=Decimal(5))
    watch.stop(9)
    watch.start(10, spent=Decimal(4))
    assert but_pace(watch.observe(Decimal(5), None, 11.0)) != []


# -- interrupts --------------------------------------------------------------------------------------------


@dataclass
class Log:
    """What a watch did, and when."""

    times: dict[type[Action], list[float]] = field(default_factory=dict)

    def add(self, actions: list[Action], now: float) -> None:
        for action in actions:
            self.times.setdefault(type(action), []).append(now)

    def of(self, kind: type[Action]) -> list[float]:
        return self.times.get(kind, [])


events = st.one_of(
    st.just(("start",)),
    st.just(("stop",)),
    st.tuples(st.just("read"), amounts, st.booleans(), st.booleans()),
    st.tuples(st.just("fail"), st.booleans()),
)


@given(st.lists(st.tuples(events, pauses), max_size=60))
def test_whatever_happens_it_keeps_its_word(script: list[tuple[Any, float]]) -> None:
    watch, now, log = Watch(LIMIT, TIMING), 0.0, Log()
    for (kind, *details), pause in script:
        now += pause
        resting = watch.state is State.RESTING
        actions: list[Action] = []
        if kind == "start":
            if resting:
                watch.start(now)
                log = Log()
        elif kind == "stop":
            watch.stop(now)
            assert watch.state is State.RESTING
        else:
            spent, error, is_running, stopped_by_other = None, None, True, False
            if kind == "read":
                spent, is_running, stopped_by_other = details
            else:
                error = EvoLinkError("No answer.")
            actions = watch.observe(
                spent, error, now, is_running=is_running, is_stopped_by_other=stopped_by_other
            )
            log.add(actions, now)
            assert not (resting and actions)
            assert is_running or Interrupt(escalate=True) not in actions
        assert len(log.of(Trip)) <= 1
        assert len(log.of(AnnounceStuck)) <= 1
        interrupts = log.of(Interrupt)
        assert all(b - a >= TIMING.repeat_after for a, b in pairwise(interrupts))
        if log.of(AnnounceStuck) and len(interrupts) < 3:
            assert log.of(AnnounceStuck)[0] - interrupts[0] >= TIMING.stuck_after
        assert all(
            TIMING.min_interval <= action.seconds <= TIMING.interval
            for action in actions
            if isinstance(action, ReadEvery)
        )


def test_a_clean_up_is_not_interrupted() -> None:
    """Work that runs on without spending is left alone, however long, and that is said once."""
    watch, log = tripped(1.0), Log()
    for tenths in range(11, 400):
        log.add(watch.observe(LIMIT, None, tenths / 10), tenths / 10)
    assert log.of(Interrupt) == []
    assert log.of(AnnounceStuck) == [1.0 + TIMING.stuck_after]
    assert watch.state is State.STUCK
    assert watch.stop(40.0) == watch.stop(41.0) == [ClearNotice()]


def test_work_that_spends_on_is_repeated() -> None:
    watch = tripped(1.0)
    # Calls under way at the interrupt may show until then.
    assert but_pace(watch.observe(Decimal(7), None, 2.1, shows_until=1.9)) == []
    assert but_pace(watch.observe(Decimal(8), None, 2.4, shows_until=2.3)) == []
    assert but_pace(watch.observe(Decimal(8), None, 2.7, shows_until=2.6)) == []
    assert but_pace(watch.observe(Decimal("8.0000000000000001"), None, 2.8)) == []  # dust
    assert but_pace(watch.observe(Decimal(9), None, 3.0, shows_until=2.9)) == [Interrupt(escalate=True)]
    # What the second interrupt has not stopped either.
    assert but_pace(watch.observe(Decimal(10), None, 4.1, shows_until=4.0)) == []
    again = but_pace(watch.observe(Decimal(11), None, 4.5, shows_until=4.4))
    assert again == [AnnounceStuck(), Interrupt(escalate=True)]
    assert watch.state is State.STUCK


def test_work_that_is_over_is_left_alone() -> None:
    watch = tripped(1.0)
    for now in range(2, 60):
        assert but_pace(watch.observe(LIMIT + now, None, now, is_running=False)) == []
    assert watch.state is State.TRIPPED


def test_a_new_work_begins_anew() -> None:
    watch = tripped(1.0)
    assert watch.stop(9.0) == []
    watch.start(10.0, spent=Decimal(0))
    assert watch.state is State.WATCHING
    assert but_pace(watch.observe(Decimal(1), None, 11.0)) == []


def test_it_starts_only_from_rest() -> None:
    with pytest.raises(AssertionError, match="watching"):
        watching().start(1.0)


# -- how often it reads ------------------------------------------------------------------------------------


def test_it_reads_soon_at_first_then_slower() -> None:
    watch = Watch(LIMIT, TIMING)
    assert watch.start(0) == [ReadEvery(0.2)]
    paces = [watch.observe(Decimal(0), None, now) for now in (0.25, 0.75, 1.5, 2.5)]
    assert paces == [[ReadEvery(seconds)] for seconds in (0.5, 1.0, 1.0, 1.0)]


def test_it_reads_faster_near_the_limit() -> None:
    watch = watching()
    assert watch.observe(Decimal(1), None, 1.0) == [ReadEvery(1.0)]
    assert watch.observe(Decimal(4), None, 2.0) == [ReadEvery(0.2)]


def test_without_a_new_reading_it_keeps_pace() -> None:
    assert watching().observe(None, None, 1.0) == []


# -- a balance that can't be read --------------------------------------------------------------------------


def test_failures_in_a_row_are_said_once() -> None:
    watch = watching()
    first, second, third, fourth = (EvoLinkError(f"No answer {number}.") for number in range(1, 5))
    assert watch.observe(None, first, 1.0) == watch.observe(None, first, 1.1) == []
    assert watch.observe(None, second, 2.0) == []
    assert watch.observe(None, third, 3.0) == [AnnounceBlind("No answer 3.")]
    assert watch.observe(None, fourth, 4.0) == []


def test_a_failure_between_readings_is_none() -> None:
    watch = watching()
    for now in range(1, 10):
        assert watch.observe(None, EvoLinkError("No answer."), now) == []
        assert but_pace(watch.observe(Decimal(1), None, now + 0.5)) == []


def test_being_blind_is_taken_back() -> None:
    watch = watching()
    assert watch.observe(None, _refused(), 1.0) == [AnnounceBlind("Refused.")]
    assert but_pace(watch.observe(Decimal(1), None, 2.0)) == [ClearNotice()]
    assert watch.stop(2.5) == []
    watch.start(3.0)
    assert watch.observe(None, _refused(), 4.0) == [AnnounceBlind("Refused.")]


def test_a_wait_for_the_server_is_said() -> None:
    error = EvoLinkError("Slow down.")
    assert watching().observe(None, error, 1.0, is_rate_limited=True) == [AnnounceBlind("Slow down.")]


def test_being_stuck_outlasts_blindness() -> None:
    watch = tripped(1.0)
    watch.observe(None, _refused(), 1.5)
    watch.observe(LIMIT, None, 11.0)
    assert watch.state is State.STUCK
    assert AnnounceBlind("Refused.") not in watch.observe(None, _refused(), 14.5)
    assert ClearNotice() not in watch.observe(None, None, 15.5)
    assert watch.stop(16.0) == [ClearNotice()]


def test_blind_for_long_it_stops_the_work() -> None:
    watch = watching()
    assert watch.check_within(0.5) == float("inf")
    watch.observe(Decimal(3), None, 1.0)
    assert watch.observe(None, _refused(), 2.0) == [AnnounceBlind("Refused.")]
    assert watch.check_within(2.0) == 29
    assert watch.observe(None, _refused(), 30.9) == []
    actions = watch.observe(None, _refused(), 31.0)
    assert actions == [Trip(Decimal(0), Unread("Refused.", 30.0)), Interrupt(escalate=False)]
    assert watch.state is State.TRIPPED
    assert watch.check_within(31.0) == TIMING.interval


def test_blind_it_refuses_calls_first() -> None:
    watch = watching()
    assert watch.refuse(Decimal(0), 1.0) == []
    for now in (29, 30):
        watch.observe(None, _refused(), now, is_guarded=True)
    assert watch.state is State.CLOSED
    assert watch.refuse(Decimal(0), 30.5) == [Refuse(Decimal(0), Unread("Refused.", 30.5))]
    assert watch.observe(Decimal(1), None, 31.0, is_guarded=True)[0] == ClearNotice()
    assert watch.refuse(Decimal(1), 31.5) == []


def test_blind_it_leaves_others_their_stop() -> None:
    watch = watching()
    watch.observe(None, _refused(), 1.0)
    assert watch.observe(None, _refused(), 40.0, is_stopped_by_other=True) == []
    assert watch.check_within(40.0) == TIMING.interval
    assert watch.observe(None, _refused(), 41.0)[0] == Trip(Decimal(0), Unread("Refused.", 41.0))


# -- warnings ----------------------------------------------------------------------------------------------


def test_it_warns_once_before_the_limit() -> None:
    watch = Watch(LIMIT, TIMING, warn_at=Decimal(4))
    watch.start(0)
    assert but_pace(watch.observe(Decimal("3.9"), None, 1.0)) == []
    assert but_pace(watch.observe(Decimal(4), None, 2.0)) == [Warn()]
    assert but_pace(watch.observe(Decimal("4.5"), None, 3.0)) == []
    watch.stop(3.5)
    watch.start(4.0, spent=Decimal("4.5"))
    assert but_pace(watch.observe(Decimal("4.6"), None, 5.0)) == []


def test_a_stop_needs_no_warning_before() -> None:
    watch = Watch(LIMIT, TIMING, warn_at=Decimal(4))
    watch.start(0)
    assert [type(action) for action in but_pace(watch.observe(LIMIT, None, 1.0))] == [Trip, Interrupt]


def _refused() -> AuthenticationError:
    return AuthenticationError("Refused.", status=401)
