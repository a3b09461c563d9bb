"""When a cost is sure: readings at given times, and what is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, localcontext
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.errors import APIConnectionError, AuthenticationError
from evolink_nb.metering.cost import STILL_MOVING
from evolink_nb.metering.settlement import (
    SPENT_ON,
    STILL_SETTLING,
    SUPERSEDED,
    Overlaps,
    Phase,
    Settlement,
    SettleTiming,
    Step,
)
from tests.support.readings import moved, reading

if TYPE_CHECKING:
    from evolink_nb.credits import Credits

BEFORE = moved()
TIMING = SettleTiming(settle=30, first_pause=0.2, max_pause=2, shared_after=4)
OFFLINE = APIConnectionError("No answer.")


@dataclass
class Earlier:
    """Work before, whose cost may be nothing."""

    is_zero: bool


def of_two_credits(**options: object) -> Settlement:
    """The settling of work that ended at 0 and took 3 seconds."""
    return Settlement(BEFORE, 0.0, timing=TIMING, seconds=3.0, **options)  # type: ignore[arg-type]


def feed(settlement: Settlement, now: float, after: Credits | None = None) -> Step:
    """One reading at a time, asked for at that time."""
    return settlement.feed(after or moved(now, spent=2), requested_at=now, now=now)


def test_two_readings_that_agree_are_enough() -> None:
    settlement = of_two_credits()
    first = feed(settlement, 0.1)
    assert (first.cost.token, first.cost.reason) == (Decimal(2), STILL_MOVING)
    assert first.next_read_at == pytest.approx(0.3)
    second = feed(settlement, 0.3)
    assert (second.cost.token, second.cost.confidence, second.cost.settled) == (Decimal(2), "clean", True)
    assert second.cost.seconds == 3.0
    assert second.next_read_at is None


def test_pauses_double_until_a_change() -> None:
    """Pauses double and begin anew after a change."""
    settlement, now, pauses = of_two_credits(), 0.0, []
    for spent in (1, 1, 1, 1, 1, 1, 2, 2):
        step = feed(settlement, now, moved(now, spent=spent, reserved="0.5"))
        assert step.next_read_at is not None
        pauses.append(round(step.next_read_at - now, 3))
        now = step.next_read_at
    assert pauses == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 0.2, 0.4]


def test_others_spending_takes_a_while() -> None:
    """What others spend is believed after a while."""
    settlement = of_two_credits()
    feed(settlement, 0.1, moved(0.1, spent=2, others=1))
    early = feed(settlement, 0.3, moved(0.3, spent=2, others=1))
    assert (early.cost.confidence, early.cost.settled) == ("shared", True)
    # Nothing that comes before is of use.
    assert early.next_read_at == pytest.approx(4.0)
    assert feed(settlement, 4.0, moved(4, spent=2, others=1)).next_read_at is None


def test_a_top_up_hides_what_is_not_settled() -> None:
    settlement = of_two_credits()
    feed(settlement, 0.1, moved(0.1, spent=2, topped_up=9))
    hidden = feed(settlement, 0.3, moved(0.3, spent=2, topped_up=9))
    assert not hidden.cost.settled
    assert hidden.next_read_at == pytest.approx(4.0)
    shown = feed(settlement, 4.0, moved(4, spent=2, topped_up=9))
    assert (shown.cost.confidence, shown.cost.topped_up, shown.next_read_at) == ("clean", Decimal(9), None)


def test_the_next_work_is_not_counted() -> None:
    """Spending of the next work is not counted."""
    settlement = of_two_credits()
    first = feed(settlement, 0.1)
    settlement.supersede(0.2)
    step = feed(settlement, 0.3, moved(0.3, spent=7))
    assert step.next_read_at is None
    assert (step.cost.token, step.cost.confidence, step.cost.reason) == (Decimal(2), "unsettled", SPENT_ON)
    assert settlement.after is not None
    assert settlement.after.monotonic == 0.1
    assert first.cost.token == 2


def test_a_reading_in_time_is_clean() -> None:
    """A reading from before the next work is clean."""
    settlement = of_two_credits()
    feed(settlement, 0.1)
    settlement.supersede(0.2)
    settlement.supersede(0.05)  # only the first counts
    assert feed(settlement, 0.3).cost.confidence == "clean"
    assert settlement.is_superseded


def test_readings_too_late_are_shared() -> None:
    """Only readings from after the next work are shared."""
    settlement = of_two_credits()
    settlement.supersede(0.05)
    feed(settlement, 0.1)
    cost = feed(settlement, 0.3).cost
    assert (cost.confidence, cost.reason) == ("shared", SUPERSEDED)


def test_settling_for_less_may_hide_work() -> None:
    """Settling for less could hide the next work."""
    settlement = of_two_credits()
    feed(settlement, 0.1, moved(0.1, reserved=5))
    settlement.supersede(0.2)
    feed(settlement, 0.3)
    cost = feed(settlement, 0.5).cost
    assert (cost.token, cost.confidence, cost.reason) == (Decimal(2), "shared", SUPERSEDED)


def test_earlier_work_counts_until_zero() -> None:
    """Earlier work counts until it came to nothing."""
    earlier = Earlier(is_zero=False)
    settlement = of_two_credits(overlaps=Overlaps([earlier]))
    feed(settlement, 0.1)
    assert feed(settlement, 0.3).cost.reason == STILL_SETTLING
    earlier.is_zero = True
    settlement = of_two_credits(overlaps=Overlaps([earlier]))
    feed(settlement, 0.1)
    assert feed(settlement, 0.3).cost.confidence == "clean"


def test_overlap_may_be_learnt_late() -> None:
    """Overlap is said even if it is learnt late."""
    overlaps = Overlaps()
    settlement = of_two_credits(overlaps=overlaps)
    feed(settlement, 0.1)
    overlaps.mark_shared("other work")
    overlaps.mark_shared("the first reason stays")
    cost = feed(settlement, 0.3).cost
    assert (cost.confidence, cost.reason) == ("shared", "other work")


def test_time_runs_out_unsettled() -> None:
    """Time that runs out ends it unsettled."""
    settlement = Settlement(BEFORE, 0.0, timing=SettleTiming(settle=0))
    step = settlement.feed(moved(0.1, reserved=2), requested_at=0.1, now=0.1)
    assert (step.cost.confidence, step.cost.token, step.next_read_at) == ("unsettled", Decimal(2), None)


def test_a_failed_reading_is_tried_again() -> None:
    """A failed reading is tried again and says why."""
    settlement = of_two_credits()
    step = settlement.miss(OFFLINE, now=0.1)
    assert step.next_read_at == pytest.approx(0.3)
    assert (step.cost.confidence, step.cost.credits) == ("unknown", None)
    assert "No answer." in step.cost.reason
    feed(settlement, 0.3)
    # What is known stays.
    assert settlement.miss(OFFLINE, now=0.5).cost.token == 2


def test_a_refused_key_ends_it() -> None:
    error = AuthenticationError("Invalid or expired token", status=401)
    assert of_two_credits().miss(error, now=0.1).next_read_at is None


def test_no_reading_before_is_unknown() -> None:
    """Without a reading before the cost is unknown."""
    settlement = Settlement(None, 0.0, timing=TIMING)
    step = feed(settlement, 0.1)
    assert (step.cost.confidence, step.cost.credits, step.next_read_at) == ("unknown", None, None)


def test_one_reading_proves_a_tracked_zero() -> None:
    """One reading is enough for tracked work that spent nothing."""
    step = feed(of_two_credits(trusts_zero=True), 0.1, moved(0.1))
    assert (step.cost.credits, step.cost.confidence, step.next_read_at) == (Decimal(0), "clean", None)
    assert feed(of_two_credits(trusts_zero=True), 0.1).next_read_at is not None
    assert feed(of_two_credits(), 0.1, moved(0.1)).next_read_at is not None


def test_what_is_counted_from_later_is_less() -> None:
    settlement = of_two_credits()
    settlement.count_from(moved(spent="1.5"))
    feed(settlement, 0.1)
    assert feed(settlement, 0.3).cost.token == Decimal("0.5")


def test_cancelling_keeps_what_is_known() -> None:
    settlement = of_two_credits()
    feed(settlement, 0.1)
    settlement.cancel()
    step = feed(settlement, 0.3, moved(0.3, spent=9))
    assert (step.cost.token, step.next_read_at) == (Decimal(2), None)
    assert settlement.miss(OFFLINE, now=0.5) == step


@pytest.mark.parametrize("dust", ["0.00000000000003", "-0.00000000000003"])
def test_dust_is_no_others_spending(dust: str) -> None:
    """The dust of doubles is no others spending."""
    settlement = of_two_credits()
    dusty = reading(
        token_used="584.9171",
        token="99415.0829",
        user_used=Decimal("137.2648") + Decimal(dust),
        user=Decimal("1094.0396") - Decimal(dust),
    )
    feed(settlement, 0.1, dusty)
    step = feed(settlement, 0.3, moved(0.3, spent="1.36"))
    assert (step.cost.token, step.cost.confidence, step.next_read_at) == (Decimal("1.36"), "clean", None)


@pytest.mark.parametrize("ambient", [Context(prec=3), Context(prec=6, traps=[Inexact])])
def test_the_ambient_context_changes_no_cost(ambient: Context) -> None:
    settlement, after = of_two_credits(), moved(spent="1.2345")
    with localcontext(ambient):
        feed(settlement, 0.1, after)
        step = feed(settlement, 0.3, after)
    assert (step.cost.token, step.cost.confidence, step.next_read_at) == (Decimal("1.2345"), "clean", None)


# -- whatever comes ------------------------------------------------------------------------------------

amounts = st.sampled_from(["0", "0.0001", "1.36", "5"])
seen = st.none() | st.builds(
    moved, spent=amounts, reserved=amounts, others=amounts, topped_up=amounts, unlimited=st.booleans()
)
acts = st.lists(
    st.tuples(seen, st.sampled_from(["read", "supersede", "share", "cancel"]), st.floats(0, 3)), max_size=40
)


@given(acts, st.sampled_from([0.0, 1.0, 30.0]), st.booleans())
def test_whatever_is_read_it_ends_in_time(
    script: list[tuple[Credits | None, str, float]], settle: float, trusts_zero: bool
) -> None:
    timing = SettleTiming(settle=settle)
    settlement = Settlement(BEFORE, 10.0, timing=timing, trusts_zero=trusts_zero)
    now, final = 10.0, None
    for after, act, late in script:
        if act == "supersede":
            settlement.supersede(now)
        elif act == "share":
            settlement.overlaps.mark_shared("other work")
        elif act == "cancel" and late > 2.5:
            settlement.cancel()
        step = (
            settlement.miss(OFFLINE, now=now)
            if after is None
            else settlement.feed(after, requested_at=now, now=now)
        )
        if final is not None:
            # What is final stays so, whatever else is read.
            assert step == final
            continue
        assert step.cost.settled == (step.cost.confidence in {"clean", "shared"})
        if settlement.overlaps.shared and step.cost.settled and step.cost.credits:
            assert step.cost.confidence == "shared"
        if step.next_read_at is None:
            final = step
            continue
        assert now + timing.first_pause <= step.next_read_at + 1e-9
        assert step.next_read_at <= 10.0 + settle
        now = step.next_read_at + late * 0.1


@given(st.lists(amounts, min_size=2, max_size=6))
def test_clean_takes_two_that_agree(spent: list[str]) -> None:
    """No cost is clean before two readings agree."""
    settlement = of_two_credits()
    for place, amount in enumerate(spent):
        step = feed(settlement, 0.1 + place, moved(place, spent=amount))
        agree = place > 0 and amount == spent[place - 1]
        assert (step.cost.confidence == "clean") == agree
        assert (step.next_read_at is None) == agree
        if agree:
            break


# -- phases --------------------------------------------------------------------------------------------


def test_a_phase_only_moves_onwards() -> None:
    order = [Phase.NEW, Phase.RUNNING, Phase.SETTLING, Phase.FINAL]
    for place, phase in enumerate(order):
        assert [each for each in order if phase.may_become(each)] == order[place + 1 :]
