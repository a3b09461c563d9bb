"""What entries add up to: exact sums, never a 0 for what is not known, and nothing twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.metering.cost import Confidence, Cost
from evolink_nb.metering.ledger import MemoryLedger
from evolink_nb.metering.summary import Row, expected, rows, runs_left, total, total_of_others
from tests.support.entries import UNREAD, cost, entries_of_any_kind, entry

if TYPE_CHECKING:
    from evolink_nb.metering.entry import Entry


def row(entries: Sequence[Entry]) -> Row:
    """The one row that the entries make."""
    (found,) = rows(entries)
    return found


def exact_sum(values: Sequence[Decimal | None]) -> Fraction | None:
    known = [Fraction(value) for value in values if value is not None]
    return sum(known, Fraction(0)) if known else None


def as_fraction(value: Decimal | None) -> Fraction | None:
    return None if value is None else Fraction(value)


# -- rows ----------------------------------------------------------------------------------------------


def test_runs_of_the_same_thing_are_one_row() -> None:
    found = row(
        [
            entry("1", name="first name"),
            entry("2"),
            entry(cost("4.5", "shared"), name="newest name", items=3),
        ]
    )
    assert found == Row(
        name="newest name",
        kind="cell",
        runs=3,
        total=Decimal("7.5"),
        mean=Decimal("2.5"),
        last=Decimal("4.5"),
        change=Decimal(3),
        seconds=2.0,
        confidence="shared",
        unknown=0,
        items=3,
    )


def test_one_run_has_no_change() -> None:
    """One run has nothing to be compared with."""
    found = row([entry("1.36")])
    assert (found.last, found.mean, found.change) == (Decimal("1.36"), Decimal("1.36"), None)


def test_a_cheaper_run_is_a_negative_change() -> None:
    """A cheaper run than before is a change below nothing."""
    assert row([entry("2"), entry("4"), entry("1.5")]).change == Decimal("-1.5")


def test_an_unknown_cost_is_no_zero() -> None:
    """A cost that is not known is a run and no zero."""
    found = row([entry("2"), entry(UNREAD), entry("4")])
    assert (found.runs, found.unknown) == (3, 1)
    assert [found.total, found.mean, found.last, found.change] == [6, 3, 4, 2]
    assert found.confidence == "unknown"


def test_an_unknown_last_run_is_the_last() -> None:
    """The last run is not the last that is known."""
    found = row([entry("2"), entry(UNREAD)])
    assert (found.last, found.change) == (None, None)


def test_nothing_known_is_no_amount() -> None:
    """Where nothing is known there is no amount."""
    found = row([entry(UNREAD), entry(UNREAD)])
    assert (found.runs, found.unknown) == (2, 2)
    assert (found.total, found.mean, found.last, found.change) == (None,) * 4
    assert total([entry(UNREAD)]) is None


def test_a_frozen_key_has_the_account_s_cost() -> None:
    """A key whose counter is frozen is judged by the account."""
    frozen = Cost(user=Decimal("1.5"), seconds=1.0, settled=True, confidence="shared", reason="frozen")
    assert row([entry(frozen)]).total == Decimal("1.5")
    assert total_of_others([entry(frozen)]) is None


def test_simulated_costs_are_told_apart() -> None:
    """What the demo account was spent on is told apart."""
    simulated = replace(cost("100"), simulated=True)
    real_and_not = [entry("1"), entry(simulated), entry("3")]
    assert [(row.total, row.runs, row.simulated) for row in rows(real_and_not)] == [
        (Decimal(100), 1, True),
        (Decimal(4), 2, False),
    ]
    assert total(real_and_not) == 4
    assert total([entry(simulated), entry(simulated), entry(UNREAD)]) == 200
    assert expected(real_and_not, "a") == 2
    assert expected(real_and_not, "a", simulated=True) == 100
    kept = MemoryLedger(most=1)
    for each in real_and_not:
        kept.record(each)
    assert total(kept.entries()) == 4


def test_idle_time_is_one_row() -> None:
    """All idle time is one row at its place."""
    found = rows(
        [
            entry("1", "x", kind="idle", name="before cell 1"),
            entry("10"),
            entry("2.5", "y", kind="idle", name="before cell 2"),
            entry("3", "b"),
        ]
    )
    assert [(each.name, each.total) for each in found] == [
        ("cell a", 10),
        ("while no cell ran", Decimal("3.5")),
        ("cell b", 3),
    ]
    assert (found[1].kind, found[1].runs, found[1].change) == ("idle", 2, None)


def test_kinds_of_one_key_are_two_rows() -> None:
    """A cell and a meter of the same key are two things."""
    assert [each.kind for each in rows([entry("1"), entry("2", kind="meter")])] == ["meter", "cell"]


@pytest.mark.parametrize(
    ("first", "second"),
    [("clean", "shared"), ("shared", "unsettled"), ("unsettled", "inconsistent")],
)
def test_a_row_is_as_sure_as_its_worst_run(first: Confidence, second: Confidence) -> None:
    """A row is as sure as its least sure run."""
    runs = [entry(cost("1", first)), entry(cost("1", second))]
    assert row(runs).confidence == row(runs[::-1]).confidence == second
    assert row([*runs, entry(UNREAD)]).confidence == "unknown"


@given(entries_of_any_kind)
def test_rows_add_up_to_the_last_digit(entries: list[Entry]) -> None:
    found = rows(entries)
    assert sum(each.runs for each in found) == len(entries)
    assert sum(each.items for each in found) == sum(each.items for each in entries)
    every = [each.cost.credits for each in entries]
    assert exact_sum([each.total for each in found]) == exact_sum(every)
    for each in found:
        assert (each.total is None) == (each.mean is None) == (each.unknown == each.runs)
    outermost = [each.cost.credits for each in entries if not each.within]
    assert as_fraction(total(entries)) == exact_sum(outermost)


@given(entries_of_any_kind)
def test_the_dearest_come_first(entries: list[Entry]) -> None:
    """The dearest come first and the unknown last."""
    totals = [each.total for each in rows(entries)]
    known = [each for each in totals if each is not None]
    assert totals == sorted(known, reverse=True) + [None] * (len(totals) - len(known))


def test_what_ran_within_counts_once() -> None:
    """What ran within something else counts once."""
    inner, outer = entry(cost("2", others="3"), "b", kind="meter", within=True), entry(cost("5", others="3"))
    assert total([inner, outer]) == 5
    assert total_of_others([inner, outer]) == 3
    assert [each.total for each in rows([inner, outer])] == [5, 2]


def test_sums_are_exact_in_any_context() -> None:
    """Sums stay exact whatever precision a notebook sets."""
    entries = [entry("10000000000.0001"), entry("0.00000000000000000277"), entry("1095.3996")]
    with localcontext(Context(prec=3)):
        found = row(entries)
    assert found.total == Decimal("10000001095.39970000000000000277")
    # A mean has 28 digits.
    assert found.change == Decimal("-4999998904.600450000000000001")


# -- the next run --------------------------------------------------------------------------------------


def test_the_newest_five_tell_the_next_run() -> None:
    """The next run is judged by the newest five that are known."""
    runs = [entry("100"), *(entry(str(spent)) for spent in (1, 2, 3, 4)), entry(UNREAD), entry("5")]
    assert expected([*runs, entry("1000", "b")], "a") == 3


def test_the_newest_loops_tell_an_item() -> None:
    """An item is judged by the items of the newest loops."""
    loops = [
        entry("100", kind="loop", items=100),
        entry("3", kind="loop", items=1),
        entry("0.5", kind="loop", items=0),
        entry(UNREAD, kind="loop", items=7),
    ]
    assert expected(loops, "a", per_item=True) == Decimal(103) / 101
    assert expected(loops[:2], "a") == Decimal("51.5")


@pytest.mark.parametrize("runs", [[], ["0"], ["1", "-1"], ["-3"], [UNREAD], [UNREAD, "0"]])
def test_nothing_spent_is_nothing_expected(runs: list[str | Cost]) -> None:
    """Where nothing was spent nothing is expected."""
    assert expected([entry(each) for each in runs], "a") is None


@pytest.mark.parametrize(
    ("spendable", "each", "runs"),
    [
        ("94.2", "1.36", 69),
        ("0", "1", 0),
        ("-12.5", "1", 0),
        ("-0.1", "1", 0),
        ("3", "1", 3),
        ("2.9999", "1", 2),
        ("1e30", "1e-300", 10**330),
    ],
)
def test_how_many_more_runs_there_are(spendable: str, each: str, runs: int) -> None:
    assert runs_left(Decimal(spendable), Decimal(each)) == runs


@given(st.decimals(0, 10**10, places=4), st.decimals("0.0001", 1000, places=4))
def test_the_runs_left_can_be_paid(spendable: Decimal, each: Decimal) -> None:
    """The runs that are left can be paid and no more."""
    runs = runs_left(spendable, each)
    assert runs * Fraction(each) <= Fraction(spendable) < (runs + 1) * Fraction(each)
