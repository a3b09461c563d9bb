"""Every state of the card in a real Chromium: what it says, that it fits, that all can read it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.gallery.measures import FAINT, MISFITS
from tests.gallery.scene_page import WIDTHS
from tests.gallery.scenes import HOSTILE_MARKUP, HOSTILE_NAMES, NOTICE, OUTLOOK
from tests.gallery.themes import LAB, OTHERS, THEMES

if TYPE_CHECKING:
    from tests.gallery.scene_page import ScenePage
    from tests.gallery.scenes import Scene

# Each scene's data-status, data-level, the words beside its dot, and a few of its fields.
EVENING = {
    "user-remaining": "1,095.3996",
    "user-used": "135.9048",
    "token-remaining": "99,416.4429",
    "token-used": "583.5571",
    "burn-rate": "11.9 / min",
    "runway": "≈ 1 h 32 min",
    "spent": "41.2",
    "message": "",
}
SILENCE = dict.fromkeys(("burn-rate", "runway", "spent"), "")
NOTHING = SILENCE | dict.fromkeys(("user-remaining", "user-used", "token-remaining", "token-used"), "")
EXPECTED: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "loading": ("loading", "ok", "reading…", NOTHING | {"updated": "no reading yet", "message": ""}),
    "first": ("live", "ok", "live", SILENCE | {"user-remaining": "1,136.5996"}),
    "live": ("live", "ok", "live", EVENING | {"updated": "updated 4 s ago"}),
    "refreshing": ("refreshing", "ok", "refreshing", EVENING),
    "busy": ("busy", "ok", "kernel busy · click queued", EVENING),
    "stale": ("stale", "ok", "no update for 2 min", EVENING | {"updated": "updated 2 min ago"}),
    "gone": ("gone", "ok", "kernel gone", {**EVENING, "message": "This card's kernel is gone."}),
    "paused": ("paused", "ok", "paused", EVENING | {"updated": "updated 1 d 3 h ago"}),
    "demo": ("live", "ok", "live", EVENING),
    "worth": ("live", "ok", "live", EVENING | {"worth": "≈ $16.11"}),
    "outlook": ("live", "ok", "live", EVENING | {"outlook": OUTLOOK}),
    "rate-limited": (
        "rate-limited",
        "ok",
        "rate limited · 56 s",
        EVENING | {"message": "EvoLink answered 429"},
    ),
    "unauthorized": ("unauthorized", "ok", "not authorized", NOTHING | {"message": "EvoLink answered 401"}),
    "no-key": ("unauthorized", "ok", "no key", NOTHING | {"message": "No EvoLink API key was found."}),
    "offline": (
        "offline",
        "ok",
        "offline",
        EVENING | {"updated": "updated 6 min ago", "message": "No answer"},
    ),
    "offline-from-the-start": ("offline", "ok", "offline", NOTHING | {"message": "No answer from http://"}),
    "error": ("error", "ok", "can't read", EVENING | {"message": "EvoLink answered 500"}),
    "notice": ("live", "low", "live", {"notice": NOTICE, "alarm": "Low", "message": ""}),
    "notice-error": ("error", "low", "can't read", {"notice": NOTICE, "alarm": "Low", "message": "EvoLink"}),
    "low": ("live", "low", "live", {"user-remaining": "49.85", "alarm": "Low", "user-mark": "low"}),
    "static-low": ("paused", "low", "not live", {"user-remaining": "49.85", "user-mark": "low"}),
    "critical": ("live", "critical", "live", {"user-remaining": "18.25", "alarm": "Very low"}),
    "overdrawn": (
        "live",
        "overdrawn",
        "live",
        {"user-remaining": "\N{MINUS SIGN}2.5", "runway": "", "alarm": "Overdrawn"},
    ),
    "empty": ("live", "critical", "live", SILENCE | {"user-remaining": "0", "alarm": "Nothing is left"}),
    "unlimited": ("live", "ok", "live", EVENING | {"token-remaining": "∞", "token-total": ""}),
    "token": ("live", "low", "live", {"token-remaining": "18.8", "alarm": "Low"}),
    "large": ("live", "ok", "live", {"user-remaining": "1,217,283.9409", "burn-rate": "4,940 / min"}),
    "extreme": ("live", "ok", "live", {"token-remaining": "<0.0001"}),
    "slow": ("live", "low", "live", {"burn-rate": "2.95 / h", "runway": "≈ 1403 d 5 h"}),
    "markup": ("error", "ok", "can't read", {"message": f"EvoLink answered 500: {HOSTILE_MARKUP}"}),
    "flood": ("error", "ok", "can't read", {"message": "EvoLink answered 500: hostilehostile"}),
    "names": ("error", "ok", "can't read", {"message": "EvoLink answered 500: " + HOSTILE_NAMES[:5]}),
    "static": ("paused", "ok", "not live", SILENCE | {"user-remaining": "1,136.5996"}),
    "static-trend": ("paused", "ok", "not live", EVENING | {"worth": "≈ $16.11"}),
    "static-error": ("error", "ok", "can't read", EVENING | {"message": "EvoLink answered 500"}),
    "static-notice": (
        "error",
        "ok",
        "can't read",
        EVENING | {"message": "EvoLink answered 500", "notice": NOTICE, "outlook": OUTLOOK},
    ),
}


def test_every_scene_is_expected(gallery: dict[str, Scene]) -> None:
    assert list(gallery) == list(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_state_fits_and_is_legible(name: str, gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    scene_page.show(gallery[name], LAB[0], 440)
    status, level, pill, fields = EXPECTED[name]
    card = scene_page.card
    expect(card).to_have_attribute("data-status", status)
    expect(card).to_have_attribute("data-level", level)
    assert (card.get_attribute("data-demo") is not None) == (name == "demo")
    assert scene_page.field("status") == pill
    for field_name, words in fields.items():
        said = scene_page.field(field_name)
        exact = words == "" or field_name not in {"message", "alarm"}
        assert said == words if exact else said.startswith(words), field_name

    for theme in THEMES:
        scene_page.set_theme(theme)
        for width in WIDTHS if theme in LAB else (440,):
            scene_page.set_width(width)
            assert card.evaluate(MISFITS) == [], f"{theme.name}, {width} px"
        looked, faint = card.evaluate(FAINT)
        assert looked >= 5
        assert faint == [], theme.name
    for theme in LAB:
        scene_page.set_theme(theme)
        for width in (260, 300):
            scene_page.set_width(width)
            scene_page.set_compact(True)
            assert card.evaluate(MISFITS) == [], f"{theme.name}, small, {width} px"
            assert card.evaluate("card => card.offsetHeight") == 96
        looked, faint = card.evaluate(FAINT)
        assert looked >= 2
        assert faint == [], f"{theme.name}, small"
        # Its large form in light, its small one in dark.
        scene_page.set_compact(theme is LAB[1])
        # Its own timers must run; the card's have done what they had to.
        scene_page.page.clock.resume()
        results = Axe().run(scene_page.page)
        assert results.violations_count == 0, f"{theme.name}\n{results.generate_report()}"
    assert scene_page.errors == []


def test_the_hosts_colours_win(gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    scene_page.show(gallery["live"], LAB[0], 440)
    surfaces = []
    for theme in (*LAB, *OTHERS):
        scene_page.set_theme(theme)
        surfaces.append(scene_page.card.evaluate("card => getComputedStyle(card).backgroundColor"))
    # JupyterLab's white and grey 900, this card's own, and VS Code's.
    assert surfaces == [
        "rgb(255, 255, 255)",
        "rgb(33, 33, 33)",
        "rgb(255, 255, 255)",
        "rgb(22, 25, 30)",
        "rgb(255, 255, 255)",
        "rgb(31, 31, 31)",
    ]


def test_bars_are_as_long_as_the_numbers(gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    drawn = """meter => {
        const width = parseFloat(getComputedStyle(meter, "::before").width);
        return width / meter.getBoundingClientRect().width;
    }"""
    for name, account, key in (
        ("live", 1095.3996 / 1231.3044, 0.994),
        ("overdrawn", 0.0, 0.994),
        ("unlimited", 1095.3996 / 1231.3044, 0.0),
        ("static", 1136.5996 / 1231.3044, 0.9946),
    ):
        scene_page.show(gallery[name], LAB[0], 440)
        for gauge, share in (("user", account), ("token", key)):
            meter = scene_page.card.locator(f'[role="meter"][data-gauge="{gauge}"]')
            assert meter.evaluate(drawn) == pytest.approx(share, abs=0.002), (name, gauge)
            assert re.fullmatch(r"[0-9.]+", meter.get_attribute("aria-valuenow") or "")


@pytest.mark.parametrize(
    ("name", "half", "shown"),
    [
        ("live", "user", "1,095"),
        ("large", "token", "82,132"),
        ("large", "user", "1.217\N{NO-BREAK SPACE}M"),
        ("low", "user", None),
    ],
)
def test_long_numbers_are_shown_short(
    name: str, half: str, shown: str | None, gallery: dict[str, Scene], scene_page: ScenePage
) -> None:
    """The exact one is there all the same: for screen readers, for a pointer, and to be copied."""
    scene_page.show(gallery[name], LAB[0], 440)
    number = scene_page.card.locator(f'[data-field="{half}-remaining"]')
    exact = EXPECTED[name][3].get(f"{half}-remaining") or scene_page.field(f"{half}-remaining")
    expect(number).to_have_text(exact)
    assert number.get_attribute("data-value") == exact.replace(",", "")
    assert number.get_attribute("data-short") == shown
    assert number.get_attribute("title") == (shown and exact)
    assert exact in scene_page.card.aria_snapshot()
    painted = number.evaluate("""number => {
        const inner = number.firstElementChild.getBoundingClientRect();
        return [getComputedStyle(number, "::before").content, inner.width > 1];
    }""")
    assert painted == ([f'"{shown}" / ""', False] if shown else ["none", True])
