"""How long a thread has computed, whatever else the machine does."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time

import pytest

from evolink_nb.thread_time import _Statistics, own_wait, thread_time


def test_waiting_for_a_processor_is_no_wait() -> None:
    """However many others compete for it, work that only computes has hardly waited."""
    command = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(command) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        began, computed, alone = time.monotonic(), thread_time(), time.thread_time()
        while time.monotonic() - began < 1.0:
            pass
        took, computed = time.monotonic() - began, thread_time() - computed
        alone = time.thread_time() - alone
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert computed - alone > 0.5 * (took - alone)
    assert computed < 1.2 * took


def test_waiting_for_us_is_no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor within another such wait: it counts once."""
    # What is known of earlier waits for a processor must not be older than this.
    monkeypatch.setattr("evolink_nb.thread_time._FRESH_FOR", 0.0)
    began, computed = time.monotonic(), thread_time()
    with own_wait():
        with own_wait():
            threading.Event().wait(0.05)
        threading.Event().wait(0.05)
    computed = thread_time() - computed
    took = time.monotonic() - began
    assert took >= 0.1
    assert 0.09 < computed < took + 0.01


@pytest.mark.parametrize("delayed", [0, 1, 2, 3], ids=["before", "at its begin", "at its end", "after"])
def test_a_delayed_reading_counts_once(monkeypatch: pytest.MonkeyPatch, delayed: int) -> None:
    """The thread may have to wait for a processor while it reads how long it has waited for one."""
    ready, reads = [0.0], itertools.count()

    def read() -> float:
        if next(reads) == delayed:
            threading.Event().wait(0.3)
            ready[0] += 0.3
        return ready[0]

    monkeypatch.setattr("evolink_nb.thread_time._FRESH_FOR", 0.0)
    monkeypatch.setattr("evolink_nb.thread_time._seconds_ready", read)
    computed, began = thread_time(), time.monotonic()
    with own_wait():
        threading.Event().wait(0.05)
    computed = thread_time() - computed
    assert abs(computed - (time.monotonic() - began)) < 0.15


def test_a_forked_child_counts_from_its_own() -> None:
    """Its parent may have waited for a processor for long, just before."""
    script = """
import os
from evolink_nb import thread_time
thread_time._seconds_ready = lambda: 100.0 if os.getpid() == parent else 0.001
parent = os.getpid()
print(thread_time.thread_time() > 100, flush=True)
if not os.fork():
    print(thread_time.thread_time() < 100, flush=True)
    os._exit(0)
os.wait()
"""
    printed = subprocess.check_output([sys.executable, "-c", script], text=True, timeout=60)
    assert printed.split() == ["True", "True"]


def test_a_stop_may_come_while_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nothing holds the open file yet: it is closed all the same."""
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: raised.append(unraisable.exc_value))
    raised: list[BaseException | None] = []
    statistics = _Statistics(os.devnull)
    descriptor = statistics.fileno()
    del statistics
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    assert raised == []
