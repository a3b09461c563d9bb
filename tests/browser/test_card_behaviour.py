"""The card as it changes and is used: nothing jumps, the keyboard reaches all, only alarms are announced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.gallery.measures import FAINT, MISFITS, PLACES
from tests.gallery.scene_page import WIDTHS, ScenePage
from tests.gallery.scenes import NOTICE, OUTLOOK, click_refresh
from tests.gallery.themes import LAB

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.gallery.scenes import Scene

ASKING = ("refresh", "pause", "notify")
"""The buttons that ask the kernel for something."""


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_moves_with_new_numbers(width: int, gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    scene_page.show(gallery["live"], LAB[0], width)
    before = scene_page.card.evaluate(PLACES)
    scene_page.update(user_remaining=9.5, user_used=1221.8044, spent=41.2001, burn_rate=0.0311, runway=305)
    assert scene_page.field("user-remaining") == "9.5"
    assert scene_page.field("burn-rate") == "1.87 / min"
    after = scene_page.card.evaluate(PLACES)
    assert [place for place in after if place not in before] == []
    assert len(before) > 30
    # The first trend does not push anything aside either.
    scene_page.show(gallery["first"], LAB[0], width)
    empty = scene_page.card.bounding_box()
    scene_page.update(burn_rate=0.2, runway=5520, spent=41.2)
    assert scene_page.card.bounding_box() == empty


@pytest.mark.parametrize("width", WIDTHS)
def test_the_outlook_moves_nothing(width: int, gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    scene_page.show(gallery["live"], LAB[0], width)
    facts = scene_page.card.locator(".evo-label:visible")
    expect(facts).to_have_text(["runway", "burn", "spent this session"])
    before = scene_page.card.evaluate(PLACES)
    scene_page.update(outlook=OUTLOOK)
    expect(facts).to_have_text(["runway", "burn", "spent this session"])
    after = scene_page.card.evaluate(PLACES)
    hidden = " 0"  # without height
    assert [place for place in before if place not in after and not place.endswith(hidden)] == []
    outlook = scene_page.card.locator('[data-field="outlook"]')
    assert outlook.evaluate("value => value.scrollWidth <= value.parentElement.clientWidth")
    footer, box = scene_page.card.locator(".evo-footer").bounding_box(), outlook.bounding_box()
    assert footer is not None
    assert box is not None
    assert box["y"] + box["height"] <= footer["y"]
    for long in ("of this cell " * 40, "W" * 400):
        scene_page.update(outlook=long)
        assert scene_page.card.evaluate(PLACES)[-1] == before[-1]  # the card itself
        assert scene_page.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    # With nothing else to say it is said all the same.
    scene_page.show(gallery["first"], LAB[0], width)
    facts = scene_page.card.locator(".evo-label:visible")
    expect(facts).to_have_count(0)
    scene_page.update(outlook=OUTLOOK)
    expect(scene_page.card.locator('[data-field="outlook"]')).to_have_text(OUTLOOK)
    expect(scene_page.card.locator('[data-field="outlook"]')).to_be_visible()


def test_numbers_glide_unless_unwanted(
    gallery: dict[str, Scene], scene_page: ScenePage, moving_page: ScenePage
) -> None:
    """The bar glides and the number fades in, at each change anew."""
    moving = """() => document.getAnimations().map(({effect}) => [
        effect.getTiming().duration, effect.target.closest("[data-field]")?.dataset.field ?? "the bar"])"""
    for page, expected in (
        (moving_page, [[300, "the bar"], [300, "user-remaining"]]),
        (scene_page, []),
    ):
        page.show(gallery["live"], LAB[0], 440)
        page.finish_animations()
        for amount in (500.25, 300.75):
            page.update(user_remaining=amount, user_used=1231.3044 - amount)
            assert sorted(page.page.evaluate(moving), key=str) == expected
            page.finish_animations()
            assert page.page.evaluate(moving) == []
            assert page.field("user-remaining") == str(amount)


def test_the_keyboard_reaches_every_button(gallery: dict[str, Scene], browser: Browser) -> None:
    context = browser.new_context()
    scene_page = ScenePage(context)
    scene_page.show(gallery["demo"], LAB[0], 260)
    # Headless Chromium has answered for the user already; ask as one who hasn't.
    scene_page.page.evaluate(
        "() => { Object.defineProperty(Notification, 'permission', {value: 'default'}); }"
    )
    scene_page.page.clock.run_for(1_000)
    order: list[dict[str, Any]] = []
    for _ in range(5):
        scene_page.page.keyboard.press("Tab")
        order.append(
            scene_page.page.evaluate("""() => {
                const element = document.activeElement;
                const {outlineStyle, outlineWidth} = getComputedStyle(element);
                const {width, height, top} = element.getBoundingClientRect();
                const name = element.dataset.action;
                return {name, outlineStyle, outlineWidth, width, height, top, label: element.ariaLabel};
            }""")
        )
    assert [stop["name"] for stop in order] == ["refresh", "pin", "compact", "pause", "notify"]
    assert [stop["top"] for stop in order] == sorted(stop["top"] for stop in order)
    for stop in order:
        assert (stop["outlineStyle"], stop["outlineWidth"]) == ("solid", "2px")
        assert min(stop["width"], stop["height"]) >= 24
        assert stop["label"]
    scene_page.page.keyboard.press("Shift+Tab")
    scene_page.page.keyboard.press("Space")
    assert scene_page.sent()[-1]["action"] == "pause"
    context.close()


def test_only_alarms_are_announced(gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    scene_page.show(gallery["low"], LAB[0], 440)
    live = scene_page.card.locator("[aria-live], [role=alert], [role=status]")
    expect(live).to_have_count(1)
    expect(live).to_have_attribute("aria-live", "polite")
    assert scene_page.field("alarm") == (live.text_content() or "").strip()


def test_notice_and_alarm_announced_once(gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    scene_page.show(gallery["live"], LAB[0], 440)
    scene_page.page.evaluate("""() => {
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
        scene_page.update(**traits)
    assert scene_page.page.evaluate("() => window.notified") == [NOTICE, low]
    assert scene_page.page.evaluate("() => window.announced") == [NOTICE, low]
    expect(scene_page.card.locator("[aria-live]")).to_have_text("")


@pytest.mark.parametrize("name", ["loading", "busy", "stale", "gone", "paused", "unauthorized", "offline"])
def test_a_notice_is_seen_in_every_state(name: str, gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    scene_page.show(gallery[name], LAB[1], 260)
    said = scene_page.field("message")
    scene_page.update(notice=NOTICE)
    expect(scene_page.card.locator('[data-field="notice"]')).to_be_visible()
    assert (scene_page.field("notice"), scene_page.field("message")) == (NOTICE, said)
    assert scene_page.card.evaluate(MISFITS) == []
    assert scene_page.card.evaluate(FAINT)[1] == []


@pytest.mark.parametrize("name", ["markup", "names"])
def test_server_words_make_no_markup(name: str, gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    scene_page.show(gallery[name], LAB[0], 440)
    message = scene_page.card.locator('[data-field="message"]')
    assert message.locator("*").count() == 0
    assert scene_page.page.evaluate("() => window.harmed") is None
    assert scene_page.card.locator("img, script").count() == 0


def test_a_long_message_is_shown_whole(gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    """Of 10 kB the kernel keeps a paragraph: all of it can be read where one points or tabs to."""
    scene_page.show(gallery["flood"], LAB[0], 260)
    message = scene_page.card.locator('[data-field="message"]')
    hidden = "box => box.scrollHeight - box.clientHeight"
    before = scene_page.card.bounding_box()
    assert message.evaluate(hidden) > 0
    says = scene_page.card.locator(".evo-says")
    for reach in (says.hover, says.focus):
        reach()
        assert message.evaluate(hidden) == 0
        assert 100 < message.evaluate("box => box.clientHeight") < 300
        assert scene_page.card.bounding_box() == before
        scene_page.page.mouse.move(0, 0)
    scene_page.show(gallery["live"], LAB[0], 260)
    expect(scene_page.card.locator('.evo-says[tabindex="0"]')).to_have_count(0)


_ASKED_FOR_SIZES = """traits => {
    const asked = [];
    const restore = [];
    for (const name of ["scrollHeight", "clientHeight", "scrollWidth", "clientWidth"]) {
        const real = Object.getOwnPropertyDescriptor(Element.prototype, name);
        restore.push(() => Object.defineProperty(Element.prototype, name, real));
        const get = function () { asked.push(name); return real.get.call(this); };
        Object.defineProperty(Element.prototype, name, { ...real, get });
    }
    host.model.set(traits);
    for (const each of restore) each();
    return asked;
}"""


def test_an_update_asks_for_no_sizes(gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    """The page would be laid out for it in the middle of the update: most of what that cost."""
    scene_page.show(gallery["live"], LAB[0], 260)
    says = scene_page.card.locator(".evo-says")
    expect(says).to_have_attribute("tabindex", "-1")
    long = "What there is to say has no place here. " * 9
    assert scene_page.page.evaluate(_ASKED_FOR_SIZES, {"message": long, "user_remaining": 12.5}) == []
    # And yet the keyboard gets to what doesn't fit, and to nothing else.
    expect(says).to_have_attribute("tabindex", "0")
    scene_page.update(message="Short.")
    expect(says).to_have_attribute("tabindex", "-1")


def test_the_most_urgent_is_in_sight(gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    """One thing is said at a time, all of it where one points."""
    scene_page.show(gallery["live"], LAB[0], 440)
    told = {"outlook": OUTLOOK, "alarm": "Low.", "message": "No answer.", "notice": NOTICE}
    in_sight = """card => [...card.querySelectorAll(".evo-says [data-field]")]
        .filter(part => part.checkVisibility({opacityProperty: true, visibilityProperty: true}))
        .map(part => part.dataset.field)"""
    for name, text in told.items():
        scene_page.update(**{name: text})
        assert scene_page.card.evaluate(in_sight) == [name]
    scene_page.card.locator(".evo-says").hover()
    assert scene_page.card.evaluate(in_sight) == ["notice", "alarm", "message", "outlook"]


def test_the_last_change_is_shown_briefly(gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    scene_page.show(gallery["live"], LAB[0], 440)
    assert scene_page.field("user-change") == ""
    for left, change in ((1092.8996, "\N{MINUS SIGN}2.5"), (1192.8996, "+100")):
        scene_page.update(updated_at=1, user_remaining=left)
        assert scene_page.field("user-change") == change
        scene_page.page.clock.run_for(900)
        assert scene_page.field("user-change") == change
        scene_page.page.clock.run_for(200)
        assert scene_page.field("user-change") == ""
    # On a small card it stands where the unit is, or the level.
    scene_page.set_compact(True)
    for level, left in (("ok", 1189.5), ("low", 45.25)):
        scene_page.update(updated_at=1, user_remaining=left, level=level)
        assert scene_page.field("user-change") != ""
        assert scene_page.card.evaluate(MISFITS) == []
    # Another half, or another account's first reading, is no change.
    scene_page.update(updated_at=2, binding="token")
    assert scene_page.field("token-change") == ""


ANSWER = "points => host.model.emit('msg:custom', { answer: 'history', points })"


def every(seconds: float, count: int) -> list[list[float]]:
    """Points of equal amounts that end now, each a step after the one before."""
    return [[-1000 * seconds * number, 100.0] for number in reversed(range(count))]


@pytest.mark.parametrize(
    ("traits", "points", "hint"),
    [
        ({}, [], "Burn and runway show in about 1 min."),
        ({}, every(15, 1), "Burn and runway show in about 45 s."),
        ({}, every(15, 3), "Burn and runway show in about 15 s."),
        ({}, every(15, 4), "Burn and runway show once credits are spent."),
        ({"spent": 2.5}, every(15, 4), "Burn and runway show when spending resumes."),
        ({"interval": 3.0}, every(3, 1), "Burn and runway show in about 20 s."),
        # Others read too; or so often that the kept points are soon a few seconds.
        ({"spent": 2.5}, every(1, 10), "Burn and runway show in about 11 s."),
        ({"interval": 0.2}, every(0.2, 60), "Burn and runway show in about 9 s."),
        ({"interval": 3600}, every(15, 1), "Burn and runway need a reading every 10 min."),
        ({"burn_rate": 0.2}, every(15, 4), ""),
    ],
)
def test_it_says_when_figures_will_come(
    traits: dict[str, Any],
    points: list[list[float]],
    hint: str,
    gallery: dict[str, Scene],
    scene_page: ScenePage,
) -> None:
    scene_page.show(gallery["first"], LAB[0], 440)
    scene_page.page.evaluate("points => { host.model.points = points; }", points)
    scene_page.page.evaluate(ANSWER, points)
    scene_page.update(**traits)
    assert scene_page.field("hint") == hint


def test_fast_readings_bring_figures_too(gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    """Only the last are kept; what they span says nothing of how long the card has watched."""
    scene_page.show(gallery["first"], LAB[0], 440)
    for sent in (every(0.2, 60), every(0.2, 50)):
        scene_page.page.evaluate(ANSWER, sent)
        scene_page.page.clock.run_for(9_000)
    scene_page.update(interval=0.2)
    assert scene_page.field("hint") == "Burn and runway show once credits are spent."


def test_a_waiting_refresh_is_acknowledged(gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    scene_page.show(gallery["rate-limited"], LAB[0], 440)
    assert scene_page.field("status") == "rate limited · 56 s"
    click_refresh(scene_page.page)
    assert scene_page.field("status") == "refreshing"
    scene_page.page.evaluate("() => host.model.emit('msg:custom', { answer: 'refresh' })")
    assert scene_page.field("status") == "rate limited · refresh in 56 s"
    scene_page.update(status="live", retry_at=None, retry_in=None)
    scene_page.update(status="rate-limited", retry_at=1, retry_in=30)
    assert scene_page.field("status") == "rate limited · 30 s"


@pytest.mark.parametrize(
    "ending",
    ["host.model.emit('msg:custom', { answer: 'gone' })", "host.model.send = () => { throw new Error(); }"],
    ids=["the kernel says so", "it can't be reached"],
)
def test_nothing_can_be_asked_of_no_kernel(
    ending: str, gallery: dict[str, Scene], scene_page: ScenePage
) -> None:
    scene_page.show(gallery["live"], LAB[0], 440)
    asking = scene_page.card.locator(", ".join(f"[data-action={name}]:enabled" for name in ASKING))
    expect(asking).to_have_count(3)
    scene_page.page.evaluate(f"() => {{ {ending} }}")
    scene_page.page.clock.run_for(60_000)  # until the next heartbeat, at the latest
    expect(scene_page.card).to_have_attribute("data-status", "gone")
    expect(asking).to_have_count(0)
    # What a kernel sends while it ends changes nothing.
    scene_page.update(status="paused")
    expect(scene_page.card).to_have_attribute("data-status", "gone")
    assert scene_page.errors == []


@pytest.mark.parametrize("name", ["rate-limited", "unauthorized", "offline", "error", "stale", "gone"])
def test_what_is_not_kept_fresh_is_dimmed(
    name: str, gallery: dict[str, Scene], scene_page: ScenePage
) -> None:
    fill = "card => getComputedStyle(card.querySelector('[role=meter]'), '::before').opacity"
    scene_page.show(gallery["live"], LAB[0], 440)
    assert scene_page.card.evaluate(fill) == "1"
    scene_page.show(gallery[name], LAB[0], 440)
    assert scene_page.card.evaluate(fill) == "0.5"
