"""The decisions that `card.js` exports, called without a card: they know no page."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolink_nb.card.gauge import Gauge
from evolink_nb.credits import Credits, TokenCredits, UserCredits
from tests.support.clock import BEGINNING

if TYPE_CHECKING:
    from playwright.sync_api import Page

NOON = 1_795_000_000_000
"""Milliseconds of the page's clock."""

SITUATION: dict[str, Any] = {
    "reported": "live",
    "disconnected": False,
    "visible": True,
    "now": NOON,
    "clickedAt": None,
    "arrivedAt": NOON - 4_000,
    "visibleSince": NOON - 600_000,
    "retryAt": None,
    "interval": 15,
}
"""A card that is seen, whose last reading came 4 s ago."""


def display_status(page: Page, **changes: Any) -> tuple[str, str]:
    """The status and its words, for the usual situation but for these changes."""
    shown = page.evaluate("situation => card.displayStatus(situation)", SITUATION | changes)
    return shown["status"], shown["label"]


@pytest.mark.parametrize(
    ("reported", "label"),
    [
        ("loading", "reading…"),
        ("live", "live"),
        ("refreshing", "refreshing"),
        ("paused", "paused"),
        ("rate-limited", "rate limited"),
        ("unauthorized", "not authorized"),
        ("offline", "offline"),
        ("error", "can't read"),
    ],
)
def test_each_reported_status_has_a_label(card_js: Page, reported: str, label: str) -> None:
    assert display_status(card_js, reported=reported) == (reported, label)


@pytest.mark.parametrize(
    ("changes", "status", "label"),
    [
        ({"clickedAt": NOON}, "refreshing", "refreshing"),
        ({"clickedAt": NOON - 999}, "refreshing", "refreshing"),
        ({"clickedAt": NOON - 1000}, "busy", "kernel busy · click queued"),
        ({"clickedAt": NOON - 1000, "reported": "offline"}, "busy", "kernel busy · click queued"),
        ({"clickedAt": NOON + 5000}, "refreshing", "refreshing"),  # the clock was set back
        ({"disconnected": True}, "gone", "kernel gone"),
        ({"disconnected": True, "clickedAt": NOON}, "gone", "kernel gone"),
    ],
)
def test_clicks_and_a_lost_kernel(card_js: Page, changes: dict[str, Any], status: str, label: str) -> None:
    assert display_status(card_js, **changes) == (status, label)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"arrivedAt": NOON - 45_000}, "live"),
        ({"arrivedAt": NOON - 45_001}, "stale"),
        ({"arrivedAt": NOON - 45_001, "reported": "refreshing"}, "stale"),
        # Nothing was expected: it is not visible, or became so just now, or the kernel has said why.
        ({"arrivedAt": NOON - 900_000, "visible": False}, "live"),
        ({"arrivedAt": NOON - 900_000, "visibleSince": NOON - 45_000}, "live"),
        ({"arrivedAt": NOON - 900_000, "visibleSince": NOON - 45_001}, "stale"),
        ({"arrivedAt": NOON - 900_000, "reported": "paused"}, "paused"),
        ({"arrivedAt": NOON - 900_000, "reported": "offline"}, "offline"),
        # A card that reads many times a second is not stale at every hiccup.
        ({"arrivedAt": NOON - 3_000, "interval": 0.1}, "live"),
        ({"arrivedAt": NOON - 3_001, "interval": 0.1}, "stale"),
    ],
)
def test_three_missed_readings_are_stale(card_js: Page, changes: dict[str, Any], status: str) -> None:
    assert display_status(card_js, **changes)[0] == status


def test_a_stale_card_names_its_age(card_js: Page) -> None:
    assert display_status(card_js, arrivedAt=NOON - 150_000) == ("stale", "no update for 2 min")


@pytest.mark.parametrize(
    ("retry_at", "label"),
    [
        (NOON + 60_000, "rate limited · 1 min"),
        (NOON + 55_001, "rate limited · 56 s"),
        (NOON + 1, "rate limited · 1 s"),
        (NOON, "rate limited"),
        (NOON - 5_000, "rate limited"),
        (None, "rate limited"),
    ],
)
def test_a_wait_counts_down(card_js: Page, retry_at: int | None, label: str) -> None:
    shown = display_status(card_js, reported="rate-limited", retryAt=retry_at)
    assert shown == ("rate-limited", label)


amounts = st.decimals(-(10**9), 10**9, places=4) | st.decimals(-2000, 2000, places=4)


@given(st.lists(st.tuples(amounts, amounts, st.booleans()), min_size=1, max_size=100))
@settings(max_examples=30)
def test_gauges_agree_with_python(card_js: Page, halves: list[tuple[Decimal, Decimal, bool]]) -> None:
    shown = card_js.evaluate(
        "halves => halves.map(([remaining, used, unlimited]) => card.gaugeOf({remaining, used, unlimited}))",
        [[float(remaining), float(used), unlimited] for remaining, used, unlimited in halves],
    )
    for (remaining, used, unlimited), theirs in zip(halves, shown, strict=True):
        token = TokenCredits(remaining, used, unlimited)
        ours = Gauge.of(Credits(token, UserCredits(remaining, used), BEGINNING), "token")
        for name in ("remaining", "unit", "total", "used", "spoken"):
            assert theirs[name] == getattr(ours, name)
        for name in ("maximum", "now"):
            assert theirs[name] == float(getattr(ours, name))
        # A share on the verge between two tenths of a percent may fall to either side: floats.
        assert theirs["share"] == pytest.approx(float(ours.share), abs=0.100001)
        assert theirs["usedValue"] == float(used)
        assert theirs["remainingValue"] == (None if unlimited else float(remaining))
