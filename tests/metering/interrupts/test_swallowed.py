"""Stops that Python swallows are sent again, and the hook that hears of them leaves no trace."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any

import pytest

from evolink_nb.errors import BudgetExceeded
from evolink_nb.metering.interrupt import InterruptTarget
from evolink_nb.metering.interrupts.swallowed import CALLBACKS, SwallowedStops
from tests.support.stops import a_stop


class Thing:
    """Something to which weak references may be made."""


def in_a_weak_reference(callback: Callable[[], object]) -> None:
    thing = Thing()
    reference = weakref.ref(thing, lambda _: callback())
    del thing
    assert reference() is None


def in_the_collector(callback: Callable[[], object]) -> None:
    def call(phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            callback()

    gc.callbacks.append(call)
    try:
        gc.collect()
    finally:
        gc.callbacks.remove(call)


@pytest.fixture
def target() -> Iterator[InterruptTarget]:
    """Work on this thread that may be interrupted."""
    target = InterruptTarget()
    target.begin("it")
    yield target
    target.drain("it")


@pytest.mark.parametrize("swallow", [in_a_weak_reference, in_the_collector])
def test_a_swallowed_stop_is_sent_again(
    target: InterruptTarget, capfd: pytest.CaptureFixture[str], swallow: Callable[[Any], None]
) -> None:
    tried = []

    def interrupt() -> None:
        tried.append(True)
        target.interrupt(a_stop())

    def work() -> None:
        swallow(interrupt)
        tried.append(False)
        target.send()

    with pytest.raises(BudgetExceeded):
        work()
    assert tried == [True, False]
    assert capfd.readouterr().err == ""


def test_a_stop_that_was_caught_is_over(target: InterruptTarget) -> None:
    with pytest.raises(BudgetExceeded):
        target.interrupt(a_stop())
    target.send()


def weak_keys(thing: Thing) -> object:
    return weakref.WeakKeyDictionary({thing: 1})


def weak_values(thing: Thing) -> object:
    return weakref.WeakValueDictionary({1: thing})


def a_weak_set(thing: Thing) -> object:
    return weakref.WeakSet([thing])


def a_finalizer(thing: Thing) -> object:
    return weakref.finalize(thing, str)


@pytest.mark.parametrize("keep", [weak_keys, weak_values, a_weak_set, a_finalizer])
def test_callbacks_of_the_library_are_known(keep: Callable[[Thing], object]) -> None:
    """A stop isn't raised in them, as their work would be left half done."""
    thing = Thing()
    kept, called = keep(thing), set[CodeType]()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            called.add(frame.f_code)

    sys.setprofile(note)
    try:
        del thing
    finally:
        sys.setprofile(None)
    assert called & CALLBACKS, kept


# -- the hook ----------------------------------------------------------------------------------------------


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[BaseException | None]:
    """What the hook before ours hears of."""
    heard: list[BaseException | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: heard.append(unraisable.exc_value))
    return heard


def fail() -> None:
    raise ValueError("ours to hear of, not ours to handle")


def test_others_hear_of_all_but_stops(heard: list[BaseException | None]) -> None:
    before, stops = sys.unraisablehook, SwallowedStops()
    stops.add("one")
    stops.add("other")
    stops.remove("one")
    assert sys.unraisablehook != before
    in_a_weak_reference(fail)
    assert [type(error) for error in heard] == [ValueError]
    heard.clear()
    stops.remove("other")
    stops.remove("other")
    assert sys.unraisablehook is before


def test_a_hook_set_meanwhile_stays(heard: list[BaseException | None]) -> None:
    stops, later = SwallowedStops(), []
    stops.add("it")
    ours = sys.unraisablehook

    def theirs(unraisable: Any) -> None:
        later.append(type(unraisable.exc_value))
        ours(unraisable)

    sys.unraisablehook = theirs
    stops.remove("it")
    stops.add("it again")
    in_a_weak_reference(fail)
    stops.remove("it again")
    assert sys.unraisablehook is theirs
    assert later == [type(error) for error in heard] == [ValueError]
    heard.clear()


def test_a_forked_child_hears_no_parent(heard: list[BaseException | None]) -> None:
    before, stops = sys.unraisablehook, SwallowedStops()
    stops.add("the parent's")
    stops.after_fork()
    stops.add("the child's")
    stops.remove("the child's")
    assert sys.unraisablehook is before
    assert heard == []
