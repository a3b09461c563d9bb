"""The registry of budgets: what is armed, what follows, what shows stops."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass, field
from decimal import Decimal

from evolink_nb.errors import BudgetExceeded
from evolink_nb.metering.budgets.registry import Budgets
from evolink_nb.metering.interrupt import InterruptTarget


def stop_of(name: str) -> BudgetExceeded:
    return BudgetExceeded(name, name=name, max_credits=Decimal(1), spent=Decimal(1), over=Decimal(0))


@dataclass(eq=False)
class Double:
    """A budget that takes part in a registry and watches nothing."""

    registry: Budgets
    target: InterruptTarget | None = None
    exceeded: BudgetExceeded | None = None
    log: list[str] = field(default_factory=list)
    name: str = "a budget"
    max_credits: Decimal = Decimal(5)
    spent: Decimal = Decimal(0)

    def conclude(self) -> None:
        self.log.append("conclude")

    def disarm(self, _error: BaseException | None = None) -> BudgetExceeded | None:
        self.log.append("disarm")
        self.registry.discard(self)
        return self.exceeded

    def begin_work(self, work: InterruptTarget, *, is_brief: bool = False) -> None:  # noqa: ARG002
        self.log.append("begin")
        self.target = work

    def end_work(self, _error: BaseException | None = None) -> BudgetExceeded | None:
        self.log.append("end")
        return self.exceeded

    def cancel(self) -> None:
        self.log.append("cancel")
        self.registry.discard_session(self)


def test_the_stop_of_a_thread_is_found() -> None:
    registry = Budgets()
    quiet, stopping = Double(registry, InterruptTarget()), Double(registry, InterruptTarget(), stop_of("b"))
    registry.add(quiet)
    assert registry.stopped(threading.get_ident()) is None
    assert not registry.stops(InterruptTarget())
    registry.add(stopping)
    assert registry.stopped(threading.get_ident()) is stopping.exceeded
    assert registry.stopped(threading.get_ident() + 1) is None
    assert registry.stops(InterruptTarget())


def test_disarming_a_thread_leaves_no_other() -> None:
    registry = Budgets()
    mine = Double(registry, InterruptTarget(), stop_of("mine"))
    elsewhere: list[InterruptTarget] = []
    thread = threading.Thread(target=lambda: elsewhere.append(InterruptTarget()))
    thread.start()
    thread.join()
    other = Double(registry, elsewhere[0])
    registry.add(mine)
    registry.add(other)
    assert registry.disarm_thread() is mine.exceeded
    assert other.log == []
    assert registry.any_armed()


def test_sessions_begin_and_end_with_work() -> None:
    registry = Budgets()
    first, second = Double(registry, exceeded=stop_of("first")), Double(registry, exceeded=stop_of("second"))
    registry.add_session(first)
    registry.add_session(second)
    registry.begin_work(InterruptTarget())
    assert registry.end_work() is first.exceeded
    assert first.log == second.log == ["begin", "end"]


def test_a_listener_hears_until_removed() -> None:
    registry, heard = Budgets(), []

    def listener() -> None:
        heard.append(registry.are_shown)

    registry.add_listener(listener)
    registry.add_session(Double(registry))
    registry.remove_listener(listener)
    registry.remove_listener(listener)
    registry.add_session(Double(registry))
    assert heard == [True]
    assert not registry.are_shown


def test_passing_budgets_are_no_sessions() -> None:
    """What ends with its work: cells', meters' and loops', and not what goes on after it."""
    registry = Budgets()
    armed, session, loop = Double(registry), Double(registry), Double(registry)
    registry.add_session(session)
    for each in (armed, session):
        registry.add(each)
    registry.loops.append(loop)
    assert registry.passing == (armed, loop)
    registry.loops.remove(loop)
    registry.discard(armed)
    assert not registry.passing


def test_cancelling_all_leaves_nothing() -> None:
    registry = Budgets()
    armed, session = Double(registry), Double(registry)
    registry.add(armed)
    registry.add_session(session)
    registry.cancel_all()
    assert (armed.log, session.log) == (["disarm"], ["cancel"])
    assert not registry.any_armed()
    assert registry.end_work() is None


def test_a_forked_child_has_no_budget() -> None:
    registry = Budgets()
    with registry.lock:  # as of a thread that the child doesn't have
        registry.add(Double(registry))
        registry.add_session(Double(registry))
        registry.add_listener(lambda: None)
        registry.after_fork()
        thread = threading.Thread(target=lambda: registry.add_session(Double(registry)))
        thread.start()
        thread.join(60)
        assert not thread.is_alive()
    assert not registry.any_armed()
    assert not registry.are_shown


def test_a_real_fork_forgets_budgets() -> None:
    """In a process of its own: this one has threads."""
    lines = (
        "import os, sys",
        "from types import SimpleNamespace",
        "from evolink_nb.metering.budgets.registry import budgets",
        "budgets.add(SimpleNamespace(exceeded=None, target=None))",
        "child = os.fork()",
        "if child == 0: os._exit(budgets.any_armed())",
        "in_child = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])",
        "print(in_child, budgets.any_armed())",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", "True"]
