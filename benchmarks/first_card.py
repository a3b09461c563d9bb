"""How long is it from opening the demo that needs no server to its live card, in seconds?

There is no peer: each round opens the site of ``make lite`` in a browser that has nothing of it yet, runs all
cells, and waits for the live card's first reading.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lite import build, serving
from tests.support.chromium import open_chromium
from tests.support.lite_page import LitePage

from .ratio import Comparison

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROUNDS = 5
MAX_SECONDS = 10.0


def measure() -> list[Comparison]:
    """Return the seconds of each round."""
    build.build_site(build.SITE)
    with serving.serve(build.SITE) as site, open_chromium() as browser:
        seconds = [_seconds_to_card(browser, site) for _ in range(ROUNDS)]
    return [Comparison("opening the browser demo, until its live card shows (seconds)", seconds, MAX_SECONDS)]


def _seconds_to_card(browser: Browser, site: str) -> float:
    page = LitePage(browser, site)
    try:
        began = time.monotonic()
        page.open("quickstart.ipynb")
        page.start_all()
        page.wait_for_live_card()
        return time.monotonic() - began
    finally:
        page.close()
