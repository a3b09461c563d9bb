"""A report in a notebook: its chart, and always its table."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

import evolink_nb
from evolink_nb.history.reports.report_chart import chart_of
from evolink_nb.history.reports.results import PeriodRow, WorkRow
from evolink_nb.history.reports.table_html import MAX_OPEN
from tests.history.charts import MARKUP
from tests.support.histories import NOON, cost, reading, source

if TYPE_CHECKING:
    from evolink_nb.history.reports.report import Report
    from evolink_nb.history.storage.writer import Writer

UTC = ZoneInfo("UTC")
HOUR = timedelta(hours=1)


def html(report: Report) -> str:
    return report._repr_mimebundle_()["text/html"]


@pytest.fixture
def morning(writer: Writer) -> Report:
    """Some hours: topped up in the second, unread from the third on, and dear work by several."""
    for minutes in range(0, 150, 5):
        granted = 1000 if minutes < 90 else 1500
        writer.record_reading(source(), reading(minutes, minutes, granted=granted))
    writer.record_reading(source(), reading(400, 160, granted=1500))
    writer.record_cost(cost(30, minutes=10, key="train", name="train()"))
    writer.record_cost(cost(20, minutes=70, key="train", name="train()"))
    writer.record_cost(cost(12, minutes=80, key="other", name=MARKUP))
    return evolink_nb.history(NOON, "hour", until=NOON + 7 * HOUR, zone=UTC)


def test_a_chart_shows_what_was_read(morning: Report) -> None:
    rows = [row for row in morning if isinstance(row, PeriodRow)]
    data = chart_of(rows, morning.dearest, UTC)
    assert data.unit == "hour"
    assert [each.spent for each in data.buckets] == [55, 60, 30, None, None, None, 15]
    assert data.buckets[0].balance == 945
    assert [each.is_after_gap for each in data.buckets] == [False] * 6 + [True]
    [top_up] = data.top_ups
    assert (top_up.amount, top_up.at, top_up.until) == (Decimal(500), NOON + HOUR, NOON + 2 * HOUR)
    assert list(data.gaps()) == [(NOON + 3 * HOUR, NOON + 6 * HOUR)]
    assert [(each.name, each.cost, each.runs) for each in data.dearest] == [
        ("train()", Decimal(50), 2),
        (MARKUP, Decimal(12), 1),
    ]


def test_a_notebook_shows_chart_and_table(morning: Report) -> None:
    shown = html(morning)
    assert '<svg width="100%"' in shown
    assert "Topped up: 500 on Mon 2 Nov 13:00 to 14:00" in shown
    gap = "No readings: Mon 2 Nov 15:00 to 18:00. The bar after a gap includes what was spent during it"
    assert gap in shown
    assert "15 credits spent, perhaps partly during the gap before" in shown
    assert "<details open><summary>160 credits spent from 2026-11-02 12:00" in shown
    assert '<th scope="row">Mon 2026-11-02 13:00</th><td>60</td>' in shown
    assert "<script" not in shown


def test_a_terminal_shows_bars_and_table(morning: Report) -> None:
    """And no column that says the same as another, or nothing."""
    lines = repr(morning).splitlines()
    assert [line.split() for line in lines[1:-3]] == [
        ["from", "spent", "topped", "up", "left"],
        ["Mon", "2026-11-02", "12:00", "55", "███████████", "945"],
        ["Mon", "2026-11-02", "13:00", "60", "████████████", "500", "1,385"],
        ["Mon", "2026-11-02", "14:00", "30", "██████", "1,355"],
        ["Mon", "2026-11-02", "15:00", "…", "not", "read"],
        ["Mon", "2026-11-02", "18:00", "15", "███", "1,340", "gap"],
    ]
    assert len({line.index("█") for line in lines if "█" in line}) == 1
    assert lines[-3:-1] == ["  Most expensive work:", "  1. train(): 50 credits in 2 runs"]
    assert lines[-1].startswith(f"  2. {MARKUP[:9]}")


def test_a_long_table_is_closed_at_first(writer: Writer) -> None:
    for minutes in range(0, 60 * (MAX_OPEN + 2), 10):
        writer.record_reading(source(), reading(minutes, minutes))
    shown = html(evolink_nb.history(NOON, "hour", until=NOON + (MAX_OPEN + 1) * HOUR, zone=UTC))
    assert "<details><summary>" in shown


@pytest.mark.parametrize("by", ["cell", "key"])
def test_other_reports_are_tables(morning: Report, by: str) -> None:
    assert len(morning)
    shown = html(evolink_nb.history(NOON, by, until=NOON + 7 * HOUR))  # type: ignore[arg-type]  # one of several
    assert "<svg width" not in shown
    assert '<th scope="row">' in shown
    assert "<script" not in shown


@pytest.mark.usefixtures("morning")
def test_what_is_uncertain_has_a_column(writer: Writer) -> None:
    """Where anything is; elsewhere it would say nothing."""
    for uncertain in (False, True):
        if uncertain:
            writer.record_cost(cost(5, minutes=90, key="beside", confidence="shared"))
        report = evolink_nb.history(NOON, "cell", until=NOON + 7 * HOUR)
        assert ("of which uncertain" in repr(report)) == uncertain
        assert ("of which uncertain" in html(report)) == uncertain


def test_nothing_is_shown_as_such(writer: Writer) -> None:
    writer.record_reading(source(), reading(0, 1))
    shown = html(evolink_nb.history(NOON - 9 * HOUR, until=NOON - 8 * HOUR))
    assert "<p>The history has no data for that time.</p>" in shown


@pytest.mark.parametrize(
    ("length", "unit"),
    [
        (timedelta(minutes=1), "minute"),
        (timedelta(minutes=15), "15 minutes"),
        (HOUR, "hour"),
        (3 * HOUR, "3 hours"),
        (12 * HOUR, "12 hours"),
        (23 * HOUR, "day"),
        (25 * HOUR, "day"),
        (timedelta(days=7), "week"),
        (timedelta(days=28), "month"),
        (timedelta(seconds=20), "minute"),
    ],
)
def test_a_period_is_called_by_its_length(length: timedelta, unit: str) -> None:
    nothing = Decimal(0)
    row = PeriodRow(NOON, NOON + length, nothing, nothing, nothing, Decimal(5), Decimal(3), False, False)
    data = chart_of([row], (), UTC)
    assert data.unit == unit
    assert data.buckets[0].balance == 3, "the key's limit is what can be spent"


def test_many_runs_have_no_one_time() -> None:
    nothing = Decimal(0)
    row = PeriodRow(NOON, NOON + HOUR, nothing, nothing, nothing, Decimal(5), None, False, True)
    work = WorkRow("a", "cell", 2, 0, Decimal(7), nothing, 3.0, NOON, True)
    data = chart_of([row], [work], UTC)
    assert (data.dearest[0].at, data.dearest[0].runs, data.simulated) == (None, 2, True)
