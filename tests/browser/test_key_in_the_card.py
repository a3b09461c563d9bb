"""A card without a key asks for one, tries it, and has it nowhere else; or shows the simulated account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.cards import LOAD, Card

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.jupyter import FrontEnd, NotebookPage

STILL = "%evolink_credits --live --every 3600"
WRONG = "sk-wrong-0123456789abcdef"


def open_keyless(front_end: FrontEnd, server: DemoServer, *cells: str) -> tuple[NotebookPage, Card]:
    """A notebook whose kernel has no key, and whose second cell has shown a card."""
    notebook = front_end.open([LOAD, STILL, *cells], environment={"EVOLINK_BASE_URL": server.url})
    notebook.run(0)
    notebook.run(1)
    card = Card(notebook.output(1))
    card.is_("unauthorized", seconds=30)
    return notebook, card


def test_a_key_can_be_entered_on_the_card(front_end: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_keyless(front_end, demo_server, "%evolink_credits --json")
    expect(card.field("status")).to_have_text("no key")
    expect(card.root.locator("form")).to_contain_text("EvoLink's console")
    field = card.root.get_by_label("API key", exact=True)
    expect(field).to_have_attribute("type", "password")
    expect(field).to_have_attribute("autocomplete", "off")
    notebook.screenshot(f"no-key-{front_end.name}", of=card.root)

    field.fill(WRONG)
    field.press("Enter")
    expect(field).to_have_value("")
    expect(card.field("message")).to_contain_text("EvoLink answered 401")
    expect(field).to_have_value("")
    expect(card.field("status")).to_have_text("not authorized")

    field.fill(demo_server.key)
    card.root.get_by_role("button", name="Use", exact=True).click()
    card.shows("1,095.3996")
    card.is_("live")
    expect(field).to_be_hidden()
    expect(field).to_have_value("")
    # It is this kernel's key from now on, and in nothing that is shown or saved.
    notebook.run(2)
    assert '"remaining_credits": 1095.3996' in notebook.text(2)
    notebook.save()
    for key in (demo_server.key, WRONG):
        assert key not in notebook.path.read_text()
        assert key not in notebook.page.content()
    assert "1,095.3996" in notebook.path.read_text()
    assert notebook.console_errors == []


def test_the_demo_is_one_click_away(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_keyless(lab, demo_server, "%evolink_credits")
    card.root.get_by_role("button", name="Try the demo").click()
    card.shows("1,095.3996")
    card.is_("live")
    expect(card.root).to_have_attribute("data-demo", "")
    expect(card.root.locator("form")).to_be_hidden()
    assert demo_server.requests_seen["/v1/credits"] == 0
    # This card alone: there is still no key.
    notebook.run(2)
    assert "No EvoLink API key was found." in notebook.text(2)
    assert notebook.console_errors == []


def test_a_login_elsewhere_is_followed(lab: FrontEnd, demo_server: DemoServer) -> None:
    log_in = (
        "from evolink_nb.api.credentials import Secret, login\n"
        f"login.enter(Secret({demo_server.key!r})); %evolink_credits --json"
    )
    notebook, card = open_keyless(lab, demo_server, log_in.replace("; %", "\n%"))
    notebook.run(2)
    card.shows("1,095.3996")
    expect(card.root.locator("form")).to_be_hidden()
