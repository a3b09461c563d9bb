"""The live card in a real JupyterLab and Notebook 7: it moves by itself, and answers while a cell runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.cards import LOAD, Card, open_card
from tests.support.environment import account_of
from tests.support.jupyter import ENDLESS

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.jupyter import FrontEnd

LIVE = "%evolink_credits --live --every 3600"


_PARTS_OUTSIDE = """card => {
    const place = card.parentElement.getBoundingClientRect();
    return [...card.querySelectorAll("*")]
        .filter(part => !part.closest("[data-short] > span"))  // for screen readers alone
        .filter(part => part.getBoundingClientRect().right > place.right + 1)
        .map(part => part.outerHTML.slice(0, 80));
}"""


def test_gauges_show_the_servers_answer(front_end: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(front_end, demo_server, LIVE)
    expect(card.root).to_have_count(1)
    card.shows("1,095.3996")
    expect(card.field("token-remaining")).to_have_text("99,416.4429")
    expect(card.field("user-used")).to_have_text("135.9048")
    expect(card.field("token-used")).to_have_attribute("data-value", "583.5571")
    expect(card.root).to_have_attribute("data-level", "ok")
    expect(card.root).to_have_attribute("data-demo", "")
    expect(card.root.locator(".evo-badge")).to_have_text("demo data")
    account = card.root.locator('[role="meter"][data-gauge="user"]')
    expect(account).to_be_visible()
    expect(account).to_have_attribute("aria-valuenow", "1095.3996")
    expect(account).to_have_attribute("aria-valuetext", "1,095.3996 of 1,231.3044 credits left")
    expect(card.root.locator('tr[data-binding="true"]')).to_have_count(1)
    expect(card.root.locator('tr[data-binding="true"]')).to_contain_text("Account")
    for theme in ("light", "dark"):
        notebook.set_theme(theme)
        picture = notebook.screenshot(f"live-card-{front_end.name}-{theme}", of=card.root)
        assert picture.stat().st_size > 0
    assert notebook.console_errors == []


def test_the_number_follows_a_spend(front_end: FrontEnd, demo_server: DemoServer) -> None:
    live = "%evolink_credits --live --every 0.5 --warn-below 100"
    notebook, card = open_card(front_end, demo_server, live, ENDLESS, "%evolink_credits")
    notebook.begin(2)
    demo_server.account.spend("1000.3996")
    card.shows("95")
    expect(card.root).to_have_attribute("data-level", "low")
    assert notebook.execution_running(2)
    notebook.interrupt()
    notebook.wait_done(2)
    demo_server.account.spend("100.5")
    card.shows("\u22125.5")
    expect(card.root).to_have_attribute("data-level", "overdrawn")
    demo_server.account.top_up(1000)
    card.shows("994.5")
    notebook.run(3)
    static = Card(notebook.output(3))
    static.shows("994.5")
    expect(static.root.locator("button")).to_have_count(0)
    assert notebook.console_errors == []


def test_refresh_answers_while_a_cell_runs(front_end: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(front_end, demo_server, LIVE, ENDLESS)
    notebook.begin(2)
    for left in ("1,094.3996", "1,093.3996", "1,092.3996"):
        demo_server.account.spend(1)
        card.refresh()
        card.shows(left)
        assert notebook.execution_running(2)
    card.is_("live")
    assert notebook.execution_running(2)
    notebook.interrupt()
    notebook.wait_done(2)
    assert notebook.console_errors == []


def test_a_failure_keeps_the_last_reading(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(lab, demo_server, LIVE)
    for fault, status, said in (
        ({"status": 500}, "error", "Internal server error"),
        ({"connection": "refuse"}, "offline", "refused"),
    ):
        demo_server.fault(**fault)
        card.refresh()
        card.is_(status)
        expect(card.field("message")).to_contain_text(said)
        card.shows("1,095.3996")
        notebook.screenshot(f"live-card-{status}", of=card.root)
    demo_server.clear_faults()
    card.refresh()
    card.is_("live")
    expect(card.field("message")).to_have_text("")


def test_server_words_are_never_markup(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(lab, demo_server, LIVE, "%evolink_credits")
    words = "<img src=x onerror=\\\"document.title='run'\\\"><b>bold</b>"
    demo_server.fault(status=400, text=f'{{"error": {{"message": "{words}", "code": 400}}}}')
    card.refresh()
    expect(card.field("message")).to_contain_text("<b>bold</b>")
    expect(notebook.page.locator(".jp-OutputArea img[src=x]")).to_have_count(0)
    notebook.run(2)
    assert "<b>bold</b>" in notebook.text(2)
    expect(notebook.page.locator(".jp-OutputArea img[src=x]")).to_have_count(0)
    assert notebook.page.title() != "run"


def test_two_views_show_the_same(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook = lab.open(
        [
            LOAD,
            "from evolink_nb import CreditsWidget; card = CreditsWidget(interval=0.5); card",
            "card",
            "card.close()",
        ],
        environment=account_of(demo_server),
    )
    for index in range(3):
        notebook.run(index)
    demo_server.account.spend(1)
    for index in (1, 2):
        Card(notebook.output(index)).shows("1,094.3996")
    notebook.run(3)
    # What stays is what the file keeps: the last reading, not live.
    expect(notebook.page.locator(".evolink-card[data-live]")).to_have_count(0)
    assert notebook.console_errors == []


def test_the_keyboard_presses_refresh(lab: FrontEnd, demo_server: DemoServer) -> None:
    _, card = open_card(lab, demo_server, LIVE)
    button = card.root.get_by_role("button", name="Refresh")
    button.focus()
    expect(button).to_be_focused()
    box = button.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 24
    demo_server.account.spend(1)
    button.press("Enter")
    card.shows("1,094.3996")


def test_it_fits_wide_and_narrow_places(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(lab, demo_server, LIVE)
    for width in (440, 260):
        card.root.evaluate("(card, width) => { card.parentElement.style.width = `${width}px`; }", width)
        card.shows("1,095.3996")
        outside = card.root.evaluate(_PARTS_OUTSIDE)
        notebook.screenshot(f"live-card-{width}", of=card.root)
        assert outside == []
