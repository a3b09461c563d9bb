"""How a stop is delivered to running work: decided without sending one."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.metering.interrupts.delivery import (
    Delivery,
    Runs,
    Where,
    choose_for_task,
    choose_for_thread,
    choose_on_arrival,
    locate,
)

CELL = ("run_code", "run_cell", "run_cell_async")


@pytest.mark.parametrize(
    ("functions", "where"),
    [
        (["sleep", "<module>", "run_code", "run_cell"], Where.WORK),
        (["post_execute", "run_cell_async", "run_cell"], Where.OVER),
        (["run_cell"], Where.OVER),
        # A terminal's cell awaits in a loop of its own; a kernel's in the loop that runs everything.
        (["select", "run_forever", "run_cell"], Where.LOOP),
        (["<module>", "run_code", "run_cell_async", "run_forever"], Where.WORK),
        (["fire", "run_cell_async", "run_forever"], Where.OVER),
        (["close", "__del__", "<module>", "run_code"], Where.FINALIZER),
        (["something", "else"], Where.UNKNOWN),
        ([], Where.UNKNOWN),
    ],
)
def test_a_cell_is_known_by_its_stack(functions: list[str], where: Where) -> None:
    assert locate(functions, *CELL) is where


@given(st.lists(st.sampled_from(["work", *CELL, "run_forever"])))
def test_the_innermost_function_decides(functions: list[str]) -> None:
    known = [name for name in functions if name != "work"]
    expected = {"run_code": Where.WORK, "run_forever": Where.LOOP}
    assert locate(functions, *CELL) is (expected.get(known[0], Where.OVER) if known else Where.UNKNOWN)


def test_no_arrival_harms_a_loop_around_it() -> None:
    """Nothing ends a loop that others use too, nor reaches work that is over."""
    for where, runs, is_task, escalate in itertools.product(Where, Runs, (True, False), (True, False)):
        chosen = choose_on_arrival(where=where, runs=runs, is_task=is_task, escalate=escalate)
        if chosen in {Delivery.INTERRUPT, Delivery.PLAIN}:
            assert where is not Where.OVER
            assert runs in {Runs.NO_LOOP, Runs.INNER_LOOP} or not is_task
        if where in {Where.FINALIZER, Where.OVER}:
            assert chosen is Delivery.NONE
            continue
        if runs is Runs.ELSE and where is not Where.WORK:
            assert chosen is Delivery.WHERE_IT_AWAITS
        if runs is Runs.AWAITED_TASK:
            assert chosen is Delivery.CANCELLATION


@pytest.mark.parametrize(
    ("where", "runs", "escalate", "delivery"),
    [
        (Where.UNKNOWN, Runs.NO_LOOP, False, Delivery.INTERRUPT),
        (Where.UNKNOWN, Runs.NO_LOOP, True, Delivery.PLAIN),
        (Where.LOOP, Runs.INNER_LOOP, False, Delivery.ALL_TASKS),
        (Where.LOOP, Runs.INNER_LOOP, True, Delivery.INTERRUPT),
        (Where.WORK, Runs.OWN_TASK, False, Delivery.INTERRUPT),
        (Where.OVER, Runs.OWN_TASK, False, Delivery.NONE),
        (Where.OVER, Runs.INNER_LOOP, True, Delivery.NONE),
        (Where.LOOP, Runs.ELSE, False, Delivery.WHERE_IT_AWAITS),
    ],
)
def test_what_a_signal_does_to_a_cell(where: Where, runs: Runs, escalate: bool, delivery: Delivery) -> None:
    assert choose_on_arrival(where=where, runs=runs, is_task=False, escalate=escalate) is delivery


@pytest.mark.parametrize(
    ("escalate", "responds", "runs", "delivery"),
    [
        (True, False, True, Delivery.CANCELLATION),
        (True, False, False, Delivery.NONE),  # another task blocks the loop
        (True, True, True, Delivery.NONE),
        (False, False, True, Delivery.NONE),
    ],
)
def test_a_task_that_blocks_its_loop(escalate: bool, responds: bool, runs: bool, delivery: Delivery) -> None:
    assert choose_for_task(escalate=escalate, loop_responds=responds, runs_now=runs) is delivery


def test_no_thread_gets_what_could_harm_it() -> None:
    for is_running, escalate, responds in itertools.product((True, False), repeat=3):
        chosen = choose_for_thread(is_running=is_running, escalate=escalate, loop_responds=responds)
        if not is_running:
            assert chosen is Delivery.NONE
        else:
            is_blocked = escalate and not responds
            assert chosen is (Delivery.CANCELLATION if is_blocked else Delivery.INTERRUPT)
