"""Pages out of sight, and what goes on at the server meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from evolink_nb import CreditsFetcher, EvoLinkClient

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from evolink_nb.demo import DemoServer

CREDITS = "/v1/credits"

# A headless Chromium takes every tab for visible, the ones behind others too.
_SHOW = """visible => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => !visible });
    const state = visible ? "visible" : "hidden";
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def hide(page: Page) -> None:
    """What a browser tells a page whose tab goes behind another."""
    page.evaluate(_SHOW, arg=False)


def show(page: Page) -> None:
    """What a browser tells a page whose tab comes to the front."""
    page.evaluate(_SHOW, arg=True)


def let_pass(server: DemoServer, *, readings: int, every: float = 0.2) -> int:
    """The requests of all others while somebody takes so many readings, one each `every` seconds."""
    passer_by = CreditsFetcher(EvoLinkClient(server.key_of("other"), base_url=server.url), interval=every)
    done = threading.Event()

    def count(_change: object) -> None:
        if len(passer_by.readings) == readings:
            passer_by.stop()
            done.set()

    passer_by.observe(count, "revision")
    before = server.requests_seen[CREDITS]
    passer_by.start()
    assert done.wait(60)
    return server.requests_seen[CREDITS] - before - readings
