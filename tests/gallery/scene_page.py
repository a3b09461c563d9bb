"""Shows a scene in a real Chromium: a bare page with a host's colours, and the card's own code in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolink_nb.card.template import script, stylesheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import BrowserContext, Locator, Page

    from .scenes import Scene
    from .themes import Theme

WIDTHS = (260, 440, 900)
"""CSS pixels that the card is given."""

_HOST = Path(__file__).with_name("host.js").read_text(encoding="utf-8")
_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>A card</title>
<style id="theme"></style><style>%s</style>
<style>body { margin: 0; } #place { padding: 12px; width: fit-content; }</style>
</head><body><main><h1>The card</h1><div id="place"><div id="card"></div></div></main></body></html>"""
_SET_THEME = """([stylesheet, attributes]) => {
    const {body} = document;
    for (const name of body.getAttributeNames()) body.removeAttribute(name);
    document.querySelector("#theme").textContent = stylesheet;
    const parsed = new DOMParser().parseFromString(`<body ${attributes}>`, "text/html").body;
    for (const {name, value} of parsed.attributes) body.setAttribute(name, value);
}"""


class ScenePage:
    """One page that shows one scene at a time; `page` is Playwright's."""

    def __init__(self, context: BrowserContext) -> None:
        self._context = context
        self.page: Page = context.new_page()
        self.errors: list[str] = []

    @property
    def place(self) -> Locator:
        """What a picture is taken of: the card, and a little of what is around it."""
        return self.page.locator("#place")

    @property
    def card(self) -> Locator:
        """The card itself."""
        return self.page.locator(".evolink-card")

    def show(self, scene: Scene, theme: Theme, width: int) -> None:
        """Show a scene in a new page, its clock standing still; what happens to the card has happened."""
        self.page.close()
        self.page = page = self._context.new_page()
        self.errors = errors = []
        page.on("console", lambda message: errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_content(_FRAME % stylesheet())
        self.set_theme(theme)
        self.set_width(width)
        start = scene.now.timestamp() + scene.age
        page.clock.install(time=start - 1)
        page.clock.pause_at(start)
        if scene.state is None:
            page.locator("#card").evaluate("(place, markup) => { place.innerHTML = markup; }", scene.markup)
            return
        page.evaluate(_HOST)
        page.evaluate(
            "scene => host.show(scene)", {"code": script(), "state": scene.state, "points": scene.points}
        )
        if scene.happens is not None:
            scene.happens(page)
        self.finish_animations()

    def field(self, name: str) -> str:
        """What a field says, its lines and spaces as one."""
        return " ".join((self.card.locator(f'[data-field="{name}"]').text_content() or "").split())

    def set_theme(self, theme: Theme) -> None:
        """Take over a host's colours."""
        self.page.emulate_media(color_scheme=theme.scheme)
        self.page.evaluate(_SET_THEME, [theme.stylesheet, theme.attributes])

    def set_width(self, width: int) -> None:
        """Set the card's width, in pixels."""
        self.page.locator("#card").evaluate("(card, width) => { card.style.width = `${width}px`; }", width)

    def set_compact(self, compact: bool) -> None:
        """Set whether the card has its small form."""
        if self.page.evaluate("() => 'host' in globalThis"):
            self.update(compact=compact)
        else:
            give = "(card, form) => form ? (card.dataset.form = form) : delete card.dataset.form"
            self.card.evaluate(give, "compact" * compact)

    def update(self, **traits: Any) -> None:
        """Let the kernel send one update."""
        self.page.evaluate("traits => host.model.set(traits)", traits)

    def sent(self) -> Sequence[dict[str, Any]]:
        """What the card has sent to the kernel."""
        sent: list[dict[str, Any]] = self.page.evaluate("() => host.model.sent")
        return sent

    def finish_animations(self) -> None:
        """Let all motion come to its end."""
        self.page.evaluate("() => document.getAnimations().forEach(animation => animation.finish())")
