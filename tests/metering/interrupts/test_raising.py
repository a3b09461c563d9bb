"""What is raised in stopped work."""

from __future__ import annotations

import asyncio
import pickle

import pytest

from evolink_nb.errors import BudgetExceeded
from evolink_nb.metering.interrupts.raising import is_due_to, is_stop, raisable
from tests.support.stops import a_stop


@pytest.mark.parametrize("base", [KeyboardInterrupt, asyncio.CancelledError])
def test_a_stop_is_an_interrupt_too(base: type[BaseException]) -> None:
    stop = a_stop()
    expected: list[bool] = []
    with pytest.raises(BudgetExceeded) as caught:
        raise raisable(stop, base, expected.append)
    assert isinstance(caught.value, base)
    assert not isinstance(caught.value, Exception)
    assert type(caught.value).__name__ == "BudgetExceeded"
    assert (str(caught.value), vars(caught.value), caught.value.args) == (str(stop), vars(stop), stop.args)
    assert expected == [True]
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert (type(again), vars(again)) == (BudgetExceeded, vars(stop))


def test_a_caught_stop_is_told_from_others() -> None:
    stop, other = a_stop(), a_stop()
    raised = raisable(stop, KeyboardInterrupt)()
    translated, unrelated = RuntimeError(), RuntimeError()
    translated.__cause__ = raised
    unrelated.__context__ = raised
    assert [is_stop(error, stop) for error in (stop, raised, unrelated)] == [True, True, True]
    assert [is_due_to(error, stop) for error in (raised, unrelated)] == [True, True]
    assert [is_due_to(error, stop) for error in (other, None)] == [False, False]
    assert [is_stop(error, stop) for error in (None, other, translated)] == [False, False, False]
