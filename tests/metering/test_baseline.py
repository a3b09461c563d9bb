"""How things stood before the work, by readings whose ages come from one clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from evolink_nb.errors import APIConnectionError
from evolink_nb.metering.baseline import READ_EARLIER, SPENT_BEFORE, Found, LastKnown, ReadNow
from evolink_nb.metering.batch import Batch
from evolink_nb.metering.settlement import SettleTiming
from tests.support.readings import moved

if TYPE_CHECKING:
    from evolink_nb.credits import Credits

TIMING = SettleTiming(baseline_age=1.0)


class Fetcher:
    """Holds a reading, and notes what is asked of it."""

    def __init__(self, known: Credits | None) -> None:
        self.credits = known
        self.refreshed = 0

    def refresh(self) -> None:
        self.refreshed += 1

    def read(self, *, join: bool) -> Credits:
        assert not join
        if self.credits is None:
            raise APIConnectionError("No answer.")
        return self.credits


def begin(known: Credits | None, now: float) -> tuple[LastKnown, Credits | None, int]:
    """Begin work at that time, and say what was asked for."""
    baseline, fetcher = LastKnown(Batch()), Fetcher(known)
    before = baseline.begin(as_fetcher(fetcher), now, TIMING)
    return baseline, before, fetcher.refreshed


def as_fetcher(fetcher: Fetcher) -> Any:
    return fetcher


def test_reading_first_takes_one_of_its_own() -> None:
    known = moved(5)
    assert ReadNow().begin(as_fetcher(Fetcher(known)), 5.0, TIMING) is known
    assert ReadNow().begin(as_fetcher(Fetcher(None)), 5.0, TIMING) is None
    assert ReadNow().find([known], began=0, ended=9, timing=TIMING) == Found(None)


def test_a_new_reading_serves() -> None:
    """A new reading serves and none is asked for."""
    known = moved(5)
    assert begin(known, 6.0)[1:] == (known, 0)


@pytest.mark.parametrize("known", [None, moved(4.9), moved(5.9, requested_at=4.9)])
def test_an_old_reading_does_not_serve(known: Credits | None) -> None:
    """An old one does not however late it came."""
    # What was spent while it was under way may not be in it: its age counts from when it was asked for.
    assert begin(known, 6.0)[1:] == (None, 1)


def find(known: Credits | None, *readings: Credits) -> Found:
    """How things stood before work from 60 to 70."""
    baseline, _, _ = begin(known, 60.0)
    return baseline.find(readings, began=60.0, ended=70.0, timing=TIMING)


def test_two_alike_are_how_things_stood() -> None:
    known = moved(5)
    assert find(known, known, moved(61), moved(62, spent=9)) == Found(known, None)


def test_earlier_spending_is_nobody_s() -> None:
    """What moved before the work is nobody's."""
    known, beside = moved(5), moved(61, spent=3)
    assert find(known, known, beside) == Found(beside, SPENT_BEFORE)
    assert find(None, beside) == Found(beside, SPENT_BEFORE)


def test_no_reading_beside_is_not_sure() -> None:
    """Without a reading beside it is not sure."""
    known = moved(5)
    assert find(known, known, moved(71, spent=3)) == Found(known, READ_EARLIER)
    assert find(None, moved(71)) == Found(None, SPENT_BEFORE)


def test_an_old_request_is_none_beside() -> None:
    """One asked for long before is none beside."""
    known, slow = moved(5), moved(61, requested_at=50)
    assert find(known, slow) == Found(known, READ_EARLIER)
    on_its_way = moved(61, requested_at=59.5)
    assert find(known, on_its_way) == Found(known, None)
