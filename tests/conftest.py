"""The parts that tests are made of: an environment of their own, a simulated account, a real front end."""

from __future__ import annotations

import faulthandler
import os
import signal
from typing import TYPE_CHECKING

import hypothesis
import pytest

from evolink_nb import EvoLinkClient
from evolink_nb.demo import DemoServer
from tests.support import threads
from tests.support.environment import account_of, is_personal, isolation
from tests.support.failing_server import IMPATIENT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A job in the background of a script (`nohup make test &`) ignores interrupts, and so does what it starts:
# tests that interrupt would wait for ever, here and in the kernels and programs they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says more about the machine than about the code. Each run tries the same examples;
# `--hypothesis-profile=search` looks for others.
hypothesis.settings.register_profile("any machine", deadline=None, max_examples=30, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None, max_examples=2_000)
hypothesis.settings.load_profile("any machine")


# Seconds that a test may take; elsewhere, the `timeout` of pyproject.toml. A kernel may be slow to start,
# and a page or another version of a package slower.
TIMEOUTS = {"kernels": 240, "browser": 420}
SECONDS_TO_EXIT = 60


LONGEST = {
    "test_card_states.py",
    "test_everywhere.py",
    "test_lite_site.py",
    "test_lower_bounds.py",
    "test_metered_cells.py",
    "test_metered_cells_on_screen.py",
    "test_notebooks.py",
    "test_pinned_card.py",
    "test_saved_notebook.py",
    "test_visibility.py",
}
"""The files of tests that take the longest: they install something, run notebooks, or open many pages."""
SLOW_FOLDERS = {"docs", "kernels", "history"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests in `tests/browser`, run them last, the longest first, and limit each folder's time.

    While Playwright's synchronous interface is open, an event loop counts as running in this thread, and
    tests that start one of their own (nbclient, IPython's `await`) could not. Last, it disturbs nobody.
    """
    for item in items:
        folder = item.path.parent.name
        if folder == "browser":
            item.add_marker("browser")
        if folder in TIMEOUTS and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUTS[folder]))
    # Begun last, the longest files would keep one process busy while the others are done.
    items.sort(
        key=lambda item: (
            item.get_closest_marker("browser") is not None,
            item.path.name not in LONGEST,
            item.path.parent.name not in SLOW_FOLDERS,
        )
    )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let no thread that a test forgot keep the process, which has said all it had to."""
    # xdist ends its workers by itself; one that is done waits for the others, for as long as they take.
    if not hasattr(config, "workerinput"):
        faulthandler.dump_traceback_later(SECONDS_TO_EXIT, exit=True)


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """After each test, all threads that this package started during it have ended, or end soon."""
    before = threads.running()
    yield
    threads.join_all_but(before)


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
