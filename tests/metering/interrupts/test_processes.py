"""The processes that a piece of work has started, and no others."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from evolink_nb.metering.interrupts import processes
from evolink_nb.metering.interrupts.processes import Processes
from tests.support.waiting import wait_until

SLEEP = [sys.executable, "-c", "import time; print('on', flush=True); time.sleep(60)"]


class Children:
    """Processes that the test starts, each of them running; none is left when it is over."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def start(self, command: list[str] = SLEEP, *, in_session: bool = False) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=in_session
        )
        self._stack.callback(child.wait)
        self._stack.callback(child.kill)
        assert child.stdout is not None
        self._stack.enter_context(child.stdout)
        child.stdout.readline()
        return child


@pytest.fixture
def children() -> Iterator[Children]:
    """Starts processes."""
    with ExitStack() as stack:
        yield Children(stack)


@pytest.fixture(params=["proc", "psutil"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How processes are found: on Linux, and elsewhere."""
    monkeypatch.setattr(processes, "HAS_PROC", request.param == "proc")
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_only_what_began_since_is_found(children: Children) -> None:
    before = children.start()
    since = Processes.from_now()
    # A process's beginning is known to a hundredth of a second.
    late = replace(since, since=since.since + 0.02)
    assert before.pid not in late.running()
    child, apart = children.start(), children.start(in_session=True)
    assert {child.pid, apart.pid} <= set(since.running())
    child.kill()
    wait_until(lambda: child.pid not in since.running())


@pytest.mark.usefixtures("way")
def test_a_signal_reaches_grandchildren(children: Children) -> None:
    """A shell outlives an interrupt that its own child doesn't get."""
    since = Processes.from_now()
    loop = "echo on; while true; do sleep 60; done"
    shell = children.start(["bash", "-c", loop])
    wait_until(lambda: len(since.running()) == 2)
    since.send(signal.SIGINT)
    assert shell.wait(20) == -signal.SIGINT
    wait_until(lambda: since.running() == [])


def test_a_thread_finds_its_own_only(children: Children) -> None:
    since = Processes.from_now(of_this_thread=True)
    elsewhere: list[int] = []
    begun, over = threading.Event(), threading.Event()

    def start() -> None:
        elsewhere.append(children.start().pid)
        begun.set()
        over.wait()

    thread = threading.Thread(target=start)
    thread.start()
    begun.wait(20)
    mine = children.start()
    assert since.running() == [mine.pid]
    assert set(Processes.from_now().running()) == set()
    over.set()
    thread.join()


def test_without_a_way_none_is_found(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "HAS_PROC", False)
    monkeypatch.setitem(sys.modules, "psutil", None)
    since = Processes.from_now()
    children.start()
    assert since.running() == []
