"""``evolink-nb demo``: JupyterLab on a copy of the quickstart, with a simulated account."""

from __future__ import annotations

import contextlib
import html
import importlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from ..api import credentials, settings
from ..demo import SEED, DemoServer
from ..errors import ConfigurationError, EvoLinkError
from .exit_codes import OK

NOTEBOOK = "notebooks/quickstart.ipynb"
BESIDE = ("notebooks/cost-of-a-cell.ipynb", "notebooks/budgets.ipynb")
"""Notebooks that the quickstart links to."""
MAX_START_SECONDS = 120.0
"""The longest JupyterLab may take until its first response, in seconds."""


def launch_demo(*, port: int = 0, seed: int | None = None, open_browser: bool = True) -> int:
    """Serve the demo until interrupted.

    Args:
        port: JupyterLab's port; 0 picks a free one.
        seed: The simulated account's seed.
        open_browser: Whether to open the notebook, instead of only printing its URL.

    Returns:
        The exit code, `OK`.

    Raises:
        ConfigurationError: JupyterLab is not installed.
        EvoLinkError: JupyterLab does not start, or exits by itself.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise ConfigurationError(
            "The demo needs JupyterLab.", hint="Install it with: pip install 'evolink-nb[demo]'"
        )
    with (
        tempfile.TemporaryDirectory(prefix="evolink-nb-demo-") as folder,
        DemoServer(seed=SEED if seed is None else seed) as server,
    ):
        _write_tour(Path(folder))
        return _run_jupyterlab(Path(folder), server, port or _free_port(), open_browser=open_browser)


def _run_jupyterlab(folder: Path, server: DemoServer, port: int, *, open_browser: bool) -> int:
    token = secrets.token_hex(16)
    log = folder / "jupyterlab.log"
    jupyterlab = _start_jupyterlab(folder, log, port, token, server)
    ending = _Ending(jupyterlab)
    try:
        address = f"http://127.0.0.1:{port}"
        if _wait_until_up(f"{address}/api/status?token={token}", jupyterlab):
            url = f"{address}/lab/tree/{NOTEBOOK}?token={token}"
            _print_addresses(url, server)
            with redirect_file(url) as redirect:
                if open_browser:
                    webbrowser.open(redirect.as_uri())
                jupyterlab.wait()
    finally:
        jupyterlab.terminate()
        jupyterlab.wait()
    if ending.requested:
        return OK
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise EvoLinkError(
        f"JupyterLab ended with exit code {jupyterlab.returncode}.", hint=lines[-1] if lines else None
    )


def _write_tour(folder: Path) -> None:
    """Copy the notebooks to ``folder``: users then edit a copy, not those in the checkout."""
    package = Path(__file__).parents[1]
    for name in (NOTEBOOK, *BESIDE):
        # In a checkout they are next to the package; an installed package includes them.
        places = (package.parent / name, package / "demo" / Path(name).name)
        target = folder / "root" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(next(place for place in places if place.exists()), target)
    # Otherwise JupyterLab would first ask newcomers whether to fetch its news.
    configuration = folder / "config" / "labconfig" / "page_config.json"
    configuration.parent.mkdir(parents=True)
    news = "@jupyterlab/apputils-extension:announcements"
    configuration.write_text(json.dumps({"disabledExtensions": {news: True}}), encoding="utf-8")


def _start_jupyterlab(
    folder: Path, log: Path, port: int, token: str, server: DemoServer
) -> subprocess.Popen[bytes]:
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        f"--ServerApp.root_dir={folder / 'root'}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # Containers often run as root. The server listens on loopback and requires its token.
        command.append("--ServerApp.allow_root=True")
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_PATH": os.pathsep.join(
            filter(None, (str(folder / "config"), os.environ.get("JUPYTER_CONFIG_PATH")))
        ),
        "JUPYTER_TOKEN": token,  # not an argument: all users can see those in the process list
        settings.DEMO_VARIABLE: "1",
        settings.BASE_URL_VARIABLE: server.url,
        credentials.API_KEY_VARIABLE: server.key,
    }
    with log.open("wb") as output:
        # Its own session: Ctrl+C is handled here, and JupyterLab would ask for confirmation.
        return subprocess.Popen(  # noqa: S603 - this interpreter, with our own arguments
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


class _Ending:
    """Ends a process on Ctrl+C or SIGTERM, and records that as the reason."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.requested = False
        self._process = process
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        self._process.terminate()


def _wait_until_up(status_url: str, process: subprocess.Popen[bytes]) -> bool:
    """Return True once the server responds, False if its process ended first."""
    deadline = time.monotonic() + MAX_START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with _direct.open(status_url, timeout=5):
                return True
        except OSError:
            time.sleep(0.1)
    return False


@contextlib.contextmanager
def redirect_file(url: str) -> Iterator[Path]:
    """Yield a page that leads to ``url``: all users can see a browser's arguments, but not the page.

    It is where Jupyter has its own: some browsers may not read the folder for temporary files.

    Args:
        url: An address with a token.
    """
    folder = importlib.import_module("jupyter_core.paths").jupyter_runtime_dir()  # comes with JupyterLab
    page = Path(folder) / f"evolink-nb-demo-{os.getpid()}-open.html"
    page.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    page.unlink(missing_ok=True)
    page.touch(mode=0o600, exist_ok=False)
    link = html.escape(url)
    try:
        page.write_text(
            f'<meta charset="utf-8"><meta http-equiv="refresh" content="1;url={link}">\n'
            f'<p>Opening the notebook: <a href="{link}">go there</a>.</p>\n',
            encoding="utf-8",
        )
        yield page
    finally:
        page.unlink(missing_ok=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _print_addresses(url: str, server: DemoServer) -> None:
    print(
        "EvoLink credits, with a simulated account: no key, and nothing leaves this machine.\n"
        f"  notebook  {url}\n"
        f"  demo API  {server.url}\n"
        f"  demo key  {server.key}\n"
        "The notebook is a copy; download it to keep it. Ctrl+C ends the demo.",
        flush=True,
    )


# A proxy from the environment must not be used for loopback.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
