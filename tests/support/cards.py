"""The card in a page, as a person sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.environment import account_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright.sync_api import Locator, Page

    from evolink_nb.demo import DemoServer
    from tests.support.jupyter import FrontEnd, NotebookPage

LOAD = "%load_ext evolink_nb"


class Card:
    """One card; `place` is what shows it and no other one."""

    def __init__(self, place: Locator | Page) -> None:
        # One that stands by for the saved notebook, out of sight, is none to a person.
        self.root = place.locator(".evolink-card:visible")

    def field(self, name: str) -> Locator:
        """The part of the card of this name."""
        return self.root.locator(f'[data-field="{name}"]')

    def shows(self, remaining: str, *, seconds: float = 10) -> None:
        """Wait until the card shows this as what the account has left, for `seconds` at most."""
        number = self.field("user-remaining")
        expect(number).to_have_text(remaining, timeout=seconds * 1000)
        expect(number).to_have_attribute("data-value", remaining.replace(",", "").replace("\u2212", "-"))

    def is_(self, status: str, *, seconds: float = 10) -> None:
        """Wait until the card is in this state, for `seconds` at most."""
        expect(self.root).to_have_attribute("data-status", status, timeout=seconds * 1000)

    def refresh(self) -> None:
        """Click the button that asks for a reading now."""
        self.root.locator('[data-action="refresh"]').click()


def open_card(
    front_end: FrontEnd,
    server: DemoServer,
    show: str,
    *cells: str,
    environment: Mapping[str, str] | None = None,
) -> tuple[NotebookPage, Card]:
    """A notebook whose second cell runs `show` and has the card of its first reading; `cells` come after."""
    notebook = front_end.open([LOAD, show, *cells], environment={**(environment or {}), **account_of(server)})
    notebook.run(0)
    notebook.run(1)
    card = Card(notebook.output(1))
    card.shows("1,095.3996", seconds=30)
    return notebook, card
