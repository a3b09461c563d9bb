"""A real Chromium, with a Jupyter server for it if need be, for what is measured in the page itself."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from tests.chromium import chromium_path
from tests.jupyter import JupyterServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a Chromium without a window."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as tool:
        browser = tool.chromium.launch(
            executable_path=chromium_path(),
            # Chromium's sandbox refuses to start as root.
            chromium_sandbox=not is_root,
            args=["--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@contextmanager
def jupyter_in_chromium() -> Iterator[tuple[JupyterServer, Browser]]:
    """Run a Jupyter server with folders of its own, and a browser to open its notebooks in."""
    with tempfile.TemporaryDirectory() as home, JupyterServer(Path(home)) as server, chromium() as browser:
        yield server, browser
