"""What is written reads back, from both databases."""

from __future__ import annotations

import threading
import time
from datetime import UTC, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, cast

import evolink_nb
from evolink_nb.history.looking_back import costs, read
from evolink_nb.history.queries import readings as queries
from evolink_nb.history.storage.location import find_location
from evolink_nb.history.storage.writer import Writer
from evolink_nb.thread_time import thread_time
from tests.support.histories import NOON, cost, reading, source
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from evolink_nb.history.storage.buffer import Batch
    from evolink_nb.history.storage.store import Store

DAY = timedelta(days=1)


def test_periods_say_what_was_spent(writer: Writer) -> None:
    for minutes in range(0, 180, 5):
        writer.record_reading(source(account="lab"), reading(minutes, minutes))
    report = evolink_nb.history(NOON, "hour", until=NOON + timedelta(hours=4))
    assert [row.spent for row in report] == [Decimal(55), Decimal(60), Decimal(60), Decimal(0)]
    assert report[2].remaining == Decimal(1000 - 175)
    assert report.total == Decimal(175)
    assert "175 credits spent" in repr(report)


def test_writing_has_most_of_an_answers_time(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes long to write, and the answer must include what was just recorded."""
    given: list[tuple[float, bool]] = []

    def flush(seconds: float, *, retries: bool = True) -> bool:
        given.append((seconds, retries))
        return True

    monkeypatch.setattr(writer, "flush", flush)
    read(lambda _connection: None, timeout=60)
    assert given == [(48.0, False)]


def test_waiting_for_the_answer_is_our_wait(writer: Writer) -> None:
    """A cell that looks back spends nothing meanwhile."""
    writer.record_reading(source(), reading(0, 0))

    def answer_late(_connection: object) -> None:
        threading.Event().wait(0.1)

    began, computed = time.monotonic(), thread_time()
    read(answer_late)
    took, computed = time.monotonic() - began, thread_time() - computed
    assert took >= 0.1
    assert took - computed < 0.05


def test_the_first_minutes_spending_is_there(writer: Writer) -> None:
    """What was spent since the first reading of all, where there is none before the span."""
    for minutes, spent in ((0.2, 0), (0.6, 3), (2.5, 5)):
        writer.record_reading(source(account="lab"), reading(minutes, spent))
    report = evolink_nb.history(NOON, "minute", until=NOON + timedelta(minutes=4))
    assert [row.spent for row in report] == [3, 0, 2, 0]
    assert report.total == 5


def test_a_day_without_readings_is_unknown(writer: Writer) -> None:
    """Also one that begins a moment after the last reading; one that has only just begun is not."""
    for minutes in (0, 710, 715, 48 * 60 + 720 + 5, 72 * 60 + 715):
        writer.record_reading(source(), reading(minutes, minutes))
    midnight = timedelta(minutes=720 + 5)
    report = evolink_nb.history(NOON, "day", until=NOON + 3 * DAY + midnight, zone=UTC)
    assert [row.remaining is None for row in report] == [False, True, True, False, False]


def test_costs_are_amended_in_place(writer: Writer) -> None:
    first = cost("1.25", confidence="unsettled")
    writer.record_cost(first)
    assert writer.flush(20)
    settled = cost("1.2", number=first.number, settled=True)
    writer.record_cost(settled)
    found = costs(NOON - DAY, until=NOON + DAY)
    assert [(each.token, each.settled, each.confidence) for each in found] == [
        (Decimal("1.2"), True, "clean")
    ]
    report = evolink_nb.history(NOON - DAY, "cell", until=NOON + DAY)
    assert [(row.name, row.spent, row.runs) for row in report] == [("run(a)", Decimal("1.2"), 1)]


class SizesOnly:
    """A store that notes how many entries each of its transactions has."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def write(self, batch: Batch) -> None:
        self.sizes.append(len(batch))


def test_entries_wait_for_one_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written at once, each would compete with what it is about, such as the magic that shows a reading."""
    monkeypatch.setattr("evolink_nb.history.storage.writer.WRITE_DELAY", 60.0)
    kept, prompt = SizesOnly(), SizesOnly()
    location = find_location(str(tmp_path / "history.db"))
    writer = Writer(location, open_store=lambda: cast("Store", kept), delay=60.0)
    other = Writer(location, open_store=lambda: cast("Store", prompt), delay=0.0)
    for minutes in range(4):
        writer.record_reading(source(), reading(minutes, minutes))
        assert minutes or writer.flush(20)
        other.record_reading(source(), reading(minutes, minutes))
        wait_until(lambda: not other.waiting)
    assert writer.stop()
    assert other.stop()
    assert (kept.sizes, prompt.sizes) == ([1, 3], [1, 1, 1, 1])


def test_unchanged_readings_are_not_kept(writer: Writer) -> None:
    same_key = source("key")
    for minutes in range(31):
        # As from another kernel each, which doesn't know what the others have seen.
        writer._last.clear()
        writer.record_reading(same_key, reading(minutes, 5))
    assert writer.flush(20)
    with writer.store().begin(reads_only=True) as connection:
        key = queries.keys(connection)[-1]
        hours = queries.hours(connection, key, 0, 2**42)
    # One at first, and a heartbeat every ten minutes.
    assert sum(hour.readings for hour in hours) == 4
