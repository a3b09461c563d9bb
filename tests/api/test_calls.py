"""Guarded calls as their observers hear of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from evolink_nb.api.calls import Call, calls
from evolink_nb.thread_time import thread_time


class Observer:
    """Takes its time over each call that ends, and may refuse those that begin."""

    def __init__(self) -> None:
        self.refuses = False
        self.ended: list[Call] = []

    def before_call(self, _identity: str) -> None:
        pass

    def call_begins(self, _call: Call) -> None:
        if self.refuses:
            raise ValueError("refused")

    def call_ended(self, call: Call) -> None:
        self.ended.append(call)
        threading.Event().wait(0.1)


@pytest.fixture
def observer() -> Iterator[Observer]:
    """An observer of this process's calls."""
    observer = Observer()
    calls.add_observer(observer)
    yield observer
    calls.remove_observer(observer)


@pytest.mark.usefixtures("observer")
def test_observers_are_no_wait_of_callers() -> None:
    """Or a cell would seem to have waited for a call of its own."""
    call = calls.begin("account")
    computed = thread_time()
    calls.end(call)
    assert thread_time() - computed > 0.09


def test_observers_hear_of_refusals(observer: Observer) -> None:
    """Also those that had let it go out: it was not sent."""
    observer.refuses = True
    with pytest.raises(ValueError, match="refused"):
        calls.begin("account")
    [call] = observer.ended
    assert call.is_refused
    assert not call.is_under_way
    assert calls.recent("account") == []
