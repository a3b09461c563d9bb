"""What nobody measures may have spent what shows later: no cost that may hold it is called clean."""

from __future__ import annotations

from decimal import Decimal

import pytest

from evolink_nb.api.calls import Call
from evolink_nb.metering.attribution.quiet import QUIET, QuietTime
from evolink_nb.metering.attribution.row import Row
from evolink_nb.metering.attribution.verdict import BESIDE_UNMEASURED
from evolink_nb.metering.attribution.work import MIN_PAID_CALL_SECONDS, Work
from evolink_nb.metering.unmeasured import UnmeasuredWork
from tests.support.readings import moved

TOLD = "cell 2 and unmeasured work"


class Kernel:
    """The cells of a kernel as an account's row hears of them; it was at rest until 10 s."""

    def __init__(self) -> None:
        self.row = Row(QuietTime())
        self.unmeasured = UnmeasuredWork(self.row)
        self.row.record(moved(10))

    def run(self, begins: float, ends: float, *, computes: float = 0.0) -> None:
        """Run a cell that isn't measured."""
        self.unmeasured.set_busy(begins, lambda: 0.0, busy=True)
        self.unmeasured.set_busy(ends, lambda: computes, busy=False)

    def measure(self, begins: float, ends: float, call: Call | None = None) -> Work:
        """Run a measured cell, after a reading that shows nothing."""
        self.row.record(moved(begins))
        work = Work(begins, number=2, calls=[] if call is None else [call])
        self.row.begin(work)
        work.ended = ends
        return work

    def settle(self, at: float, spent: int) -> None:
        """Read the balance then, and when the account has rested."""
        self.row.record(moved(at, spent=spent))
        self.row.record(moved(at + QUIET, spent=spent))


@pytest.fixture
def kernel() -> Kernel:
    """A kernel that has run nothing yet."""
    return Kernel()


def test_a_late_charge_may_be_of_either(kernel: Kernel) -> None:
    """Also where a reading between the two cells shows nothing."""
    kernel.run(11, 12)
    work = kernel.measure(14, 15)
    kernel.settle(16, spent=2)
    assert (work.cost.confidence, work.cost.reason) == ("shared", BESIDE_UNMEASURED)
    assert work.cost.together is not None
    assert (work.cost.together.label, work.cost.together.credits) == (TOLD, Decimal(2))


@pytest.mark.parametrize(
    ("begins", "ends", "computes"),
    [(12, 12 + MIN_PAID_CALL_SECONDS / 2, 0.0), (11, 13, 2.0), (11, 14 - QUIET - 0.1, 0.0)],
    ids=["too short for a call", "it only computed", "it ended long enough before"],
)
def test_what_can_have_spent_nothing_is_out(
    kernel: Kernel, begins: float, ends: float, computes: float
) -> None:
    kernel.run(min(begins, ends - 1e-3), ends, computes=computes)
    work = kernel.measure(14, 15)
    kernel.settle(16, spent=2)
    assert (work.cost.credits, work.cost.confidence, work.cost.together) == (Decimal(2), "clean", None)


def test_many_short_waits_are_no_call(kernel: Kernel) -> None:
    """As of a widget that is looked at again and again."""
    for number in range(40):
        kernel.run(11 + number / 20, 11 + number / 20 + MIN_PAID_CALL_SECONDS / 2)
    work = kernel.measure(14, 15)
    kernel.settle(16, spent=2)
    assert work.cost.confidence == "clean"


def test_receipts_confirm_no_cost_beside_it(kernel: Kernel) -> None:
    """Its own call may have come to nothing, and the other have cost as much."""
    kernel.run(11, 13)
    work = kernel.measure(14, 15, Call("account", 14, 15, Decimal(2)))
    kernel.settle(16, spent=2)
    assert work.cost.confidence == "shared"


def test_what_it_spent_is_not_lost(kernel: Kernel) -> None:
    """What may be the measured work's, and is put down to the other, is a row of its own."""
    kernel.run(11, 13.9)
    work = kernel.measure(14, 14.1)
    kernel.row.record(moved(14.1))
    kernel.unmeasured.set_busy(14.1, lambda: 0.0, busy=True)
    kernel.row.record(moved(20, spent=3))
    kernel.unmeasured.set_busy(20, lambda: 0.0, busy=False)
    kernel.settle(21, spent=3)
    [idle] = kernel.row.unattributed.take_idle()
    assert work.cost.credits is not None
    assert work.cost.credits + idle.credits == 3


# -- refused calls -----------------------------------------------------------------------------------------


def refused(at: float) -> Call:
    """A call that was never sent."""
    return Call("account", at, at, Decimal(0), is_refused=True)


def refuse(kernel: Kernel, at: float, *works: Work) -> None:
    call = refused(at)
    kernel.unmeasured.add_call(call, works)
    kernel.unmeasured.end_call(call)


def test_a_refused_call_is_no_work(kernel: Kernel) -> None:
    """As of a thread that asks between two cells: nothing of a later cost can be its own."""
    refuse(kernel, 12)
    assert kernel.row.works == []
    work = kernel.measure(14, 15)
    kernel.settle(16, spent=2)
    assert (work.cost.credits, work.cost.confidence) == (Decimal(2), "clean")


def test_refusals_leave_running_work_alone(kernel: Kernel) -> None:
    """A call under way and an unmeasured cell stay what they are, whatever else is refused."""
    kernel.unmeasured.set_busy(11, lambda: 0.0, busy=True)
    under_way = Call("account", 11.5)
    kernel.unmeasured.add_call(under_way, ())
    refuse(kernel, 12)
    [work] = kernel.row.works
    assert under_way in work.calls
    assert work.ended is None


def test_of_many_refusals_one_is_kept(kernel: Kernel) -> None:
    """Work may ask again and again, and its calls are looked through at each reading."""
    work = kernel.measure(14, 15, Call("account", 14, 14.5, Decimal(1)))
    for number in range(100):
        refuse(kernel, 14.5 + number / 1000, work)
    assert [call.is_refused for call in work.calls] == [False, True]
    assert work.calls[1].began_at == 14.599
    assert work.has_all_receipts
