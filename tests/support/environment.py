"""The environment that tests and their child processes run in: nothing of this person's, nothing real."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from evolink_nb.demo import DemoServer

# Settings of the person who runs the tests that would reach the code under test, or Jupyter.
_PERSONAL_PREFIXES = ("EVOLINK_", "IPYTHON", "JUPYTER", "JPY_", "XDG_")
_PERSONAL_NAMES = {
    "COLAB_RELEASE_TAG",
    "MPLBACKEND",
    "NETRC",
    "PYTEST_ADDOPTS",
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
}
# A proxy would be asked for the loopback servers that tests talk to.
_PROXIES = {"all_proxy", "ftp_proxy", "http_proxy", "https_proxy", "no_proxy"}


def is_personal(name: str) -> bool:
    """Whether the environment variable `name` could make a test depend on who runs it."""
    return name.startswith(_PERSONAL_PREFIXES) or name in _PERSONAL_NAMES or name.lower() in _PROXIES


def isolation(home: Path) -> dict[str, str]:
    """The variables that keep every program within `home` and away from the system's keyring."""
    return {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_CONFIG_DIR": str(home / "jupyter" / "config"),
        "JUPYTER_DATA_DIR": str(home / "jupyter" / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "jupyter" / "runtime"),
        # The kernels and extensions to be found are those installed beside this interpreter.
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        # Tests of the history choose a place of their own.
        "EVOLINK_NB_HISTORY": "off",
    }


def isolated_environment(home: Path) -> dict[str, str]:
    """A child process's whole environment: this one without what is personal, kept within `home`."""
    inherited = {name: value for name, value in os.environ.items() if not is_personal(name)}
    return inherited | isolation(home)


def account_of(server: DemoServer) -> dict[str, str]:
    """The variables that make `server`'s simulated account a process's own, as if it were a real one."""
    return {"EVOLINK_API_KEY": server.key, "EVOLINK_BASE_URL": server.url}


def free_port() -> int:
    """A loopback port that nothing listens on, for a child process to be told.

    None of those that Linux, macOS and Windows hand out to whoever asks for any (32768 up): another test's
    server or connection could take it before the child process does.
    """
    while True:
        port = secrets.choice(range(20_000, 32_768))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
