"""The table of costs in a browser: readable in every host's colours, and names stay text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from evolink_nb.metering.report import MAX_NAME, Costs
from tests.gallery.themes import THEMES, Theme
from tests.metering.test_report import MARKUP, a_morning, entry, html

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page


@pytest.fixture(params=THEMES, ids=lambda theme: theme.name)
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """An empty page as a host colours it."""
    theme: Theme = request.param
    page = browser.new_page(color_scheme=theme.scheme)
    page.set_content(
        f"<html lang=en><title>Costs</title><style>{theme.stylesheet}</style>"
        f"<body {theme.attributes}><main><h1>Costs</h1></main></html>"
    )
    yield page
    page.close()


def put(page: Page, costs: Costs) -> None:
    page.evaluate(
        "markup => document.querySelector('main').insertAdjacentHTML('beforeend', markup)", html(costs)
    )


def test_all_can_read_it_in_every_theme(page: Page) -> None:
    put(page, a_morning())
    expect(page.locator(".evolink-costs tbody tr")).to_have_count(7)
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    alignments = page.locator("tbody tr:first-child :is(th, td)").evaluate_all(
        "cells => cells.map(cell => getComputedStyle(cell).textAlign)"
    )
    assert alignments == ["left", *["right"] * 7, "left"]


def test_a_browser_shows_names_as_text(page: Page) -> None:
    put(page, Costs([entry(MARKUP, "2"), entry("harmless", "1.5")]))
    expect(page.locator("tbody th").first).to_have_text(f"{MARKUP[: MAX_NAME - 1]}…")
    expect(page.locator("table")).to_have_count(1)
    expect(page.locator("main img, main script")).to_have_count(0)
    assert page.evaluate("() => window.attacked") is None
