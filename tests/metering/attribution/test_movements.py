"""Which work a change of the counters can belong to: nothing is dropped, and nothing counted twice."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evolink_nb.credits import total
from evolink_nb.metering.attribution.key_counter import KeyCounter, Step
from evolink_nb.metering.attribution.movements import (
    Movement,
    groups_of,
    movement_between,
    shares_of,
)
from evolink_nb.metering.attribution.share import Share
from evolink_nb.metering.attribution.work import Work
from tests.support.readings import moved, reading
from tests.support.rows import Made, amounts, rows, times, works

if TYPE_CHECKING:
    from evolink_nb.credits import Credits

NOTHING = Decimal(0)


key_step = KeyCounter().key_step


def seen(made: list[Work], earlier: Credits, later: Credits, *, quiet: float) -> Movement:
    """The movement between two readings of a key that has a counter of its own."""
    amount = key_step(earlier, later)
    step = Step(amount, amount)
    return movement_between(earlier, later, step, made, quiet=quiet, lag=quiet, frozen=False, so_far=None)


@given(st.lists(amounts, min_size=1, max_size=8))
def test_steps_add_up_to_what_was_spent(prices: list[Decimal]) -> None:
    spent = [total(prices[:count]) for count in range(len(prices) + 1)]
    readings = [moved(at, spent=each) for at, each in enumerate(spent)]
    steps = [key_step(*pair) for pair in itertools.pairwise(readings)]
    assert steps == prices
    assert total(steps) == key_step(readings[0], readings[-1])


@given(amounts, amounts, st.booleans())
def test_a_reset_counter_hides_no_charge(before: Decimal, spent: Decimal, unlimited: bool) -> None:
    """The counter of used credits begins again at 0; what is left says what was spent."""
    earlier = reading(0, token_used=before + 100, unlimited=unlimited)
    later = reading(
        1,
        token=Decimal("99416.4429") - spent,
        token_used=0,
        user=Decimal("1095.3996") - spent,
        user_used=Decimal("135.9048") + spent,
        unlimited=unlimited,
    )
    assert key_step(earlier, later) == spent


@given(works(), times, times, amounts, st.floats(0.5, 20))
def test_only_work_nearby_may_have_spent(
    made: list[Work], after: float, seconds: float, spent: Decimal, quiet: float
) -> None:
    movement = seen(made, moved(after), moved(after + seconds, spent=spent), quiet=quiet)
    assert len(set(movement.candidates)) == len(movement.candidates)
    for work in movement.candidates:
        assert work.rests_since is None or work.rests_since >= after - quiet


@given(works(), times, times, amounts, st.floats(0.5, 20))
def test_work_that_ran_may_have_spent(
    made: list[Work], after: float, seconds: float, spent: Decimal, quiet: float
) -> None:
    """All of it that ran between the two readings, with nothing else measured within it."""
    movement = seen(made, moved(after), moved(after + seconds, spent=spent), quiet=quiet)
    ran = [
        work
        for work in made
        if not work.children and work.started <= after + seconds
        if work.ended is None or work.ended >= after
    ]
    assert set(ran) <= set(movement.candidates)


@given(rows())
def test_the_shares_are_what_has_moved(row: Made) -> None:
    """Each movement is in the share of one outermost work, and in no other's."""
    shares = shares_of(row.works, row.movements, frozen=False)
    assert set(shares) == set(row.works)
    assert total(shares[work].credits for work in row.outermost) == row.moved


@given(rows(), amounts)
def test_what_was_carried_stays_in_a_share(row: Made, carried: Decimal) -> None:
    alone = shares_of(row.works, row.movements, frozen=False)
    row.works[0].carried.credits = carried
    shares = shares_of(row.works, row.movements, frozen=False)
    assert shares[row.works[0]].credits == alone[row.works[0]].credits + carried
    assert all(shares[work].credits == alone[work].credits for work in row.works[1:])


def test_what_earlier_rows_saw_stays_too() -> None:
    """The account may rest while a cell goes on: a refund before that still makes its cost unsure."""
    work, back = Work(0.0), Decimal(-1)
    work.carry({work: back}, is_refund=True, follows_gap=True)
    seen = Share(back, follows_gap=True, before=back, has_moved=True, was_refunded=True, has_fallen=True)
    assert shares_of([work], [], frozen=False) == {work: seen}


@given(rows(least="0.1"))
def test_inner_work_costs_no_more_than_outer(row: Made) -> None:
    shares = shares_of(row.works, row.movements, frozen=False)
    for inner in row.works:
        for outer in inner.enclosing:
            if outer.contains(inner):
                assert shares[inner].credits <= shares[outer].credits


@given(rows())
def test_only_sole_candidates_are_alone(row: Made) -> None:
    """Work that shares a movement with work outside of it isn't known to have spent its share."""
    shares = shares_of(row.works, row.movements, frozen=False)
    for work in row.works:
        own = [each for each in row.movements if any(work.contains(other) for other in each.possible)]
        is_alone = all(work.contains(other) for each in own for other in each.possible)
        assert shares[work].is_alone == is_alone
        assert shares[work].has_moved == bool(own)


@given(rows())
def test_groups_divide_the_work(row: Made) -> None:
    """All work that is part of no other, but of such that goes on, is in one; a movement's is in the same."""
    groups = groups_of(row.works, row.movements, frozen=False)
    assert set(groups) == {work.whole for work in row.works}
    for work, group in groups.items():
        assert work in group
        assert all(groups[other] == group for other in group)
    for movement in row.movements:
        assert len({groups[work.whole] for work in movement.possible}) <= 1


@given(rows())
def test_a_group_is_held_together(row: Made) -> None:
    """Every part of a group shares a movement with the rest of it."""
    groups = groups_of(row.works, row.movements, frozen=False)
    for group in set(groups.values()):
        for work in group if len(group) > 1 else ():
            assert any(
                work in {each.whole for each in movement.possible}
                and len({each.whole for each in movement.possible}) > 1
                for movement in row.movements
            )


@given(rows())
def test_a_frozen_key_has_its_accounts_share(row: Made) -> None:
    """Nothing of the key's counter counts where that stands still."""
    still = [
        Movement(NOTHING, each.account, each.candidates, each.since, each.until) for each in row.movements
    ]
    frozen = shares_of(row.works, still, frozen=True)
    assert {work: share.credits for work, share in frozen.items()} == {
        work: share.credits for work, share in shares_of(row.works, row.movements, frozen=False).items()
    }
    assert all(not share.credits for share in shares_of(row.works, still, frozen=False).values())


@given(works(all_over=True), times, amounts, st.data())
def test_a_settlement_is_of_charged_work(
    made: list[Work], seconds: float, spent: Decimal, data: st.DataObject
) -> None:
    """What falls long after all work can only be given back to work that was charged."""
    charged = data.draw(st.sampled_from(made))
    assume(charged.could_spend)
    first = Movement(spent, spent, (charged,), moved(0), moved(200, spent=spent))
    later = moved(201 + seconds, spent=0)
    movement = movement_between(
        moved(200, spent=spent),
        later,
        Step(-spent, -spent),
        made,
        quiet=6.0,
        lag=6.0,
        frozen=False,
        so_far=[first],
    )
    assert movement.candidates == (charged,)
    [share] = shares_of([charged], [first, movement], frozen=False).values()
    assert (share.credits, share.has_fallen) == (NOTHING, True)


@pytest.mark.parametrize("follows_gap", [False, True])
def test_work_too_short_for_a_call_is_none(follows_gap: bool) -> None:
    """It counts only where nothing else can have spent."""
    tracked = Work(1.0, is_tracked=True, ended=1.0)
    movement = Movement(Decimal(1), Decimal(1), (tracked,), moved(0), moved(2, spent=1), follows_gap)
    assert movement.possible == (() if follows_gap else (tracked,))
