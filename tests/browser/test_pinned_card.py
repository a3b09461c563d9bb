"""The card small, pinned to the corner of the page, and popped out into a window of its own."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Error, expect

from tests.gallery.measures import FAINT, MISFITS
from tests.gallery.themes import LAB
from tests.support.cards import Card, open_card

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from evolink_nb.demo import DemoServer
    from tests.gallery.scene_page import ScenePage
    from tests.gallery.scenes import Scene
    from tests.support.jupyter import FrontEnd

STILL = "%evolink_credits --live --every 3600"
LONG = r"print('line\n' * 400)"
CORNER = "#evolink-corner"


def press(card: Card, action: str) -> None:
    """Click a button of the card."""
    card.root.locator(f'[data-action="{action}"]').click()


def corner(page: Page) -> Card:
    """The card in the corner of the page."""
    return Card(page.locator(CORNER))


def in_window(part: Locator) -> bool:
    """Whether all of a part is within the window, and on top of everything there."""
    found: bool = part.evaluate("""part => {
        const {left, top, right, bottom} = part.getBoundingClientRect();
        const at = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
        return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight && part.contains(at);
    }""")
    return found


def test_a_small_card_can_be_made_large(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(lab, demo_server, f"{STILL} --compact", "pass")
    expect(card.root).to_have_attribute("data-form", "compact")
    box = card.root.bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (300, 96)
    notebook.screenshot("live-card-compact", of=card.root)
    # The saved one is small too.
    notebook.run(2)
    saved = json.dumps(notebook.save()["cells"][1]["outputs"])
    assert 'data-form=\\"compact\\"' in saved
    button = card.root.locator('[data-action="compact"]')
    expect(button).to_have_accessible_name("Larger")
    button.press("Enter")
    expect(card.root).not_to_have_attribute("data-form", "compact")
    expect(button).to_have_accessible_name("Smaller")
    expect(button).to_be_focused()
    assert notebook.console_errors == []


def test_a_pinned_card_stays_in_sight(front_end: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(front_end, demo_server, STILL, LONG)
    notebook.run(2)
    page = notebook.page
    press(card, "pin")
    pinned = corner(page)
    expect(pinned.root).to_have_attribute("data-form", "pill")
    expect(notebook.output(1)).to_contain_text("This card is in the corner of the page.")
    notebook.output(2).locator("pre").evaluate("output => output.scrollIntoView({block: 'end'})")
    expect(card.root).to_have_count(0)
    assert in_window(pinned.root)
    demo_server.account.spend(1)
    pinned.refresh()
    pinned.shows("1,094.3996")
    pinned.is_("live")
    notebook.screenshot(f"pinned-{front_end.name}")
    # It can be left as it was come to: by the keyboard.
    unpin = pinned.root.locator('[data-action="pin"]')
    expect(unpin).to_have_accessible_name("Put back")
    unpin.focus()
    unpin.press("Escape")
    expect(page.locator(CORNER)).to_have_count(0)
    expect(card.root).not_to_have_attribute("data-form", "pill")
    expect(card.root.locator('[data-action="pin"]')).to_be_focused()
    card.shows("1,094.3996")
    # A cell that is run again takes its card along.
    press(card, "pin")
    notebook.run(1)
    card.is_("live")
    expect(page.locator(CORNER)).to_have_count(0)
    assert notebook.console_errors == []


def test_an_account_is_pinned_once(lab: FrontEnd, demo_server: DemoServer) -> None:
    same = "from evolink_nb import *; CreditsWidget(CreditsFetcher(EvoLinkClient(), 3600))"
    other = "CreditsWidget(CreditsFetcher(EvoLinkClient('sk-another'), 3600))"
    notebook, first = open_card(lab, demo_server, STILL, same, other)
    cards = [first]
    for index in (2, 3):
        notebook.run(index)
        cards.append(Card(notebook.output(index)))
    for card in cards[:2]:
        press(card, "pin")
    pinned = corner(notebook.page).root
    expect(pinned).to_have_count(1)
    expect(cards[0].root).to_be_visible()
    expect(cards[1].root).to_have_count(0)
    press(cards[2], "pin")
    expect(pinned).to_have_count(2)
    boxes = [pinned.nth(index).bounding_box() for index in range(2)]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]


def test_a_card_pops_out_and_comes_back(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(lab, demo_server, STILL)
    page = notebook.page
    if not page.evaluate("() => 'documentPictureInPicture' in window"):
        press(card, "pin")
        expect(corner(page).root.locator('[data-action="popout"]')).to_be_hidden()
        return
    notebook.set_theme("dark")
    colour = "card => getComputedStyle(card).backgroundColor"
    before = card.root.evaluate(colour)
    for closed_by in ("window", "button"):
        press(card, "pin")
        with page.context.expect_page() as opened:
            press(corner(page), "popout")
        view = opened.value
        popped = Card(view)
        expect(popped.root).to_have_attribute("data-form", "window")
        expect(notebook.output(1)).to_contain_text("This card is in a window of its own.")
        expect(page.locator(CORNER)).to_have_count(0)
        assert popped.root.evaluate(colour) == before
        assert popped.root.evaluate(MISFITS) == []
        demo_server.account.spend(1)
        popped.refresh()
        popped.shows("1,094.3996" if closed_by == "window" else "1,093.3996")
        view.screenshot(path=notebook.screenshot(f"popped-out-{closed_by}"))
        with view.expect_event("close"):
            if closed_by == "window":
                view.close(run_before_unload=True)
            else:
                # The window may be gone before the click is reported.
                with contextlib.suppress(Error):
                    press(popped, "pin")
        card.is_("live")
        expect(card.root).not_to_have_attribute("data-form", "window")
        assert card.root.get_attribute("style") is None
    assert notebook.console_errors == []


@pytest.mark.parametrize(
    "name", ["live", "low", "offline", "unauthorized", "demo", "loading", "busy", "gone"]
)
def test_a_pill_fits_in_every_state(name: str, gallery: dict[str, Scene], scene_page: ScenePage) -> None:
    scene_page.show(gallery[name], LAB[0], 440)
    scene_page.card.locator('[data-action="pin"]').click()
    expect(scene_page.card).to_have_attribute("data-form", "pill")
    status = scene_page.card.locator('[data-field="status"]')
    expect(status).to_have_attribute("title", scene_page.field("status"))  # it may be cut off
    expect(scene_page.card.locator('[data-field="badge"]')).to_be_visible(visible=name == "demo")
    for theme in LAB:
        scene_page.set_theme(theme)
        assert scene_page.card.evaluate(MISFITS) == []
        assert scene_page.card.evaluate(FAINT)[1] == []
    expect(scene_page.card.locator('[data-action="popout"]')).to_be_hidden()  # not in an insecure page
    scene_page.page.keyboard.press("Escape")
    expect(scene_page.card).not_to_have_attribute("data-form", "pill")
    assert scene_page.errors == []
