"""Real front ends in a real browser. Only tests in this folder can use them: the folder is their marker."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from evolink_nb.card.template import script
from tests.gallery.scene_page import ScenePage
from tests.gallery.scenes import Scene, scenes
from tests.support.chromium import open_chromium
from tests.support.jupyter import FrontEnd, JupyterServer
from tests.support.waiting import LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def jupyter_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A Jupyter server that all browser tests share."""
    with JupyterServer(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium that all browser tests share."""
    expect.set_options(timeout=1000 * LIMIT)  # by default 5 s, which a busy machine may need
    with open_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def card_js(browser: Browser) -> Iterator[Page]:
    """A bare page that has `card.js` as `card`."""
    source = base64.b64encode(script().encode()).decode()
    with browser.new_page() as page:
        page.evaluate(
            "async (url) => { window.card = await import(url); }", f"data:text/javascript;base64,{source}"
        )
        yield page


@pytest.fixture(scope="session")
def gallery() -> dict[str, Scene]:
    """Every scene of the gallery, by its name."""
    return {scene.name: scene for scene in scenes()}


@pytest.fixture
def scene_page(browser: Browser) -> Iterator[ScenePage]:
    """A page to show scenes in, for a user who asked for less motion."""
    context = browser.new_context(viewport={"width": 960, "height": 900}, reduced_motion="reduce")
    yield ScenePage(context)
    context.close()


@pytest.fixture
def moving_page(browser: Browser) -> Iterator[ScenePage]:
    """A page to show scenes in, for a user who didn't."""
    context = browser.new_context(viewport={"width": 960, "height": 900}, reduced_motion="no-preference")
    yield ScenePage(context)
    context.close()


@pytest.fixture
def lab(jupyter_server: JupyterServer, browser: Browser) -> Iterator[FrontEnd]:
    """JupyterLab: `lab.open(cells)` opens a notebook in it."""
    front_end = FrontEnd(jupyter_server, browser, "lab")
    yield front_end
    front_end.close()


@pytest.fixture
def notebook7(jupyter_server: JupyterServer, browser: Browser) -> Iterator[FrontEnd]:
    """Notebook 7: `notebook7.open(cells)` opens a notebook in it."""
    front_end = FrontEnd(jupyter_server, browser, "notebook")
    yield front_end
    front_end.close()


@pytest.fixture(params=["lab", "notebook"])
def front_end(
    request: pytest.FixtureRequest, jupyter_server: JupyterServer, browser: Browser
) -> Iterator[FrontEnd]:
    """JupyterLab, then Notebook 7: the test runs once in each."""
    front_end = FrontEnd(jupyter_server, browser, request.param)
    yield front_end
    front_end.close()
