"""The stack of running cells."""

from __future__ import annotations

from argparse import Namespace
from types import SimpleNamespace

import pytest

from evolink_nb.notebook.running import MAX_NAME, RunningCell, RunningCells


def info(source: str, **more: str) -> SimpleNamespace:
    return SimpleNamespace(raw_cell=source, **more)


def test_cells_end_in_reverse_order() -> None:
    running = RunningCells()
    outer = running.begin(info("outer"))
    inner = running.begin(info("inner"))
    assert running.outermost is outer
    assert running.end("inner") == [inner]
    assert running.end("outer") == [outer]
    assert not running


def test_cells_not_heard_of_end_too() -> None:
    running = RunningCells()
    cells = [running.begin(info(source)) for source in ("outer", "lost", "lost inside")]
    assert running.end("outer") == cells[::-1]
    assert not running


def test_other_events_change_nothing() -> None:
    running = RunningCells()
    cell = running.begin(info("cell"))
    assert running.end("") == []
    assert running.outermost is cell


def test_all_end_at_once() -> None:
    running = RunningCells()
    cells = [running.begin(info("cell")) for _ in range(3)]
    assert running.end_all() == cells[::-1]
    assert running.end_all() == []


def test_line_is_for_outer_or_called_cells() -> None:
    running = RunningCells()
    accepts = [running.accepts_line]
    running.begin(info("outer"))
    accepts.append(running.accepts_line)
    with running.called_by_magic():
        accepts.append(running.accepts_line)
        running.begin(info("called"))
        accepts.append(running.accepts_line)
    accepts.append(running.accepts_line)
    assert accepts == [True, False, True, False, False]


def test_call_that_begins_no_cell_is_over() -> None:
    running = RunningCells()
    running.begin(info("outer"))
    with running.called_by_magic():
        pass
    assert not running.accepts_line


@pytest.mark.parametrize(
    ("source", "options", "name"),
    [
        ("\n  x = 1\ny = 2", None, "x = 1"),
        ("%%evolink_credits -q\nx = 1", Namespace(), "x = 1"),
        ("%%evolink_credits", Namespace(), "(an empty cell)"),
        ("", None, "(an empty cell)"),
        ("# embed\nx = 1", None, "embed"),
        ("## Train the judge", None, "Train the judge"),
        ("# %% judge\nx = 1", None, "judge"),
        ("# %%\n#\nx = 1", None, "x = 1"),
        ("#| label: fig-costs\nx = 1", None, "x = 1"),
        ("#", None, "(an empty cell)"),
        ("x = '# 1'", None, "x = '# 1'"),
        ("%%evolink_credits --name judge\n# x", Namespace(name="judge"), "judge"),
        ("%%evolink_credits\n# x", Namespace(name=None), "x"),
        ("x" * MAX_NAME, None, "x" * MAX_NAME),
        ("x" * (MAX_NAME + 1), None, "x" * (MAX_NAME - 1) + "…"),
    ],
)
def test_name_is_first_line(source: str, options: Namespace | None, name: str) -> None:
    assert RunningCell(source, "key", options).name == name


def test_named_cell_is_known_by_its_name() -> None:
    """Its runs belong together however it is edited, or wherever it stands."""
    named = [RunningCell(source, source, Namespace(name="judge")) for source in ("x = 1", "x = 2")]
    assert len({cell.entry_key for cell in named}) == 1
    other = RunningCell("x = 1", "x = 1", Namespace(name="train"))
    assert len({named[0].entry_key, other.entry_key, RunningCell("judge", "judge").entry_key}) == 3
    assert RunningCell("x = 1", "c1", Namespace(name=None)).entry_key == "c1"


def test_front_end_tells_cells_apart() -> None:
    running = RunningCells()
    assert running.begin(info("x = 1", cell_id="c1")).key == "c1"
    assert running.begin(info("x = 1")).key == "x = 1"


def test_idle_time_is_that_without_cells() -> None:
    now = 100.0
    running = RunningCells(clock=lambda: now)
    now = 110.0
    # The cell that loads the extension began unannounced.
    assert (running.idle_seconds, running.idle_for) == (0.0, 0.0)
    running.end("%load_ext evolink_nb")
    now = 113.0
    assert (running.idle_seconds, running.idle_for) == (3.0, 3.0)
    running.begin(info("outer"))
    running.begin_unannounced("inner")
    now = 120.0
    running.end("a stranger")
    assert (running.idle_seconds, running.idle_for) == (3.0, 0.0)
    running.end("outer")
    now = 122.0
    assert (running.idle_seconds, running.idle_for) == (5.0, 2.0)
    running.begin(info("another"))
    running.end_all()
    now = 123.0
    assert (running.idle_seconds, running.idle_for) == (6.0, 1.0)
