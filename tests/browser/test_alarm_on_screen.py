"""An alarm as the user meets it: on the card, spoken, as a notification and in Python; each once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.cards import open_card

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.jupyter import FrontEnd, NotebookPage

MAGIC = "%evolink_credits --live --every 0.3 --warn-below 1000 --critical-below 100"
WIDGET = """
from evolink_nb import CreditsWidget
rung = []
CreditsWidget(interval=0.3, warn_below=1000, critical_below=100, on_alarm=rung.append)
"""
ASK = "print([alarm.level for alarm in rung])"

# Only where the notification would go: the permission is the browser's own.
RECORD = """() => {
    const real = window.Notification;
    window.notified = [];
    window.Notification = class {
        static get permission() { return real.permission; }
        constructor(title, { body }) { window.notified.push(`${title}: ${body}`); }
    };
}"""
# A browser without a screen never asks: here the user agrees.
AGREE_WHEN_ASKED = """() => {
    window.Notification = class {
        static permission = "default";
        static async requestPermission() { return (this.permission = "granted"); }
    };
}"""


def _notified(notebook: NotebookPage) -> list[str]:
    said: list[str] = notebook.page.evaluate("() => window.notified")
    return said


def test_alarms_fire_once_until_recovery(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(lab, demo_server, WIDGET, ASK)
    notebook.page.context.grant_permissions(["notifications"])
    notebook.page.evaluate(RECORD)
    spoken = card.root.locator('[aria-live="polite"]')
    expect(card.root.locator("[aria-live]")).to_have_count(1)
    expect(spoken).to_have_text("")

    account = demo_server.account
    account.spend("100.3996")
    expect(spoken).to_have_text("Low: less than 1,000 credits left.")
    expect(spoken).to_be_visible()
    expect(card.root).to_have_attribute("data-level", "low")
    for left in ("994", "993"):  # lower still, and no second alarm
        account.spend(1)
        card.shows(left)
    account.top_up(10)  # above the limit by a hair is not good yet
    card.shows("1,003")
    account.spend(10)
    card.shows("993")
    expect(spoken).to_contain_text("less than 1,000 credits left")
    account.spend(943)
    expect(spoken).to_contain_text("Very low: less than 100 credits left")
    expect(card.root).to_have_attribute("data-level", "critical")
    notebook.screenshot("live-card-alarm", of=card.root)

    account.top_up(5000)
    card.shows("5,050")
    expect(spoken).to_have_text("")
    expect(card.root).to_have_attribute("data-level", "ok")
    account.spend(4100)
    expect(spoken).to_have_text("Low: less than 1,000 credits left.")
    notified = _notified(notebook)
    assert [text.partition(" credits left")[0] for text in notified] == [
        "EvoLink credits: Low: less than 1,000",
        "EvoLink credits: Very low: less than 100",
        "EvoLink credits: Low: less than 1,000",
    ]
    notebook.run(2)
    assert notebook.text(2) == "['low', 'critical', 'low']"
    assert notebook.console_errors == []


def test_notifications_need_permission(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(lab, demo_server, MAGIC)
    offer = card.root.locator('[data-action="notify"]')
    notebook.page.evaluate(AGREE_WHEN_ASKED)
    expect(offer).to_be_visible()
    expect(offer).to_have_attribute("title", "Notify me: low below 1,000, very low below 100")
    expect(offer).to_have_accessible_name("Notify me")
    offer.click()
    expect(offer).not_to_be_visible()
    assert notebook.page.evaluate("() => window.Notification.permission") == "granted"


def test_no_limits_no_notifications(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(lab, demo_server, "%evolink_credits --live --every 0.3")
    notebook.page.evaluate(AGREE_WHEN_ASKED)
    demo_server.account.spend(1)
    card.shows("1,094.3996")
    expect(card.root.locator('[data-action="notify"]')).not_to_be_visible()
