"""The ledger keeps what work has cost, and adds it up exactly: never a 0 for what is not known."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.metering import ledger
from evolink_nb.metering.cost import Confidence, Cost
from evolink_nb.metering.ledger import (
    Entry,
    Kind,
    MemoryLedger,
    expected,
    rows,
    runs_left,
    total,
    total_of_others,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
UNREAD = Cost(seconds=1.0, reason="the balance could not be read")


def cost(credits: str | Decimal, confidence: Confidence = "clean", *, others: str = "0") -> Cost:
    amount = Decimal(credits)
    return Cost(
        token=amount,
        user=amount + Decimal(others),
        others=Decimal(others),
        topped_up=Decimal(0),
        seconds=2.0,
        settled=confidence == "clean",
        confidence=confidence,
        reason="as the test says",
    )


def entry(spent: str | Cost, key: str = "a", *, kind: Kind = "cell", **rest: Any) -> Entry:
    values: dict[str, Any] = {"name": f"cell {key}", "began_at": NOON, **rest}
    return Entry(key=key, kind=kind, cost=cost(spent) if isinstance(spent, str) else spent, **values)


def row(entries: Sequence[Entry]) -> ledger.Row:
    """The one row that the entries make."""
    (found,) = rows(entries)
    return found


amounts = st.decimals(-(10**10), 10**10, places=4) | st.decimals(
    Decimal("-1e30"), Decimal("1e30"), allow_nan=False, allow_infinity=False
)
confidences = st.sampled_from(["clean", "shared", "unsettled", "inconsistent"])
costs = st.just(UNREAD) | st.builds(cost, amounts, confidences)
entries_of_any_kind = st.lists(
    st.builds(
        entry,
        costs,
        st.sampled_from("abc"),
        kind=st.sampled_from(["cell", "meter", "loop", "idle"]),
        within=st.booleans(),
        items=st.integers(0, 9),
    ),
    max_size=40,
)


def exact_sum(values: Sequence[Decimal | None]) -> Fraction | None:
    known = [Fraction(value) for value in values if value is not None]
    return sum(known, Fraction(0)) if known else None


def as_fraction(value: Decimal | None) -> Fraction | None:
    return None if value is None else Fraction(value)


# -- keeping -------------------------------------------------------------------------------------------


def test_entries_come_back_in_the_order_they_were_recorded() -> None:
    kept = MemoryLedger()
    given_in = [entry("3"), entry("1", "b", began_at=NOON - timedelta(hours=1)), entry("2")]
    numbers = [kept.record(each) for each in given_in]
    assert kept.entries() == tuple(given_in)
    assert len(set(numbers)) == 3


def test_an_amended_entry_has_the_new_cost_and_keeps_its_place() -> None:
    kept = MemoryLedger()
    first, second = kept.record(entry("5")), kept.record(entry("7", "b"))
    kept.amend(first, cost("1.36"))
    assert [each.cost for each in kept.entries()] == [cost("1.36"), cost("7")]
    kept.amend(first, cost("1.35"))
    kept.amend(second, UNREAD)
    assert [each.cost for each in kept.entries()] == [cost("1.35"), UNREAD]
    assert [each.key for each in kept.entries()] == ["a", "b"]


@pytest.mark.parametrize("number", [0, 2, -1])
def test_a_number_that_was_never_given_is_refused(number: int) -> None:
    kept = MemoryLedger()
    kept.record(entry("5"))
    with pytest.raises(KeyError):
        kept.amend(number, cost("1"))
    assert kept.entries() == (entry("5"),)


@given(entries_of_any_kind, st.integers(1, 5))
def test_a_full_ledger_tells_the_newest_apart_and_loses_nothing_of_the_sums(
    given_in: list[Entry], most: int
) -> None:
    kept = MemoryLedger(most)
    for each in given_in:
        kept.record(each)
    held = kept.entries()
    assert held[len(held) - len(given_in[-most:]) :] == tuple(given_in[-most:])
    assert len(held) <= most + 4
    assert sum(each.runs for each in held) == len(given_in)
    assert total(held) == total(given_in)
    assert total_of_others(held) == total_of_others(given_in)
    assert sum(found.unknown for found in rows(held)) == sum(found.unknown for found in rows(given_in))


def test_runs_that_are_no_longer_told_apart_are_one_row() -> None:
    kept = MemoryLedger(1)
    kept.record(entry(cost("1.5", "shared"), began_at=NOON - timedelta(hours=2)))
    kept.record(entry(UNREAD, "b"))
    kept.record(entry("2.5", "c"))
    kept.record(entry("10"))
    assert kept.entries()[0].began_at == NOON - timedelta(hours=2)
    newest, earlier = rows(kept.entries())
    assert (newest.name, newest.runs) == ("cell a", 1)
    assert (earlier.name, earlier.kind, earlier.runs, earlier.unknown) == ("earlier runs", "earlier", 3, 1)
    assert [earlier.total, earlier.mean] == [4, 2]
    assert (earlier.last, earlier.change) == (None, None)
    assert earlier.seconds == pytest.approx(5 / 3)
    assert earlier.confidence == "unknown"
    assert expected(kept.entries(), "") is None


def test_an_entry_that_is_no_longer_told_apart_stays_as_it_was() -> None:
    kept = MemoryLedger(1)
    number = kept.record(entry("5"))
    kept.record(entry("1", "b"))
    kept.amend(number, cost("4"))
    assert total(kept.entries()) == 6


def test_threads_record_and_amend_at_once() -> None:
    kept = MemoryLedger()
    ready = threading.Barrier(8)
    numbers: list[int] = []

    def work() -> None:
        ready.wait()
        for _ in range(250):
            number = kept.record(entry("1000"))
            kept.amend(number, cost("0.0001"))
            numbers.append(number)
            kept.entries()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(numbers)) == 2000
    assert total(kept.entries()) == Decimal("0.2")


def test_another_ledger_can_take_the_place_of_the_one_in_use() -> None:
    before = ledger.current()
    mine: ledger.Ledger = MemoryLedger()
    try:
        ledger.use(mine)
        assert ledger.current() is mine
    finally:
        ledger.use(before)
    assert ledger.current() is before


# -- rows ----------------------------------------------------------------------------------------------


def test_runs_of_the_same_thing_are_one_row() -> None:
    found = row(
        [
            entry("1", name="first name"),
            entry("2"),
            entry(cost("4.5", "shared"), name="newest name", items=3),
        ]
    )
    assert found == ledger.Row(
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


def test_one_run_has_nothing_to_be_compared_with() -> None:
    found = row([entry("1.36")])
    assert (found.last, found.mean, found.change) == (Decimal("1.36"), Decimal("1.36"), None)


def test_a_cheaper_run_than_before_is_a_change_below_nothing() -> None:
    assert row([entry("2"), entry("4"), entry("1.5")]).change == Decimal("-1.5")


def test_a_cost_that_is_not_known_is_a_run_and_no_zero() -> None:
    found = row([entry("2"), entry(UNREAD), entry("4")])
    assert (found.runs, found.unknown) == (3, 1)
    assert [found.total, found.mean, found.last, found.change] == [6, 3, 4, 2]
    assert found.confidence == "unknown"


def test_the_last_run_is_not_the_last_that_is_known() -> None:
    found = row([entry("2"), entry(UNREAD)])
    assert (found.last, found.change) == (None, None)


def test_where_nothing_is_known_there_is_no_amount() -> None:
    found = row([entry(UNREAD), entry(UNREAD)])
    assert (found.runs, found.unknown) == (2, 2)
    assert (found.total, found.mean, found.last, found.change) == (None,) * 4
    assert total([entry(UNREAD)]) is None


def test_a_key_whose_counter_is_frozen_is_judged_by_the_account() -> None:
    frozen = Cost(user=Decimal("1.5"), seconds=1.0, settled=True, confidence="shared", reason="frozen")
    assert row([entry(frozen)]).total == Decimal("1.5")
    assert total_of_others([entry(frozen)]) is None


def test_what_the_demo_account_was_spent_on_is_told_apart() -> None:
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


def test_all_idle_time_is_one_row_at_its_place() -> None:
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


def test_a_cell_and_a_meter_of_the_same_key_are_two_things() -> None:
    assert [each.kind for each in rows([entry("1"), entry("2", kind="meter")])] == ["meter", "cell"]


@pytest.mark.parametrize(
    ("first", "second"),
    [("clean", "shared"), ("shared", "unsettled"), ("unsettled", "inconsistent")],
)
def test_a_row_is_as_sure_as_its_least_sure_run(first: Confidence, second: Confidence) -> None:
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
def test_the_dearest_come_first_and_the_unknown_last(entries: list[Entry]) -> None:
    totals = [each.total for each in rows(entries)]
    known = [each for each in totals if each is not None]
    assert totals == sorted(known, reverse=True) + [None] * (len(totals) - len(known))


def test_what_ran_within_something_else_counts_once() -> None:
    inner, outer = entry(cost("2", others="3"), "b", kind="meter", within=True), entry(cost("5", others="3"))
    assert total([inner, outer]) == 5
    assert total_of_others([inner, outer]) == 3
    assert [each.total for each in rows([inner, outer])] == [5, 2]


def test_sums_stay_exact_whatever_precision_a_notebook_sets() -> None:
    entries = [entry("10000000000.0001"), entry("0.00000000000000000277"), entry("1095.3996")]
    with localcontext(Context(prec=3)):
        found = row(entries)
    assert found.total == Decimal("10000001095.39970000000000000277")
    # A mean has 28 digits.
    assert found.change == Decimal("-4999998904.600450000000000001")


# -- the next run --------------------------------------------------------------------------------------


def test_the_next_run_is_judged_by_the_newest_five_that_are_known() -> None:
    runs = [entry("100"), *(entry(str(spent)) for spent in (1, 2, 3, 4)), entry(UNREAD), entry("5")]
    assert expected([*runs, entry("1000", "b")], "a") == 3


def test_an_item_is_judged_by_the_items_of_the_newest_loops() -> None:
    loops = [
        entry("100", kind="loop", items=100),
        entry("3", kind="loop", items=1),
        entry("0.5", kind="loop", items=0),
        entry(UNREAD, kind="loop", items=7),
    ]
    assert expected(loops, "a", per_item=True) == Decimal(103) / 101
    assert expected(loops[:2], "a") == Decimal("51.5")


@pytest.mark.parametrize("runs", [[], ["0"], ["1", "-1"], ["-3"], [UNREAD], [UNREAD, "0"]])
def test_where_nothing_was_spent_nothing_is_expected(runs: list[str | Cost]) -> None:
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
def test_the_runs_that_are_left_can_be_paid_and_no_more(spendable: Decimal, each: Decimal) -> None:
    runs = runs_left(spendable, each)
    assert runs * Fraction(each) <= Fraction(spendable) < (runs + 1) * Fraction(each)
