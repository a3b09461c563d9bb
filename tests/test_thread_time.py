"""How long a thread has computed, whatever else the machine does."""

from __future__ import annotations

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


def test_waiting_for_us_is_no_wait() -> None:
    """Nor within another such wait: it counts once."""
    began, computed = time.monotonic(), thread_time()
    with own_wait():
        with own_wait():
            threading.Event().wait(0.05)
        threading.Event().wait(0.05)
    computed = thread_time() - computed
    took = time.monotonic() - began
    assert took >= 0.1
    # What is known of waits for a processor may be a hundredth of a second old.
    assert 0.09 < computed < took + 0.01


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
