"""The card counts ages and waits, whatever the clocks of the kernel and of the browser say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.gallery.themes import LAB

if TYPE_CHECKING:
    from datetime import datetime

    from tests.gallery.scene_page import ScenePage
    from tests.gallery.scenes import Scene

SKEWS = [-86_400.0, -3600.0, 3600.0, 86_400.0]
"""Seconds by which the browser's clock is ahead of the kernel's."""
ANSWER = "content => host.model.emit('msg:custom', content)"


def show(page: ScenePage, scene: Scene, skew: float) -> datetime:
    """Show a scene in a browser whose clock is wrong; return the time by that clock."""
    page.show(replace(scene, age=skew), LAB[0], 440)
    return scene.now


@pytest.mark.parametrize("skew", SKEWS)
def test_kernel_tells_the_readings_age(skew: float, gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    show(scene_page, gallery["live"], skew)
    scene_page.page.evaluate(ANSWER, {"answer": "history", "age": 7.4, "wait": None, "points": []})
    assert scene_page.field("updated") == "updated 7 s ago"
    scene_page.page.clock.run_for(10_000)
    assert scene_page.field("updated") == "updated 17 s ago"
    assert scene_page.card.get_attribute("data-status") == "live"


@pytest.mark.parametrize("skew", SKEWS)
def test_new_reading_is_new_by_any_clock(
    skew: float, gallery: dict[str, Scene], scene_page: ScenePage
) -> None:
    now = show(scene_page, gallery["live"], skew)
    scene_page.update(updated_at=now.timestamp() * 1000 + 1, user_remaining=500.0)
    scene_page.page.clock.run_for(3_000)
    assert scene_page.field("updated") == "updated 3 s ago"


@pytest.mark.parametrize("skew", SKEWS)
def test_wait_counts_down_by_no_clock(skew: float, gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    now = show(scene_page, gallery["live"], skew)
    limited = {"status": "rate-limited", "retry_at": (now.timestamp() + 30) * 1000, "retry_in": 30.0}
    scene_page.update(**limited)
    assert scene_page.field("status") == "rate limited · 30 s"
    scene_page.page.clock.run_for(10_000)
    assert scene_page.field("status") == "rate limited · 20 s"
    # A card that is opened later is told when it asks.
    show(scene_page, replace(gallery["live"], state=(gallery["live"].state or {}) | limited), skew)
    scene_page.page.evaluate(ANSWER, {"answer": "history", "age": 12.0, "wait": 18.0})
    assert scene_page.field("status") == "rate limited · 18 s"


@pytest.mark.parametrize("skew", SKEWS)
def test_browser_clock_may_be_set(skew: float, gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    scene_page.show(gallery["live"], LAB[0], 440)
    assert scene_page.field("updated") == "updated 4 s ago"
    scene_page.page.clock.set_system_time(gallery["live"].now.timestamp() + skew)
    scene_page.page.clock.run_for(6_000)
    assert scene_page.field("updated") == "updated 10 s ago"
    assert scene_page.card.get_attribute("data-status") == "live"


@pytest.mark.parametrize("skew", SKEWS)
def test_line_ends_with_the_newest_reading(
    skew: float, gallery: dict[str, Scene], scene_page: ScenePage
) -> None:
    """Earlier readings come from the kernel, later ones are timed by the page: one line for both."""
    now = show(scene_page, gallery["live"], skew)
    points = [[-30_000, 100.0], [-20_000, 90.0], [-10_000, 80.0]]
    scene_page.page.evaluate(ANSWER, {"answer": "history", "age": 10.0, "wait": None, "points": points})
    scene_page.update(updated_at=now.timestamp() * 1000 + 1, user_remaining=70.0)
    line = scene_page.card.locator(".evo-curve").get_attribute("d")
    assert line == "M0.0 4.0L33.3 14.7L66.7 25.3L100.0 36.0"
