"""How long after a click is the new number on screen while a cell runs, beside a plain ``ipywidgets.Button``?

Measured in the page: from the click to the frame that follows the change in the page. Both stand in the same
notebook, and the plain button is clicked first, as soon as the cell has begun.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from evolink_nb.demo import DemoServer
from tests.support.cards import open_card
from tests.support.jupyter import FrontEnd
from tests.support.overlay import ipykernel

from .browser import jupyter_in_chromium
from .ratio import Comparison, part

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.support.jupyter import JupyterServer

CLICKS = 20
CELL_SECONDS = 20
MAX_SECONDS = 0.15
KERNEL = "7.4.0"
NAMES: dict[Literal["lab", "notebook"], str] = {"lab": "JupyterLab", "notebook": "Notebook"}

_PLAIN_BUTTON = """
import ipywidgets
button, count = ipywidgets.Button(description="count"), ipywidgets.IntText(0)
button.on_click(lambda _: setattr(count, "value", count.value + 1))
ipywidgets.HBox([button, count])
"""
_LONG_CELL = f"print('begun', flush=True)\nimport time; time.sleep({CELL_SECONDS})"

_CLICK_CARD = """(card) => new Promise((resolve) => {
    const number = card.querySelector('[data-field="user-remaining"]');
    const before = number.dataset.value;
    const seen = new MutationObserver(() => {
        if (number.dataset.value === before) return;
        seen.disconnect();
        const channel = new MessageChannel();
        channel.port1.onmessage = () => resolve((performance.now() - clicked) / 1000);
        requestAnimationFrame(() => channel.port2.postMessage(null));
    });
    seen.observe(number, { attributes: true, childList: true, subtree: true });
    const clicked = performance.now();
    card.querySelector('[data-action="refresh"]').click();
})"""
# An input's value changes no node, so it has to be looked at in each frame.
_CLICK_PLAIN = """(cell) => {
    const input = cell.querySelector("input");
    const clicked = performance.now();
    window.plainButton = new Promise((resolve) => {
        const look = () => input.value === "0" ? requestAnimationFrame(look)
                                               : resolve((performance.now() - clicked) / 1000);
        look();
    });
    cell.querySelector("button").click();
}"""


def measure(share: float = 1.0) -> list[Comparison]:
    """Return the seconds in each front end, and their ratio to the plain button's."""
    rows = []
    with jupyter_in_chromium() as (server, browser):
        for name, title in NAMES.items():
            seconds, plain = _clicks(server, browser, name, part(CLICKS, share))
            where = f"in {title} while a cell runs"
            rows += [
                Comparison(f"a click to its number on screen, {where} (seconds)", seconds, MAX_SECONDS),
                Comparison(
                    f"the same ÷ a click on an `ipywidgets.Button`, which took {plain:.0f} s (time)",
                    [ours / plain for ours in seconds],
                    MAX_SECONDS / CELL_SECONDS,
                ),
            ]
    return rows


def _clicks(
    server: JupyterServer, browser: Browser, name: Literal["lab", "notebook"], clicks: int
) -> tuple[list[float], float]:
    """Return the seconds that each click on the card took, and those that the plain button's took."""
    front_end = FrontEnd(server, browser, name)
    with DemoServer(seed=1) as demo:
        notebook, card = open_card(
            front_end,
            demo,
            "%evolink_credits --live --every 3600",
            _PLAIN_BUTTON,
            _LONG_CELL,
            environment=ipykernel(KERNEL),
        )
        notebook.run(2)
        notebook.begin(3)
        notebook.output(2).locator("button").wait_for()
        notebook.output(2).evaluate(_CLICK_PLAIN)
        seconds = []
        for _ in range(clicks):
            demo.account.spend(1)
            seconds.append(float(card.root.evaluate(_CLICK_CARD)))
            card.is_("live")
        if not notebook.execution_running(3):
            raise RuntimeError(f"{clicks} clicks took longer than the cell ran; nothing was measured.")
        plain = float(notebook.page.evaluate("() => window.plainButton"))
    front_end.close()
    return seconds, plain
