"""Pages whose language is written from right to left: English texts and numbers keep their order."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from evolink_nb.card.render import CardView, opening_line
from evolink_nb.credits import Credits, TokenCredits, UserCredits
from evolink_nb.metering.cost import Cost
from evolink_nb.metering.entry import Entry
from evolink_nb.metering.report import Costs
from evolink_nb.notebook.cost_line import CostLine
from tests.gallery.measures import MISFITS
from tests.gallery.scene_page import WIDTHS
from tests.gallery.themes import LAB
from tests.support.jupyter import SCREENSHOTS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.gallery.scene_page import ScenePage
    from tests.gallery.scenes import Scene

TURN = "() => { document.documentElement.dir = 'rtl'; }"
# Characters of one text node that stand to the left of the one before them, on the same line.
TURNED = """place => {
    const found = [], range = document.createRange();
    const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
    const left = (node, at) => {
        range.setStart(node, at);
        range.setEnd(node, at + 1);
        return range.getBoundingClientRect();
    };
    while (walker.nextNode()) {
        const node = walker.currentNode;
        if (node.parentElement.closest("style") || !node.data.trim()) continue;
        for (let at = 1; at < node.length; at++) {
            const [before, after] = [left(node, at - 1), left(node, at)];
            const isSameLine = after.top < before.bottom && before.top < after.bottom;
            if (before.width && after.width && isSameLine && after.left < before.left) {
                found.push(`${node.data.trim()} at ${at}`);
                break;
            }
        }
    }
    return found;
}"""
OVERDRAWN = Credits(
    TokenCredits(Decimal("-5.5"), Decimal("583.5571"), False),
    UserCredits(Decimal("-12.25"), Decimal("135.9048")),
    datetime.now(UTC),
)
COST = Cost(
    token=Decimal("1.36"), user=Decimal("1.36"), others=Decimal(0), topped_up=Decimal(0), settled=True
)
RUNS = [
    Entry(name, "generate(prompt)", "cell", datetime.now(UTC), cost)
    for name, cost in (("a", COST), ("a", Cost(token=Decimal("0.36"), user=Decimal("0.36"), settled=True)))
]
STATIC = {
    "card": CardView(OVERDRAWN).html(),
    "opening": opening_line(OVERDRAWN)["text/html"],
    "line": CostLine(COST, settling=False, settled_in=2.0, left=OVERDRAWN, runs=3).html(),
    "table": Costs(RUNS)._repr_mimebundle_()["text/html"],
    "empty": Costs([])._repr_mimebundle_()["text/html"],
}


@pytest.mark.parametrize("name", STATIC)
def test_static_texts_keep_their_order(browser: Browser, name: str) -> None:
    with browser.new_page() as page:
        page.set_content(f'<!doctype html><html dir="rtl"><body>{STATIC[name]}</body></html>')
        assert page.locator("body").evaluate(TURNED) == []


def test_turned_texts_are_found(browser: Browser) -> None:
    """The measure sees what right-to-left pages do to texts of ours that don't say their direction."""
    with browser.new_page() as page:
        page.set_content('<!doctype html><html dir="rtl"><body><p>\u221212.25 credits</p></body></html>')
        assert page.locator("body").evaluate(TURNED) == ["\u221212.25 credits at 1"]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["overdrawn", "demo", "outlook", "rate-limited", "notice", "gone"])
def test_live_cards_keep_their_order(
    name: str, width: int, gallery: dict[str, Scene], scene_page: ScenePage
) -> None:
    scene_page.show(gallery[name], LAB[0], width)
    scene_page.page.evaluate(TURN)
    assert scene_page.card.evaluate(TURNED) == []
    assert scene_page.card.evaluate(MISFITS) == []
    if width == 440:
        scene_page.place.screenshot(path=SCREENSHOTS / f"right-to-left-{name}.png")
        scene_page.page.clock.resume()  # axe waits
        assert Axe().run(scene_page.page).response["violations"] == []
