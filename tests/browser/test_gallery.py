"""Every state of the card in a real Chromium: what it says, that it fits, that all can read and reach it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.gallery.scenes import HOSTILE_MARKUP, HOSTILE_NAMES, NOTICE, OUTLOOK, Scene, scenes
from tests.gallery.themes import LAB, OTHERS, THEMES
from tests.gallery.wall import WIDTHS, Wall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

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
    "stale": ("stale", "ok", "no word for 2 min", EVENING | {"updated": "updated 2 min ago"}),
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
    "low": ("live", "low", "live", {"user-remaining": "49.85", "alarm": "Low"}),
    "static-low": ("paused", "low", "not live · low", {"user-remaining": "49.85"}),
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

_MISFITS = """card => {
    const CLIPS = ".evo-number";
    const found = [];
    const shown = element => element.checkVisibility({visibilityProperty: true});
    const say = (what, element) => found.push(`${what}: ${element.outerHTML.slice(0, 120)}`);
    const edge = card.getBoundingClientRect();
    for (const part of card.querySelectorAll("*")) {
        if (!shown(part) || part.parentElement.closest(CLIPS)) continue;
        const box = part.getBoundingClientRect();
        if (box.left < edge.left || box.right > edge.right || box.bottom > edge.bottom) say("outside", part);
        if (part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).display !== "inline"
            && !part.closest("svg") && !part.matches(CLIPS)) say("overflows", part);
    }
    // What is written, each piece a box of its own: no two may overlap.
    const texts = [];
    const walker = document.createTreeWalker(card, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        if (!node.data.trim() || !shown(node.parentElement)) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        const element = node.parentElement;
        const within = (element.closest(CLIPS) ?? card).getBoundingClientRect();
        for (const {left, right, top, bottom} of range.getClientRects()) {
            const box = {
                left: Math.max(left, within.left), right: Math.min(right, within.right),
                top: Math.max(top, within.top), bottom: Math.min(bottom, within.bottom),
            };
            if (box.left < box.right && box.top < box.bottom) texts.push({box, element, node});
        }
    }
    for (const [index, {box, element, node}] of texts.entries()) {
        for (const other of texts.slice(index + 1)) {
            const wide = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
            const high = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
            // A line's box is a little higher than its letters.
            if (wide > 1 && high > 4 && node !== other.node) say(`on ${element.textContent}`, other.element);
        }
    }
    // The numbers stay within the ring: the circle's inner edge, where the number's corners are.
    for (const number of card.querySelectorAll(".evo-number")) {
        if (!number.textContent) continue;
        const ring = number.closest("tr").querySelector("svg").getBoundingClientRect();
        const scale = ring.width / 100;
        const [x, y] = [ring.left + 50 * scale, ring.top + 50 * scale];
        const range = document.createRange();
        range.selectNodeContents(number);
        const text = range.getBoundingClientRect();
        const half = Math.min(text.width, number.clientWidth) / 2;
        const size = parseFloat(getComputedStyle(number).fontSize);
        const middle = number.getBoundingClientRect().top + 16;
        const high = Math.max(Math.abs(middle - size * 0.36 - y), Math.abs(middle + size * 0.36 - y));
        if (Math.hypot(half, high) > 41 * scale) say(`touches the ring (${Math.round(half)})`, number);
    }
    return found;
}"""

_FAINT = """card => {
    // Colours as the screen has them: painted one over the other, from the page up to the text.
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
    const ancestors = element => element ? [...ancestors(element.parentElement), element] : [];
    const paint = (colours) => {
        canvas.globalAlpha = 1;
        canvas.fillStyle = "#fff";
        for (const [colour, alpha] of colours) {
            canvas.globalAlpha = alpha;
            canvas.fillStyle = colour;
            canvas.fillRect(0, 0, 1, 1);
        }
        return canvas.getImageData(0, 0, 1, 1).data;
    };
    const luminance = ([red, green, blue]) => {
        const [r, g, b] = [red, green, blue].map(value => value / 255)
            .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ratio = (one, other) => {
        const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
        return (light + 0.05) / (dark + 0.05);
    };
    const found = [];
    let looked = 0;
    const walker = document.createTreeWalker(card, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const element = node.parentElement;
        if (!node.data.trim() || !element.checkVisibility({visibilityProperty: true})) continue;
        const under = ancestors(element).map(one => [getComputedStyle(one).backgroundColor, 1]);
        const opacity = ancestors(element).reduce((all, one) => all * getComputedStyle(one).opacity, 1);
        const contrast = ratio(paint(under), paint([...under, [getComputedStyle(element).color, opacity]]));
        looked += 1;
        if (contrast < 4.5) found.push(`${contrast.toFixed(2)}: ${node.data.trim().slice(0, 40)}`);
    }
    return [looked, found];
}"""

_PLACES = """card => [...card.querySelectorAll("*"), card].map(part => {
    const {left, top, width, height} = part.getBoundingClientRect();
    const within = part.closest(".evo-number, b, .evo-used, [data-field=updated]");
    return within && within !== part || part.matches(".evo-used *, b, [data-field=updated] ~ *")
        ? null : [part.className.baseVal ?? part.className, left, top, width, height].join(" ");
})"""


@pytest.fixture(scope="module")
def gallery() -> dict[str, Scene]:
    """Every scene, by its name."""
    return {scene.name: scene for scene in scenes()}


@pytest.fixture
def wall(browser: Browser) -> Iterator[Wall]:
    """A page to hang scenes in, for someone who asked for less motion."""
    context = browser.new_context(viewport={"width": 960, "height": 900}, reduced_motion="reduce")
    yield Wall(context)
    context.close()


@pytest.fixture
def moving_wall(browser: Browser) -> Iterator[Wall]:
    """A page to hang scenes in, for someone who didn't."""
    context = browser.new_context(viewport={"width": 960, "height": 900}, reduced_motion="no-preference")
    yield Wall(context)
    context.close()


def field(wall: Wall, name: str) -> str:
    """What a field says, its lines and spaces as one."""
    return " ".join((wall.card.locator(f'[data-field="{name}"]').text_content() or "").split())


def test_every_scene_is_expected(gallery: dict[str, Scene]) -> None:
    assert list(gallery) == list(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_state_fits_and_can_be_read(name: str, gallery: dict[str, Scene], wall: Wall) -> None:
    wall.hang(gallery[name], LAB[0], 440)
    status, level, pill, fields = EXPECTED[name]
    card = wall.card
    expect(card).to_have_attribute("data-status", status)
    expect(card).to_have_attribute("data-level", level)
    assert (card.get_attribute("data-demo") is not None) == (name == "demo")
    assert field(wall, "status") == pill
    for field_name, words in fields.items():
        said = field(wall, field_name)
        exact = words == "" or field_name not in {"message", "alarm"}
        assert said == words if exact else said.startswith(words), field_name

    for theme in THEMES:
        wall.set_theme(theme)
        for width in WIDTHS if theme in LAB else (440,):
            wall.set_width(width)
            assert card.evaluate(_MISFITS) == [], f"{theme.name}, {width} px"
        looked, faint = card.evaluate(_FAINT)
        assert looked >= 5
        assert faint == [], theme.name
    for theme in LAB:
        wall.set_theme(theme)
        # Its own timers must run; the card's have done what they had to.
        wall.page.clock.resume()
        results = Axe().run(wall.page)
        assert results.violations_count == 0, f"{theme.name}\n{results.generate_report()}"
    assert wall.complaints == []


def test_the_hosts_colours_win(gallery: dict[str, Scene], wall: Wall) -> None:
    wall.hang(gallery["live"], LAB[0], 440)
    surfaces = []
    for theme in (*LAB, *OTHERS):
        wall.set_theme(theme)
        surfaces.append(wall.card.evaluate("card => getComputedStyle(card).backgroundColor"))
    # JupyterLab's white and grey 900, this card's own, and VS Code's.
    assert surfaces == [
        "rgb(255, 255, 255)",
        "rgb(33, 33, 33)",
        "rgb(255, 255, 255)",
        "rgb(22, 25, 30)",
        "rgb(255, 255, 255)",
        "rgb(31, 31, 31)",
    ]


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_moves_with_new_numbers(width: int, gallery: dict[str, Scene], wall: Wall) -> None:
    wall.hang(gallery["live"], LAB[0], width)
    before = wall.card.evaluate(_PLACES)
    wall.update(user_remaining=9.5, user_used=1221.8044, spent=41.2001, burn_rate=0.0311, runway=305)
    assert field(wall, "user-remaining") == "9.5"
    assert field(wall, "burn-rate") == "1.87 / min"
    after = wall.card.evaluate(_PLACES)
    assert [place for place in after if place not in before] == []
    assert len(before) > 30
    # The first trend does not push anything aside either.
    wall.hang(gallery["first"], LAB[0], width)
    empty = wall.card.bounding_box()
    wall.update(burn_rate=0.2, runway=5520, spent=41.2)
    assert wall.card.bounding_box() == empty


@pytest.mark.parametrize("width", WIDTHS)
def test_the_outlook_moves_nothing(width: int, gallery: dict[str, Scene], wall: Wall) -> None:
    wall.hang(gallery["live"], LAB[0], width)
    facts = wall.card.locator(".evo-label:visible")
    expect(facts).to_have_text(["burn", "runway", "spent this session"])
    before = wall.card.evaluate(_PLACES)
    wall.update(outlook=OUTLOOK)
    expect(facts).to_have_text(["burn", "runway", "spent this session"])
    after = wall.card.evaluate(_PLACES)
    hidden = " 0 0 0 0"
    assert [place for place in before if place not in after and not place.endswith(hidden)] == []
    outlook = wall.card.locator('[data-field="outlook"]')
    assert outlook.evaluate("value => value.scrollWidth <= value.parentElement.clientWidth")
    footer, box = wall.card.locator(".evo-footer").bounding_box(), outlook.bounding_box()
    assert footer is not None
    assert box is not None
    assert box["y"] + box["height"] <= footer["y"]
    for long in ("of this cell " * 40, "W" * 400):
        wall.update(outlook=long)
        assert wall.card.evaluate(_PLACES)[-1] == before[-1]  # the card itself
        assert wall.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    # With nothing else to say it is said all the same.
    wall.hang(gallery["first"], LAB[0], width)
    facts = wall.card.locator(".evo-label:visible")
    expect(facts).to_have_count(0)
    wall.update(outlook=OUTLOOK)
    expect(wall.card.locator('[data-field="outlook"]')).to_have_text(OUTLOOK)
    expect(wall.card.locator('[data-field="outlook"]')).to_be_visible()


def test_numbers_glide_unless_unwanted(gallery: dict[str, Scene], wall: Wall, moving_wall: Wall) -> None:
    moving = "() => document.getAnimations().map(animation => animation.effect.getTiming().duration)"
    for page, expected in ((moving_wall, True), (wall, False)):
        page.hang(gallery["live"], LAB[0], 440)
        page.calm()
        page.update(user_remaining=500.25, user_used=731.0544)
        durations = page.page.evaluate(moving)
        assert bool(durations) == expected
        assert set(durations) <= {300}
        page.calm()
        assert field(page, "user-remaining") == "500.25"


def test_the_keyboard_reaches_every_button(gallery: dict[str, Scene], browser: Browser) -> None:
    context = browser.new_context()
    wall = Wall(context)
    wall.hang(gallery["demo"], LAB[0], 260)
    # Headless Chromium has answered for the user already; ask as one who hasn't.
    wall.page.evaluate("() => { Object.defineProperty(Notification, 'permission', {value: 'default'}); }")
    wall.page.clock.run_for(1_000)
    order: list[dict[str, Any]] = []
    for _ in range(3):
        wall.page.keyboard.press("Tab")
        order.append(
            wall.page.evaluate("""() => {
                const element = document.activeElement;
                const {outlineStyle, outlineWidth} = getComputedStyle(element);
                const {width, height, top} = element.getBoundingClientRect();
                const name = element.dataset.action;
                return {name, outlineStyle, outlineWidth, width, height, top, label: element.ariaLabel};
            }""")
        )
    assert [stop["name"] for stop in order] == ["refresh", "pause", "notify"]
    assert [stop["top"] for stop in order] == sorted(stop["top"] for stop in order)
    for stop in order:
        assert (stop["outlineStyle"], stop["outlineWidth"]) == ("solid", "2px")
        assert min(stop["width"], stop["height"]) >= 24
        assert stop["label"]
    wall.page.keyboard.press("Shift+Tab")
    wall.page.keyboard.press("Space")
    assert wall.sent()[-1]["action"] == "pause"
    context.close()


def test_only_alarms_are_announced(gallery: dict[str, Scene], wall: Wall) -> None:
    wall.hang(gallery["low"], LAB[0], 440)
    live = wall.card.locator("[aria-live], [role=alert], [role=status]")
    expect(live).to_have_count(1)
    expect(live).to_have_attribute("aria-live", "polite")
    assert field(wall, "alarm") == (live.text_content() or "").strip()


def test_notice_and_alarm_announced_once(gallery: dict[str, Scene], wall: Wall) -> None:
    wall.hang(gallery["live"], LAB[0], 440)
    wall.page.evaluate("""() => {
        window.notified = [];
        window.Notification = class {
            static permission = "granted";
            constructor(title, { body }) { window.notified.push(body); }
        };
        window.announced = [];
        const hear = changes => {
            for (const {addedNodes} of changes) for (const {data} of addedNodes) announced.push(data);
        };
        const region = document.querySelector("[aria-live]");
        new MutationObserver(hear).observe(region, {childList: true, subtree: true});
    }""")
    low = "Low: less than 50 credits left."
    for traits in ({"notice": NOTICE}, {"alarm": low}, {"spent": 42.0}, {"notice": ""}, {"alarm": ""}):
        wall.update(**traits)
    assert wall.page.evaluate("() => window.notified") == [NOTICE, low]
    assert wall.page.evaluate("() => window.announced") == [NOTICE, low]
    expect(wall.card.locator("[aria-live]")).to_have_text("")


@pytest.mark.parametrize("name", ["loading", "busy", "stale", "gone", "paused", "unauthorized", "offline"])
def test_a_notice_is_seen_in_every_state(name: str, gallery: dict[str, Scene], wall: Wall) -> None:
    wall.hang(gallery[name], LAB[1], 260)
    said = field(wall, "message")
    wall.update(notice=NOTICE)
    expect(wall.card.locator('[data-field="notice"]')).to_be_visible()
    assert (field(wall, "notice"), field(wall, "message")) == (NOTICE, said)
    assert wall.card.evaluate(_MISFITS) == []
    assert wall.card.evaluate(_FAINT)[1] == []


@pytest.mark.parametrize("name", ["markup", "names"])
def test_server_words_make_no_markup(name: str, gallery: dict[str, Scene], wall: Wall) -> None:
    wall.hang(gallery[name], LAB[0], 440)
    message = wall.card.locator('[data-field="message"]')
    assert message.locator("*").count() == 0
    assert wall.page.evaluate("() => window.harmed") is None
    assert wall.card.locator("img, script").count() == 0


def test_a_long_message_is_shown_whole(gallery: dict[str, Scene], wall: Wall) -> None:
    """Of 10 kB the kernel keeps a paragraph: all of it can be read, and nothing has to be scrolled."""
    wall.hang(gallery["flood"], LAB[0], 260)
    box = wall.card.locator('[data-field="message"]').evaluate(
        "box => [box.scrollHeight - box.clientHeight, box.clientHeight]"
    )
    assert box[0] == 0
    assert 100 < box[1] < 300


def test_rings_are_as_full_as_the_numbers(gallery: dict[str, Scene], wall: Wall) -> None:
    """Measured on the drawn line, from its dashes: a ring is 270 degrees long."""
    drawn = """meter => {
        const fill = meter.querySelector(".evo-fill");
        const {strokeDasharray, visibility, r} = getComputedStyle(fill);
        const ring = 2 * Math.PI * parseFloat(r) * 0.75;
        return visibility === "hidden" ? 0 : strokeDasharray.match(/[0-9.]+/)[0] / ring;
    }"""
    for name, account, key in (
        ("live", 1095.3996 / 1231.3044, 0.994),
        ("overdrawn", 0.0, 0.994),
        ("unlimited", 1095.3996 / 1231.3044, 0.0),
        ("static", 1136.5996 / 1231.3044, 0.9946),
    ):
        wall.hang(gallery[name], LAB[0], 440)
        for gauge, share in (("user", account), ("token", key)):
            meter = wall.card.locator(f'[role="meter"][data-gauge="{gauge}"]')
            assert meter.evaluate(drawn) == pytest.approx(share, abs=0.002), (name, gauge)
            assert re.fullmatch(r"[0-9.]+", meter.get_attribute("aria-valuenow") or "")
