"""The parts that tests are made of: an environment of their own, a simulated account, a real front end."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import hypothesis
import pytest

from evolink_nb import EvoLinkClient
from evolink_nb.card.render import STATIC
from evolink_nb.demo import Account, DemoServer
from tests.support.caller import Caller, demo_threads
from tests.support.chromium import open_chromium
from tests.support.environment import account_of, is_personal, isolation
from tests.support.failing_server import IMPATIENT
from tests.support.jupyter import FrontEnd, JupyterServer
from tests.support.kernel import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that ask for a browser, and run them last.

    While Playwright's synchronous interface is open, an event loop counts as running in this thread, and
    tests that start one of their own (nbclient, IPython's `await`) could not. Last, it disturbs nobody.
    """
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of the test's own, and no key, proxy or Jupyter setting of the person who runs it."""
    home = tmp_path_factory.mktemp("home")
    for name in filter(is_personal, list(os.environ)):
        monkeypatch.delenv(name)
    for name, value in isolation(home).items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture
def demo_server() -> Iterator[DemoServer]:
    """The simulated API on loopback, the same account at every run."""
    with DemoServer(seed=1) as server:
        yield server


@pytest.fixture
def simulated_account(demo_server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> DemoServer:
    """The simulated API, whose account is this process's own and that of kernels it starts from now on."""
    for name, value in account_of(demo_server).items():
        monkeypatch.setenv(name, value)
    return demo_server


@pytest.fixture
def reader(demo_server: DemoServer) -> Iterator[EvoLinkClient]:
    """A client of the simulated account, that tries again at once."""
    with EvoLinkClient(demo_server.key, base_url=demo_server.url, timing=IMPATIENT) as reader:
        yield reader


@pytest.fixture
def server() -> Iterator[DemoServer]:
    """A simulated API for tests of itself: no task goes wrong by chance, and no thread may outlive it."""
    before = demo_threads()
    with DemoServer(Account(shortfall_rate=0, failure_rate=0)) as server:
        yield server
    assert demo_threads() == before


@pytest.fixture
def caller(server: DemoServer) -> Iterator[Caller]:
    """A plain client of `server`."""
    with Caller(server) as caller:
        yield caller


@pytest.fixture(scope="session")
def jupyter_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A Jupyter server that all browser tests share."""
    with JupyterServer(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium that all browser tests share."""
    with open_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def card_js(browser: Browser) -> Iterator[Page]:
    """A bare page that has `card.js` as `card`."""
    source = base64.b64encode((STATIC / "card.js").read_bytes()).decode()
    with browser.new_page() as page:
        page.evaluate(
            "async (url) => { window.card = await import(url); }", f"data:text/javascript;base64,{source}"
        )
        yield page


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


@pytest.fixture
def kernel(demo_server: DemoServer, tmp_path: Path) -> Iterator[Kernel]:
    """A kernel whose account is the simulated one."""
    with Kernel({**os.environ, **account_of(demo_server)}, tmp_path / "kernel.log") as kernel:
        yield kernel
