"""What all tests rely on: interrupts arrive, and a thread that is left is noticed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests.support import threads
from tests.support.secrecy import holders_of, texts_in
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from types import FrameType


def test_interrupts_arrive() -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no background jobs that ignore interrupts")
def test_interrupts_arrive_in_background() -> None:
    test = f"{Path(__file__)}::{test_interrupts_arrive.__name__}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    # As `nohup make test &` in a script starts it.
    shell = ["/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh", *command]
    run = subprocess.run(shell, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def frame_of(thread: threading.Thread) -> FrameType:
    assert thread.ident is not None
    return sys._current_frames()[thread.ident]


def test_a_left_thread_is_named() -> None:
    before, end = threads.running(), threading.Event()
    thread = threading.Thread(target=end.wait, name="evolink-nb-forgotten", daemon=True)
    thread.start()
    waits = threading.Condition.wait.__code__
    try:
        wait_until(lambda: frame_of(thread).f_code is waits)
        with pytest.raises(AssertionError, match="evolink-nb-forgotten") as refusal:
            threads.join_all_but(before, limit=0.01)
    finally:
        end.set()
    assert "self._cond.wait" in str(refusal.value)  # where it is
    threads.join_all_but(before)
    assert not thread.is_alive()


def test_waiting_has_a_limit() -> None:
    with pytest.raises(AssertionError, match=r"not met within 0\.01 s"):
        wait_until(lambda: False, limit=0.01)


def test_an_open_key_is_found() -> None:
    class Slotted:
        __slots__ = ("inner",)

    slotted = Slotted()
    slotted.inner = [SimpleNamespace(headers=({"Authorization": {b"Bearer hidden-key"}},))]  # type: ignore[attr-defined]
    assert "bytes" in holders_of("hidden-key", [{"session": slotted}])
    assert "Bearer hidden-key" in list(texts_in(slotted))
