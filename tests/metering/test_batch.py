"""Cells in a row that no reading separates: what moved is the cost of one of them, and counts once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.metering.batch import IN_A_ROW, MIN_CALL_SECONDS, Batch
from tests.support.readings import moved

if TYPE_CHECKING:
    from evolink_nb.credits import Credits

READING = moved(1, spent=2)


@dataclass(eq=False)
class Cell:
    """Work that waited so long, and what a batch told it."""

    waited: float
    is_over: bool = True
    is_unread: bool = True
    since: Credits | None = None
    shared: list[str] = field(default_factory=list)
    hurried: int = 0

    def count_from(self, reading: Credits) -> None:
        self.since = reading

    def mark_shared(self, reason: str) -> None:
        self.shared.append(reason)

    def read_soon(self) -> None:
        self.hurried += 1


def row(*cells: Cell) -> Batch:
    """A batch of these, in this order."""
    batch = Batch()
    for cell in cells:
        batch.join(cell)
    return batch


waits = st.floats(0, 100)


@given(st.lists(waits, min_size=1, max_size=6), st.booleans())
def test_one_of_a_row_owns_what_moved(waited: list[float], last_runs: bool) -> None:
    cells = [Cell(each) for each in waited]
    cells[-1].is_over = not last_runs
    owner = row(*cells).attribute(READING)
    assert isinstance(owner, Cell)
    assert owner in cells
    others = [cell for cell in cells if cell is not owner]
    assert all(cell.since is READING for cell in others)
    assert owner.since is None
    # What still runs owns it only if no other had the time for a call.
    could = [cell for cell in cells if cell.is_over and cell.waited >= MIN_CALL_SECONDS]
    assert not could or owner in could
    assert all(owner.waited >= cell.waited for cell in could)
    marked = [cell for cell in cells if cell.shared]
    assert marked == (cells if owner.is_over and len(cells) > 1 else [])
    assert all(cell.shared == [IN_A_ROW] for cell in marked)


def test_work_alone_is_not_shared() -> None:
    """Work alone owns what moved and is not shared."""
    cell = Cell(1)
    assert row(cell).attribute(READING) is cell
    assert (cell.since, cell.shared) == (None, [])


def test_a_reading_ends_the_row() -> None:
    first, second = Cell(5), Cell(0.001)
    batch = row(first)
    first.is_unread = False
    batch.join(second)
    assert batch.attribute(READING) is second
    assert (second.shared, first.since) == ([], None)


def test_where_all_is_read_nobody_owns_it() -> None:
    cell = Cell(1, is_unread=False)
    assert row(cell).attribute(READING) is None


def test_a_call_is_read_before_the_next() -> None:
    """What could have spent is read before the next."""
    call, trivial, running = Cell(1), Cell(0.001), Cell(1, is_over=False)
    row(call, trivial, running).join(Cell(0, is_over=False))
    assert (call.hurried, trivial.hurried, running.hurried) == (3, 0, 0)
