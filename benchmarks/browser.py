"""A Jupyter server and a real Chromium on it, for what is measured in the page itself."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.chromium import open_chromium
from tests.support.jupyter import JupyterServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@contextmanager
def jupyter_in_chromium() -> Iterator[tuple[JupyterServer, Browser]]:
    """Run a Jupyter server with folders of its own, and a browser to open its notebooks in."""
    with (
        tempfile.TemporaryDirectory() as home,
        JupyterServer(Path(home)) as server,
        open_chromium() as browser,
    ):
        yield server, browser
