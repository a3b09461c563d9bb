"""A loop's bar in a browser: readable in every host's colours, and no wider than a narrow page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from evolink_nb.metering.loops.view import LoopView, Stage
from tests.gallery.themes import THEMES, Theme
from tests.support.jupyter import SCREENSHOTS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FACTS = "1,234.5678 of 2,000 spent · 12.3457 each · ≈ 24,691.4 total · 99,416.4429 left"


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_bar_is_readable_and_fits_anywhere(browser: Browser, theme: Theme) -> None:
    page = browser.new_page(color_scheme=theme.scheme, viewport={"width": 400, "height": 500})
    bars = "".join(LoopView("summaries", 100, 2000, 0.62, 754.0, FACTS, stage).html() for stage in Stage)
    page.set_content(
        f"<html lang=en><title>Loops</title><style>{theme.stylesheet}</style>"
        f"<body {theme.attributes}><main><h1>Loops</h1>{bars}</main></html>"
    )
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 400
    page.screenshot(path=SCREENSHOTS / f"loops-{theme.name}.png")
    page.close()
