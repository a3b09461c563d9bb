"""Threads that stay a while for the next function: used again, and never left behind."""

from __future__ import annotations

import contextvars
import gc
import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from evolink_nb import runtime
from evolink_nb.runtime import Workers
from tests.support import threads
from tests.support.waiting import wait_until

NAME = "evolink-nb-test-worker"
PATIENCE = 60.0
LONG = 600.0
"""Seconds for which no thread of a test waits by itself."""

number = contextvars.ContextVar("number", default=0)


@pytest.fixture
def workers() -> Iterator[Workers]:
    """Workers whose threads wait for longer than any test takes."""
    workers = Workers(NAME, linger=LONG)
    yield workers
    workers.end_idle()


def thread_of(workers: Workers) -> threading.Thread:
    """The thread that the next function runs on."""
    return workers.start(threading.current_thread).result(PATIENCE)


def none_is_left() -> bool:
    return not threads.running(NAME)


def test_thread_is_used_again(workers: Workers) -> None:
    first = thread_of(workers)
    wait_until(lambda: thread_of(workers) is first)
    assert (first.name, first.daemon) == (NAME, True)


def test_functions_run_at_the_same_time(workers: Workers) -> None:
    together = threading.Barrier(3)
    waiting = [workers.start(lambda: together.wait(PATIENCE)) for _ in range(3)]
    assert sorted(each.result(PATIENCE) for each in waiting) == [0, 1, 2]


def test_each_runs_in_its_callers_context(workers: Workers) -> None:
    for value in (7, 8):
        token = number.set(value)
        try:
            assert workers.start(number.get).result(PATIENCE) == value
        finally:
            number.reset(token)


def test_failing_function_ends_no_thread(workers: Workers, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    first = thread_of(workers)
    wait_until(lambda: thread_of(workers) is first)
    assert isinstance(workers.start(fail).exception(PATIENCE), ZeroDivisionError)
    assert f"{NAME} failed." in caplog.text
    wait_until(lambda: thread_of(workers) is first)


def test_idle_thread_holds_nothing(workers: Workers) -> None:
    class Data:
        def use(self) -> None:
            """Be held while running."""

    data = Data()
    kept = weakref.ref(data)
    workers.start(data.use).result(PATIENCE)
    del data
    wait_until(lambda: kept() is None)


def test_idle_thread_ends_by_itself() -> None:
    workers = Workers(NAME, linger=0.01)
    thread_of(workers).join(PATIENCE)
    assert none_is_left()


def test_function_is_run_at_the_last_moment() -> None:
    """A thread that is about to end either runs what it is given, or lets another do it."""
    workers = Workers(NAME, linger=0.0005)
    for pause in range(300):
        assert workers.start(lambda: True).result(PATIENCE)
        time.sleep(pause % 10 / 10_000)
    wait_until(none_is_left)


def test_all_are_told_to_end(workers: Workers) -> None:
    """The idle ones at once, the others after the function that they run."""
    begun, go = threading.Event(), threading.Event()

    def work() -> threading.Thread:
        begun.set()
        assert go.wait(PATIENCE)
        return threading.current_thread()

    busy = workers.start(work)
    assert begun.wait(PATIENCE)
    idle = thread_of(workers)
    runtime.end_idle_threads()
    idle.join(PATIENCE)
    assert threads.running(NAME)
    go.set()
    busy.result(PATIENCE).join(PATIENCE)
    assert none_is_left()
    # And new ones begin.
    assert thread_of(workers) not in {idle, busy.result()}


def test_forgotten_workers_leave_no_thread() -> None:
    workers = Workers(NAME, linger=LONG)
    thread = thread_of(workers)
    del workers
    gc.collect()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_without_threads_it_is_run_at_once() -> None:
    done = Workers(NAME, threads=False).start(threading.current_thread)
    assert done.result(0) is threading.current_thread()


def test_no_thread_to_start_is_told(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            workers.start(threading.current_thread)
    assert thread_of(workers).name == NAME
