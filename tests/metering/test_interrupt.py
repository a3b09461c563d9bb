"""What an interrupt reaches and how it is sent: decided without sending one."""

from __future__ import annotations

import asyncio
import itertools
import signal
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_nb.metering.interrupt import (
    Delivery,
    InterruptTarget,
    choose_task_delivery,
    choose_thread_delivery,
    is_within,
)

CELL = ("run_code", "run_cell", "run_cell_async")


@pytest.mark.parametrize(
    ("functions", "within"),
    [
        (["sleep", "<module>", "run_code", "run_cell"], True),
        (["post_execute", "run_cell_async", "run_cell"], False),
        (["run_cell"], False),
        # A terminal's cell awaits in a loop of its own; a kernel's in the loop that runs everything.
        (["select", "run_forever", "run_cell"], True),
        (["<module>", "run_code", "run_cell_async", "run_forever"], True),
        (["fire", "run_cell_async", "run_forever"], False),
        (["something", "else"], True),
        ([], True),
    ],
)
def test_a_cell_is_known_by_its_stack(functions: list[str], within: bool) -> None:
    assert is_within(functions, *CELL) is within


@given(st.lists(st.sampled_from(["work", *CELL, "run_forever"])))
def test_the_innermost_function_decides(functions: list[str]) -> None:
    known = [name for name in functions if name != "work"]
    assert is_within(functions, *CELL) is (not known or known[0] in {"run_code", "run_forever"})


@pytest.mark.parametrize(
    ("escalate", "responds", "runs", "delivery"),
    [
        (True, False, True, Delivery.CANCELLED_ERROR),
        (True, False, False, Delivery.NONE),  # another task blocks the loop
        (True, True, True, Delivery.NONE),
        (False, False, True, Delivery.NONE),
    ],
)
def test_a_task_that_blocks_its_loop(escalate: bool, responds: bool, runs: bool, delivery: Delivery) -> None:
    chosen = choose_task_delivery(escalate=escalate, loop_responds=responds, runs_now=runs)
    assert chosen is delivery


def test_no_thread_gets_what_could_harm_it() -> None:
    handlers = (signal.default_int_handler, signal.SIG_IGN, signal.SIG_DFL, None, lambda *_: None)
    for is_main, is_running, escalate, responds, handler in itertools.product(
        (True, False), (True, False), (True, False), (True, False), handlers
    ):
        chosen = choose_thread_delivery(
            is_main=is_main, is_running=is_running, escalate=escalate, loop_responds=responds, handler=handler
        )
        if not is_main:
            assert chosen is Delivery.KEYBOARD_INTERRUPT
        elif not is_running:
            assert chosen is Delivery.NONE
        elif escalate and not responds and handler is not signal.default_int_handler:
            assert chosen is Delivery.CANCELLED_ERROR
        else:
            assert chosen is (Delivery.SIGNAL if callable(handler) else Delivery.NONE)


def test_a_thread_contains_what_it_runs() -> None:
    mine = InterruptTarget()
    others: list[InterruptTarget] = []
    thread = threading.Thread(target=lambda: others.append(InterruptTarget()))
    thread.start()
    thread.join()
    assert mine.contains(InterruptTarget())
    assert not mine.contains(others[0])
    assert not others[0].contains(mine)


def test_a_task_contains_its_own_only() -> None:
    async def target() -> InterruptTarget:
        return InterruptTarget(task=asyncio.current_task())

    async def nested() -> tuple[InterruptTarget, InterruptTarget, InterruptTarget]:
        own = InterruptTarget(task=asyncio.current_task())
        return own, InterruptTarget(), await asyncio.create_task(target())

    whole_thread = InterruptTarget()
    own, within, other = asyncio.run(nested())
    assert own.contains(within)
    assert not own.contains(other)
    assert not own.contains(whole_thread)
    assert whole_thread.contains(own)
    assert (own.is_task, within.is_task) == (True, False)


def test_work_runs_while_on_the_stack() -> None:
    def run_code() -> bool:
        return InterruptTarget(within=CELL).is_running

    def run_cell(*, code_runs: bool) -> bool:
        return run_code() if code_runs else InterruptTarget(within=CELL).is_running

    assert run_cell(code_runs=True)
    assert not run_cell(code_runs=False)
    assert InterruptTarget().is_running


def test_what_was_not_sent_is_not_awaited() -> None:
    InterruptTarget().drain()
