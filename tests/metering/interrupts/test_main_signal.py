"""The signal by which a budget reaches the main thread."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from evolink_nb.metering.interrupts.main_signal import SIGNAL, MainSignal


@pytest.fixture(autouse=True)
def handlers_stay() -> Iterator[None]:
    """The handlers of both signals are the same before and after."""
    before = signal.getsignal(SIGNAL), signal.getsignal(signal.SIGINT)
    yield
    assert (signal.getsignal(SIGNAL), signal.getsignal(signal.SIGINT)) == before


class Reached(BaseException):
    """Raised by the receivers here."""


def reach(_frame: FrameType | None) -> None:
    raise Reached


def asleep() -> None:
    time.sleep(60)


def waiting_for_a_lock() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire(timeout=60)


@pytest.mark.parametrize("wait", [asleep, waiting_for_a_lock])
@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL, signal.default_int_handler])
def test_it_ends_a_wait_whatever_sigint_does(handler: Any, wait: Any) -> None:
    """As under nohup, in cron and in CI, which have SIGINT ignored."""
    own = MainSignal()
    began, over = threading.Event(), threading.Event()

    def send() -> None:
        began.wait()
        # One that arrives just before the wait doesn't end it: the sender must send again.
        while not over.wait(0.01):
            own.send()

    def reach_once(_frame: FrameType | None) -> None:
        if not over.is_set():
            over.set()
            raise Reached

    def begin() -> None:
        began.set()
        wait()

    sender = threading.Thread(target=send)
    sender.start()
    before = signal.signal(signal.SIGINT, handler)
    try:
        assert own.add(reach_once)
        with pytest.raises(Reached):
            begin()
        assert signal.getsignal(signal.SIGINT) == handler
    finally:
        own.remove(reach_once)
        signal.signal(signal.SIGINT, before)
    sender.join()


def test_a_handler_before_it_hears_too() -> None:
    heard: list[int] = []
    before = signal.signal(SIGNAL, lambda number, _frame: heard.append(number))
    own = MainSignal()
    received: list[FrameType | None] = []
    assert own.add(received.append)
    own.send()
    own.remove(received.append)
    assert len(received) == len(heard) == 1
    signal.raise_signal(SIGNAL)
    assert len(heard) == 2
    signal.signal(SIGNAL, before)


def test_a_late_signal_does_nothing() -> None:
    own = MainSignal()
    own.add(reach)
    own.remove(reach)
    own.send()
    signal.raise_signal(SIGNAL)


def test_a_handler_that_the_work_sets_stays() -> None:
    own = MainSignal()
    own.add(reach)

    def theirs(_number: int, _frame: FrameType | None) -> None:
        pass

    signal.signal(SIGNAL, theirs)
    own.remove(reach)
    assert signal.getsignal(SIGNAL) is theirs
    signal.signal(SIGNAL, signal.SIG_DFL)


def test_other_threads_can_not_receive_it() -> None:
    own, added = MainSignal(), []
    thread = threading.Thread(target=lambda: added.append(own.add(reach)))
    thread.start()
    thread.join()
    assert added == [False]


def test_what_is_not_python_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that wasn't set from Python could not be restored."""
    own = MainSignal()
    with contextlib.suppress(Reached), monkeypatch.context() as patch:
        patch.setattr(signal, "getsignal", lambda _number: None)
        assert not own.add(reach)
    own.send()
