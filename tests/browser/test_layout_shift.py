"""Nothing moves when an alarm, an error or a digit comes: measured by the browser's layout-shift entries."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.gallery.scene_page import WIDTHS
from tests.gallery.scenes import NOTICE, OUTLOOK
from tests.gallery.themes import LAB
from tests.support.chromium import running_processes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gallery.scene_page import ScenePage
    from tests.gallery.scenes import Scene

OBSERVE = """() => {
    window.shifts = [];
    const note = entries => {
        for (const {value, sources} of entries) {
            window.shifts.push([value, ...sources.map(({node, previousRect: before, currentRect: now}) =>
                `${node?.outerHTML?.slice(0, 60) ?? node?.parentElement.outerHTML.slice(0, 60)} moved by `
                + `${now.left - before.left}, ${now.top - before.top}`
            )]);
        }
    };
    const observer = new PerformanceObserver(list => note(list.getEntries()));
    observer.observe({type: "layout-shift", buffered: false});
    window.takeShifts = () => {
        note(observer.takeRecords());
        return window.shifts.splice(0);
    };
}"""
# The page's clock is Playwright's, and so are its animation frames: timers, due also while nothing is drawn.
# An animation ends only in a frame, so when the second has ended, the frame of the first is complete.
SHIFTS = """async () => {
    for (let frame = 0; frame < 2; frame++) await document.body.animate(null, 1).finished;
    return window.takeShifts();
}"""
LATE = 1.0
"""Seconds for which no frame is drawn."""
ERROR = "No answer from https://api.evolink.ai: the connection was refused.\nCheck the network."
READING = {
    "user_remaining": 1095.3996,
    "user_used": 135.9048,
    "token_remaining": 99416.4429,
    "token_used": 583.5571,
    "binding": "user",
    "level": "ok",
}
CHANGES: dict[str, dict[str, Any]] = {
    "a reading": READING,
    "a digit less": {"user_remaining": 999.5, "user_used": 231.8044},
    "two less": {"user_remaining": 9.5, "user_used": 1221.8044, "spent": 1086.0},
    "the key's digits": {"token_remaining": 8.1234, "token_used": 99991.8766},
    "more than there was": {"user_remaining": 1234567.5, "user_used": 0.5},
    "the key binds": {"token_remaining": 8.1, "token_used": 99991.9, "binding": "token", "level": "low"},
    "the account again": {**READING, "user_remaining": 1234567.5, "user_used": 0.5},
    "a key without a limit": {"token_unlimited": True},
    "with one": {"token_unlimited": False},
    "an outlook": {"outlook": OUTLOOK},
    "a rate": {"burn_rate": 0.2, "runway": 47, "spent": 41.2},
    "no rate": {"burn_rate": None, "runway": None},
    "an alarm": {"alarm": "Low: less than 50 credits left.", "level": "low"},
    "a notice": {"notice": NOTICE},
    "an error": {"message": ERROR, "request": "demo-1", "status": "offline"},
    "another": {
        "message": "EvoLink answered 429: slow down. " * 9,
        "status": "rate-limited",
        "retry_in": 60.0,
    },
    "no notice": {"notice": ""},
    "well again": {"message": "", "request": "", "status": "live", "alarm": "", "level": "ok"},
    "overdrawn": {"user_remaining": -2.5, "level": "overdrawn", "alarm": "Overdrawn."},
    "dollars": {"worth": "≈ $8,213,249.37"},
}


def _shifts(scene_page: ScenePage) -> list[Any]:
    found: list[Any] = scene_page.page.evaluate(SHIFTS)
    return found


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["live", "first", "loading"])
def test_nothing_moves_whatever_comes(
    name: str, width: int, gallery: dict[str, Scene], moving_page: ScenePage
) -> None:
    moving_page.show(gallery[name], LAB[0], width)
    _see_nothing_move(moving_page)


def test_nothing_moves_on_a_small_card(gallery: dict[str, Scene], moving_page: ScenePage) -> None:
    moving_page.show(gallery["live"], LAB[0], 300)
    moving_page.set_compact(True)
    _see_nothing_move(moving_page)


def _see_nothing_move(moving_page: ScenePage) -> None:
    _watch(moving_page)
    for what, traits in CHANGES.items():
        moving_page.update(**traits, updated_at=1)
        assert _shifts(moving_page) == [], what


def test_a_move_would_be_seen(gallery: dict[str, Scene], moving_page: ScenePage) -> None:
    moving_page.show(gallery["live"], LAB[0], 440)
    _watch(moving_page)
    _move(moving_page)
    assert _shifts(moving_page) != []


def test_a_move_drawn_late_would_be_seen(gallery: dict[str, Scene], moving_page: ScenePage) -> None:
    """On a busy machine the page runs on while no frame of it is drawn."""
    moving_page.show(gallery["live"], LAB[0], 440)
    _watch(moving_page)
    with _frames_held(LATE):
        _move(moving_page)
        assert _shifts(moving_page) != []


def _watch(moving_page: ScenePage) -> None:
    """Begin to record what moves."""
    moving_page.page.clock.resume()
    moving_page.page.evaluate(OBSERVE)


def _move(moving_page: ScenePage) -> None:
    moving_page.card.locator(".evo-header").evaluate("header => { header.style.paddingBottom = '12px'; }")


@contextmanager
def _frames_held(seconds: float) -> Iterator[None]:
    """Stop the browser's process that draws, for so many seconds at most."""
    processes = running_processes().items()
    [drawing] = [each for each, known in processes if "--type=gpu-process" in known["cmdline"]]
    drawing.suspend()
    timer = threading.Timer(seconds, drawing.resume)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        drawing.resume()
