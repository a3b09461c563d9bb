"""Which costs other kernels' work may be in, by what these have recorded; and which it can't be in."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.metering.attribution.movements import Movement
from evolink_nb.metering.attribution.overlaps import (
    is_explained,
    is_open,
    mark_shared,
    ran_beside,
    unexplained_in,
    withdraw_late,
)
from evolink_nb.metering.attribution.own_time import KEPT_FOR, OwnTime
from evolink_nb.metering.attribution.quiet import QuietTime
from evolink_nb.metering.attribution.unattributed import ELSEWHERE_FOR, Unattributed, amend
from evolink_nb.metering.attribution.verdict import ELSEWHERE, STILL_SPENDING
from evolink_nb.metering.attribution.work import Work
from evolink_nb.metering.cost import Confidence, Cost
from evolink_nb.metering.other_kernels import Run, Seen, UnexplainedSpending
from tests.support.readings import moved

QUIET = 6.0
BEGAN, ENDED, SETTLED = 1000.0, 1010.0, 1011.0
FOUR = Decimal(4)

times = st.floats(0, 3000)
lengths = st.floats(0, 500)


def work(confidence: Confidence = "clean", *, spent: Decimal = FOUR, is_final: bool = True) -> Work:
    """Work from `BEGAN` to `ENDED`, whose charges had all shown by `SETTLED`."""
    return Work(
        BEGAN,
        ended=ENDED,
        before=moved(BEGAN - 1),
        after=moved(SETTLED + QUIET, spent=spent),
        settled_at=SETTLED,
        cost=Cost(token=spent, user=spent, settled=True, confidence=confidence, reason="so far"),
        is_final=is_final,
    )


def run(began: float, ended: float, credits: Decimal | None = FOUR, **more: object) -> Run:
    return replace(Run("host:2", "work/other.ipynb", began, ended, credits), **more)  # type: ignore[arg-type]


def resting() -> OwnTime:
    """A kernel that ran nothing but at its very beginning."""
    own = OwnTime(0)
    own.end(0)
    return own


def word_of(mine: Work, seen: Seen, unattributed: Unattributed | None = None) -> tuple[str, str]:
    mark_shared([mine], unattributed or Unattributed(), seen, resting(), quiet=QUIET)
    return mine.cost.confidence, mine.cost.reason


# -- work of other kernels ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("began", "ended", "words"),
    [
        (1002, 1003, "other.ipynb used the same key meanwhile"),
        (400, 2000, "other.ipynb used the same key meanwhile"),
        (990, 995, "other.ipynb had just used the same key"),
        (980, 992, None),
        (1012, 1013, None),
    ],
    ids=["within", "around", "hardly over", "over and settled", "begun later"],
)
def test_work_that_overlaps_is_named(began: float, ended: float, words: str | None) -> None:
    expected = ("clean", "so far") if words is None else ("shared", words)
    assert word_of(work(), Seen((run(began, ended),))) == expected


def test_an_unknown_notebook_is_another() -> None:
    seen = Seen((run(1002, 1003, notebook=""),))
    assert word_of(work(), seen) == ("shared", "another notebook used the same key meanwhile")
    seen = Seen((run(1002, 1003, notebook="C:\\work\\mine.ipynb"),))
    assert word_of(work(), seen)[1].startswith("mine.ipynb used")


@given(lengths, lengths, st.booleans())
def test_a_restart_makes_no_cost_shared(rest: float, lasted: float, is_confirmed: bool) -> None:
    """All of an earlier kernel's charges had shown before this work's first reading."""
    ended = BEGAN - 1 - rest - (0.001 if is_confirmed else QUIET + 0.001)
    earlier = run(ended - lasted, ended, is_confirmed=is_confirmed)
    assert word_of(work(), Seen((earlier,)))[0] == "clean"


@given(times, lengths, st.none() | st.decimals(0, 9, places=1), st.booleans(), st.booleans())
def test_no_overlap_stays_clean(
    began: float, lasted: float, credits: Decimal | None, is_settled: bool, is_confirmed: bool
) -> None:
    """Whatever can't be shown to be elsewhere in time makes it shared; work known to cost nothing never."""
    other = run(began, began + lasted, credits, is_settled=is_settled, is_confirmed=is_confirmed)
    may_be_in = began <= SETTLED and began + lasted + (0 if is_confirmed else QUIET) >= BEGAN - 1
    spent = credits is None or credits > 0 or not is_settled
    assert (word_of(work(), Seen((other,)))[0] == "clean") == (not (may_be_in and spent))


@pytest.mark.parametrize("confidence", ["confirmed", "unsettled", "inconsistent", "unknown", "shared"])
def test_other_words_stay_as_they_are(confidence: Confidence) -> None:
    seen = Seen((run(1002, 1003),))
    assert word_of(work(confidence), seen) == (confidence, "so far")


def test_nothing_spent_is_nobodys() -> None:
    nothing = work(spent=Decimal(0))
    assert not is_open(nothing)
    assert word_of(nothing, Seen((run(1002, 1003),)))[0] == "clean"


def test_it_is_known_before_it_is_said() -> None:
    """A cost that still settles is never called clean: its row goes by `Work.shared`."""
    mine = work("unsettled", is_final=False)
    mark_shared([mine], Unattributed(), Seen((run(1002, 1003),)), resting(), quiet=QUIET)
    assert mine.shared == "other.ipynb used the same key meanwhile"
    assert mine.cost.confidence == "unsettled"
    assert not is_open(mine)


def test_the_latest_is_named() -> None:
    runs = (run(1002, 1004, notebook="a"), run(1001, 1009, notebook="b"), run(1003, 1005, notebook="c"))
    assert ran_beside(work(), runs, quiet=QUIET) == "b used the same key meanwhile"


# -- charges that came late ----------------------------------------------------------------------------------


def amended(spent: Decimal = FOUR, *, seen_at: float = 1040.0) -> Work:
    """Work that was charged late, by a reading a minute after the one before it."""
    mine = work(spent=Decimal(1))
    late = Movement(spent, spent, (), mine.after or moved(SETTLED), moved(seen_at, spent=1 + spent))
    amend(mine, late, spent, QuietTime(QUIET))
    return mine


@pytest.mark.parametrize(
    ("runs", "is_others"),
    [
        ((run(1030, 1035),), True),
        ((run(1030, 1035, Decimal(9)),), True),
        ((run(1030, 1035, Decimal(3)), run(1020, 1021, Decimal(1))), True),
        ((run(1030, 1035, Decimal(3)),), False),
        ((run(1030, 1035, Decimal(3)), run(1020, 1021, Decimal(1), within=True)), False),
        ((run(1041, 1045),), False),
        ((run(1000, 1001),), False),
        ((run(1030, 1035, None),), False),
        ((run(1030, 1035, is_settled=False),), False),
        ((), False),
    ],
    ids=[
        "as much",
        "more",
        "two as much",
        "less",
        "within another",
        "begun later",
        "long over",
        "unknown",
        "not settled",
        "none",
    ],
)
def test_others_explain_a_late_charge(runs: tuple[Run, ...], is_others: bool) -> None:
    mine, unattributed = amended(), Unattributed()
    assert is_open(mine)
    assert withdraw_late([mine], unattributed, runs, QuietTime(QUIET)) == is_others
    assert mine.cost.token == (1 if is_others else 5)
    assert mine.cost.confidence == ("clean" if is_others else "shared")
    assert unattributed.has_idle == is_others


def test_a_withdrawal_hides_no_overlap() -> None:
    """Another kernel ran beside the work, too; and what it spent late is recorded only afterwards."""
    mine, unattributed = amended(), Unattributed()
    beside, later = run(1002, 1003), run(1030, 1035, kernel="host:3")
    mark_shared([mine], unattributed, Seen((beside,)), resting(), quiet=QUIET)
    assert withdraw_late([mine], unattributed, (beside, later), QuietTime(QUIET))
    mark_shared([mine], unattributed, Seen((beside, later)), resting(), quiet=QUIET)
    assert mine.cost.token == 1
    assert mine.cost.confidence == "shared"


def test_a_late_refund_stays() -> None:
    mine = amended(-FOUR)
    assert not withdraw_late([mine], Unattributed(), (run(1030, 1035),), QuietTime(QUIET))


# -- what other kernels saw ---------------------------------------------------------------------------------


def test_use_elsewhere_is_heard_of() -> None:
    """It counts for this cost, and for those to come."""
    unattributed = Unattributed()
    seen = Seen(unexplained=(UnexplainedSpending("host:2", 700, 710, FOUR),))
    assert word_of(work(), seen, unattributed) == ("shared", ELSEWHERE)
    assert unattributed.is_elsewhere(709 + ELSEWHERE_FOR)
    assert not unattributed.is_elsewhere(710 + ELSEWHERE_FOR)


@pytest.mark.parametrize("until", [BEGAN - ELSEWHERE_FOR - 1, SETTLED + QUIET + 1])
def test_use_at_another_time_is_no_matter(until: float) -> None:
    seen = Seen(unexplained=(UnexplainedSpending("host:2", until - 1, until, FOUR),))
    assert word_of(work(), seen)[0] == "clean"


def test_own_work_is_not_elsewhere() -> None:
    """Another kernel sees this one spend: in a cell, or charged a little after it."""
    own = OwnTime(0)
    own.end(10)
    own.begin(700)
    own.end(705)
    for since, until, is_own in ((0, 9, True), (690, 701, True), (708, 720, True), (712, 720, False)):
        assert is_explained(UnexplainedSpending("host:2", since, until, FOUR), (), own, quiet=QUIET) == is_own


def test_without_cells_it_may_all_be_own() -> None:
    own = OwnTime(500)
    assert not own.overlaps(100, 499)
    assert own.overlaps(800, 900)


def test_what_ran_long_ago_is_forgotten() -> None:
    own = resting()
    for began in range(0, 100_000, 10):
        own.begin(began)
        own.end(began + 5)
    assert own.overlaps(99_995, 99_996)
    assert not own.overlaps(0, 99_990 - KEPT_FOR - 20)
    own.begin(100_001)
    own.begin(100_002)
    own.end(100_003)
    assert not own.overlaps(100_004, 100_005)


@pytest.mark.parametrize(
    ("runs", "is_told"),
    [
        ((run(700, 705, kernel="host:3"),), True),
        ((run(690, 695, kernel="host:3", credits=None),), True),
        ((run(700, 705, kernel="host:3", credits=Decimal(3)),), False),
        ((run(700, 705, Decimal(3), kernel="host:3"), run(701, 705, Decimal(1), kernel="host:4")), True),
        ((run(700, 705, kernel="host:3", within=True),), False),
        ((run(700, 705),), False),
        ((run(650, 660, kernel="host:3"),), False),
    ],
    ids=["whole", "unknown cost", "a part", "two parts", "counted already", "its own", "earlier"],
)
def test_a_third_kernel_may_explain_it(runs: tuple[Run, ...], is_told: bool) -> None:
    """Two kernels that work in turn are no use elsewhere, whoever watches them."""
    each = UnexplainedSpending("host:2", 698, 710, FOUR)
    assert is_explained(each, runs, resting(), quiet=QUIET) == is_told
    assert word_of(work(), Seen(runs, (each,)))[0] == ("clean" if is_told else "shared")


def test_records_tell_of_use_elsewhere() -> None:
    """What was spent while nothing ran, if no cell can have; and what went on after work."""
    other = run(700, 710)
    assert unexplained_in(other, kind="idle", reason=ELSEWHERE, quiet=QUIET) == UnexplainedSpending(
        "host:2", 700, 710, FOUR
    )
    assert unexplained_in(other, kind="cell", reason=STILL_SPENDING, quiet=QUIET) == UnexplainedSpending(
        "host:2", 710, 716
    )
    # Told by others: it must not be told on for ever.
    assert unexplained_in(other, kind="cell", reason=ELSEWHERE, quiet=QUIET) is None
    assert unexplained_in(other, kind="idle", reason="its own", quiet=QUIET) is None
