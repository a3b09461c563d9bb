"""The ledger keeps what work has cost, and loses none of it."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.metering import ledger
from evolink_nb.metering.ledger import MemoryLedger, expected, rows, total, total_of_others
from tests.support.entries import NOON, UNREAD, cost, entries_of_any_kind, entry

if TYPE_CHECKING:
    from evolink_nb.metering.entry import Entry


def test_entries_keep_their_order() -> None:
    """Entries come back in the order they were recorded."""
    kept = MemoryLedger()
    given_in = [entry("3"), entry("1", "b", began_at=NOON - timedelta(hours=1)), entry("2")]
    numbers = [kept.record(each) for each in given_in]
    assert kept.entries() == tuple(given_in)
    assert len(set(numbers)) == 3


def test_an_amended_entry_keeps_its_place() -> None:
    """An amended entry has the new cost and keeps its place."""
    kept = MemoryLedger()
    first, second = kept.record(entry("5")), kept.record(entry("7", "b"))
    kept.amend(first, cost("1.36"))
    assert [each.cost for each in kept.entries()] == [cost("1.36"), cost("7")]
    kept.amend(first, cost("1.35"))
    kept.amend(second, UNREAD)
    assert [each.cost for each in kept.entries()] == [cost("1.35"), UNREAD]
    assert [each.key for each in kept.entries()] == ["a", "b"]


@pytest.mark.parametrize("number", [0, 2, -1])
def test_an_unknown_number_is_refused(number: int) -> None:
    """A number that was never given is refused."""
    kept = MemoryLedger()
    kept.record(entry("5"))
    with pytest.raises(KeyError):
        kept.amend(number, cost("1"))
    assert kept.entries() == (entry("5"),)


@given(entries_of_any_kind, st.integers(1, 5))
def test_a_full_ledger_loses_no_sum(given_in: list[Entry], most: int) -> None:
    """A full ledger tells the newest apart and loses nothing of the sums."""
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


def test_folded_runs_are_one_row() -> None:
    """Runs that are no longer told apart are one row."""
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


def test_a_folded_entry_stays_as_it_was() -> None:
    """An entry that is no longer told apart stays as it was."""
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


def test_another_ledger_can_be_used() -> None:
    """Another ledger can take the place of the one in use."""
    before = ledger.current()
    mine: ledger.Ledger = MemoryLedger()
    try:
        ledger.use(mine)
        assert ledger.current() is mine
    finally:
        ledger.use(before)
    assert ledger.current() is before


def test_a_forked_child_can_go_on() -> None:
    """A lock that is held while the process forks is not held in the child for ever."""
    kept = MemoryLedger()
    kept.record(entry("5"))
    held = kept._lock
    with held:
        kept.after_fork()
        kept.record(entry("1", "b"))
    assert total(kept.entries()) == 6
