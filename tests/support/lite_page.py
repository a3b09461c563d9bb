"""A notebook of the demo that needs no server, open in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PATIENCE = 240_000.0
"""Milliseconds: Python starts in the page, on whatever else the machine is doing."""

POLLING = 50.0
"""Milliseconds between looks at a page. At each frame, Playwright's way, they would keep it busy painting."""

_PROMPTS = "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(each => each.innerText)"
_CELLS = "document.querySelector('.jp-CodeCell')"
_OUTPUTS = "[...document.querySelectorAll('.jp-CodeCell .jp-OutputArea')]"
_LIVE = f"{_OUTPUTS}.some(each => each.innerText.includes('updated'))"
_SAVED = f"{_OUTPUTS}.some(each => each.innerText.trim())"
_IDLE = "document.querySelector('#jp-main-statusbar')?.innerText.includes('Idle')"


class LitePage:
    """One notebook in JupyterLite.

    Attributes:
        saved: What each code cell showed before any was run.
    """

    def __init__(self, browser: Browser, site: str) -> None:
        self._site = site
        self._context = browser.new_context(viewport={"width": 1200, "height": 2400})
        self._page = self._context.new_page()
        self._asked: list[str] = []
        self.saved: list[str] = []
        self._context.on("request", lambda request: self._asked.append(request.url))

    def close(self) -> None:
        """Close it."""
        self._context.close()

    @property
    def asked(self) -> list[str]:
        """The addresses it has asked so far; most are there twice, as its service worker repeats them."""
        return list(self._asked)

    def open(self, notebook: str) -> None:
        """Open a notebook, and wait until its kernel is ready."""
        self._page.goto(f"{self._site}/lab/index.html?path={notebook}", timeout=PATIENCE)
        self._wait_for(_CELLS)
        self._wait_for(_SAVED)
        self.saved = self.outputs()
        self._wait_for(_IDLE)

    def finish_all(self) -> None:
        """Wait for the last cell, going on after each error: JupyterLite stops there, whatever the tag."""
        self._finish()
        while left := [place for place, each in enumerate(self._prompts()) if each == "[ ]:"]:
            self._page.locator(".jp-CodeCell .jp-InputPrompt").nth(left[0]).click()
            self._choose("Run Selected Cell and All Below")
            self._finish()
            assert left != [place for place, each in enumerate(self._prompts()) if each == "[ ]:"]

    def start_all(self) -> None:
        """Begin to run all cells."""
        self._choose("Run All Cells")

    def wait_for_live_card(self) -> None:
        """Wait until a live card shows a reading."""
        self._wait_for(_LIVE)

    def outputs(self) -> list[str]:
        """What each code cell shows now."""
        cells = self._page.locator(".jp-CodeCell").all()
        return ["\n".join(cell.locator(".jp-OutputArea-output").all_inner_texts()) for cell in cells]

    def _prompts(self) -> list[str]:
        prompts: list[str] = self._page.evaluate(_PROMPTS)
        return prompts

    def _choose(self, item: str) -> None:
        before = self._prompts()
        self._page.click('.lm-MenuBar-itemLabel:text("Run")')
        self._page.click(f'.lm-Menu-itemLabel:text-is("{item}")')
        changed = f"before => JSON.stringify({_PROMPTS}) !== JSON.stringify(before)"
        self._wait_for(changed, before)

    def _finish(self) -> None:
        done = f"{_IDLE} && !{_PROMPTS}.some(each => each.includes('*'))"
        self._wait_for(done)

    def _wait_for(self, condition: str, argument: object = None) -> None:
        self._page.wait_for_function(condition, arg=argument, timeout=PATIENCE, polling=POLLING)
