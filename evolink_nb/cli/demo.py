"""``evolink-nb demo``: JupyterLab on a copy of the quickstart, with a simulated account."""

from __future__ import annotations

import contextlib
import html
import importlib
import importlib.util
import os
import secrets
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

from ..demo import SEED, DemoServer
from ..errors import ConfigurationError, EvoLinkError
from . import output
from .exit_codes import OK
from .tour import BESIDE, NOTEBOOK, account_of, write_tour

END_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK")
"""The signals that end the demo, where the platform has them; a closed terminal sends SIGHUP."""
MAX_END_SECONDS = 15.0
"""The longest JupyterLab may take to end its kernels and itself, in seconds."""
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
        OutputError: Its addresses can't be printed.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise ConfigurationError(
            "The demo needs JupyterLab.", hint="Install it with: pip install 'evolink-nb[demo]'"
        )
    seed = SEED if seed is None else seed
    ending = _Ending()
    with (
        tempfile.TemporaryDirectory(prefix="evolink-nb-demo-") as folder,
        DemoServer(seed=seed) as server,
        contextlib.ExitStack() as stack,
    ):
        beside = {name: stack.enter_context(DemoServer(seed=seed)) for name in BESIDE}
        write_tour(Path(folder), beside)
        return _run_jupyterlab(Path(folder), server, port or _free_port(), ending, open_browser=open_browser)


def _run_jupyterlab(
    folder: Path, server: DemoServer, port: int, ending: _Ending, *, open_browser: bool
) -> int:
    token = secrets.token_hex(16)
    log = folder / "jupyterlab.log"
    jupyterlab = _start_jupyterlab(folder, log, port, token, server)
    try:
        ending.follow(jupyterlab)
        address = f"http://127.0.0.1:{port}"
        if _wait_until_up(f"{address}/api/status?token={token}", jupyterlab):
            url = f"{address}/lab/tree/{NOTEBOOK}?token={token}"
            _print_addresses(url, server)
            with redirect_file(url) as redirect:
                if open_browser:
                    webbrowser.open(redirect.as_uri())
                jupyterlab.wait()
    except output.OutputError:
        if not ending.requested:  # a closed terminal takes no output, and ends the demo
            raise
    finally:
        _end(jupyterlab)
    if ending.requested:
        return OK
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise EvoLinkError(
        f"JupyterLab ended with exit code {jupyterlab.returncode}.", hint=lines[-1] if lines else None
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(MAX_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # its kernels notice, and end
        process.wait()


def _start_jupyterlab(
    folder: Path, log: Path, port: int, token: str, server: DemoServer
) -> subprocess.Popen[bytes]:
    command = [
        *(sys.executable, "-m", f"{__package__}.jupyterlab", "--no-browser"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        f"--ServerApp.root_dir={folder / 'root'}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # Containers often run as root. The server listens on loopback and requires its token.
        command.append("--ServerApp.allow_root=True")
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_PATH": _path("JUPYTER_CONFIG_PATH", folder / "config"),
        "JUPYTER_PATH": _path("JUPYTER_PATH", folder / "data"),
        "JUPYTER_TOKEN": token,  # not an argument: all users can see those in the process list
        **account_of(server),
    }
    with log.open("wb") as output:
        # In its own session: Ctrl+C is handled here; JupyterLab would ask for confirmation.
        return subprocess.Popen(  # noqa: S603 - this interpreter, with our own arguments
            command,
            env=environment,
            stdin=subprocess.PIPE,  # JupyterLab ends when it closes, even if this process is killed
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _path(variable: str, first: Path) -> str:
    return os.pathsep.join(filter(None, (str(first), os.environ.get(variable))))


class _Ending:
    """Ends a process on the first of `END_SIGNALS`, and records that as the reason."""

    def __init__(self) -> None:
        self.requested = False
        self._process: subprocess.Popen[bytes] | None = None
        for name in END_SIGNALS:
            number = getattr(signal, name, None)
            # nohup keeps a command running after its terminal is closed.
            is_nohup = name == "SIGHUP" and number and signal.getsignal(number) is signal.SIG_IGN
            if number is not None and not is_nohup:
                signal.signal(number, self._end)

    def follow(self, process: subprocess.Popen[bytes]) -> None:
        """End this process on a signal, even one that has already arrived."""
        self._process = process
        if self.requested:
            process.terminate()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        if self._process is not None:
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
    """Yield a page that redirects to ``url``: other users can see a browser's arguments, but not the page.

    It is in Jupyter's own folder for such pages: some browsers may not read the folder for temporary files.

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
    output.say(
        "EvoLink credits, with a simulated account: no key, and nothing leaves this machine.\n"
        f"  notebook  {url}\n"
        f"  demo API  {server.url}\n"
        f"  demo key  {server.key}\n"
        "The notebook is a copy; download it to keep it. Ctrl+C ends the demo."
    )


# A proxy from the environment must not be used for loopback.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
