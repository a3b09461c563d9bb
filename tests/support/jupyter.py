"""A real Jupyter server with JupyterLab and Notebook 7 on it, and a notebook open in a real browser.

    with JupyterServer(home) as server:
        lab = FrontEnd(server, browser, "lab")
        notebook = lab.open(["print(6 * 7)"])
        notebook.run(0)
        assert notebook.text(0) == "42"

Every wait is for a condition of the page, the kernel or the server.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from playwright.sync_api import TimeoutError as PageTimeoutError
from playwright.sync_api import expect

from tests.support.colab import ROOT
from tests.support.environment import free_port, isolated_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Locator, Page

SCREENSHOTS = ROOT / "screenshots"

_SECONDS_TO_START = 180.0
_SECONDS_TO_OPEN = 120.0
_SECONDS_TO_RUN = 120.0

_SERVER_SETTINGS: dict[str, Any] = {
    "ServerApp": {"open_browser": False, "allow_root": True, "ip": "127.0.0.1"},
    # It would otherwise ask a package registry what can be installed.
    "LabApp": {"expose_app_in_browser": True, "extension_manager": "readonly"},
    "JupyterNotebookApp": {"expose_app_in_browser": True},
    "AsyncMappingKernelManager": {
        "kernel_manager_class": "tests.support.server_kernel_manager.ServerSocketKernelManager"
    },
}
_FRONT_END_SETTINGS: dict[str, Any] = {
    "@jupyterlab/apputils-extension:notification": {
        "checkForUpdates": False,
        "doNotDisturbMode": True,
        "fetchNews": "false",
    },
    # Cells outside the window stay in the page, where a test can read them.
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
# What shows neither a notebook nor its outputs takes some of the time that a page takes to open.
# `evolink-nb demo` is tested in a JupyterLab with all of it.
_UNUSED = (
    "csvviewer",
    "debugger",
    "extensionmanager",
    "help",
    "htmlviewer",
    "hub",
    "imageviewer",
    "inspector",
    "logconsole",
    "markdownviewer",
    "pluginmanager",
)
_PAGE_SETTINGS: dict[str, Any] = {
    "disabledExtensions": {
        "@jupyterlab/apputils-extension:announcements": True,
        **{f"@jupyterlab/{name}-extension": True for name in _UNUSED},
    },
}

# What Notebook 7.6 says of itself on opening any notebook.
_OWN_COMPLAINTS = {
    "Cannot read properties of undefined (reading 'schema')",
    "Command 'filebrowser:open-path' not registered.",
}

_IS_OPEN = """(cells) => {
    const panel = window.jupyterapp?.shell?.currentWidget;
    const kernel = panel?.sessionContext?.session?.kernel;
    return panel?.content?.widgets?.length === cells
        && kernel?.connectionStatus === "connected" && kernel.status === "idle";
}"""
_IS_IDLE = """() => {
    const panel = window.jupyterapp.shell.currentWidget;
    return panel.sessionContext.session?.kernel?.status === "idle"
        && panel.content.widgets.every((cell) => cell.model.executionState !== "running");
}"""
_START_CELL = """(index) => {
    const app = window.jupyterapp;
    const notebook = app.shell.currentWidget.content;
    notebook.deselectAll();
    notebook.activeCellIndex = index;
    window.cellsDone = window.cellsDone ?? {};
    window.cellsDone[index] = false;
    app.commands.execute("notebook:run-cell").finally(() => { window.cellsDone[index] = true; });
}"""
_START_ALL = """() => {
    const app = window.jupyterapp;
    window.allCellsDone = false;
    app.commands.execute("notebook:run-all-cells").finally(() => { window.allCellsDone = true; });
}"""
ENDLESS = "print('begun', flush=True)\nimport time; time.sleep(600)"
"""A cell that runs until it is interrupted."""
_CELL_IS_DONE = "(index) => window.cellsDone[index]"
_ALL_ARE_DONE = "() => window.allCellsDone"
_INTERRUPT = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()"
_SAVE = "() => window.jupyterapp.shell.currentWidget.context.save()"
_SET_THEME = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
_THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


class JupyterServer:
    """A Jupyter server of its own process, loopback port, token and folders, from `with` to its end.

    It serves JupyterLab and Notebook 7 both. `url` ends in a slash; `root` holds the notebooks.
    """

    url: str

    def __init__(self, home: Path, settings: Mapping[str, Any] | None = None) -> None:
        self._settings = settings or {}
        self.token = secrets.token_hex(16)
        self.root = home / "notebooks"
        # Where it finds what starts its kernels.
        self._environment = isolated_environment(home) | {"PYTHONPATH": str(ROOT)}
        self._config = Path(self._environment["JUPYTER_CONFIG_DIR"])
        self._kernels = Path(self._environment["JUPYTER_DATA_DIR"]) / "kernels"
        self._log = home / "jupyter.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.root.mkdir(parents=True)
        self._configure()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab"],
                cwd=self.root,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self.url = self._wait_for_url(self._process)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        # It ends its kernels before it goes.
        self._process.terminate()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def add_kernel(self, environment: Mapping[str, str]) -> str:
        """The name of a new kernel: this interpreter with `environment` added to its own."""
        name = f"python-{secrets.token_hex(4)}"
        _write_json(
            self._kernels / name / "kernel.json",
            {
                "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                "display_name": "Python",
                "language": "python",
                "env": dict(environment),
                "metadata": {"debugger": False},
            },
        )
        return name

    def shut_down_kernels(self) -> None:
        """End every kernel that a notebook has started."""
        for session in json.loads(self.request("GET", "api/sessions")):
            self.request("DELETE", f"api/sessions/{session['id']}")

    def request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """What the server answers."""
        request = urllib.request.Request(
            self.url + path, body, method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            answer: bytes = response.read()
        return answer

    def _configure(self) -> None:
        settings = _SERVER_SETTINGS | {
            "ServerApp": _SERVER_SETTINGS["ServerApp"] | {"port": free_port(), "root_dir": str(self.root)},
            # In a file: a command line can be read by everyone on the machine.
            "IdentityProvider": {"token": self.token},
            **self._settings,
        }
        _write_json(self._config / "jupyter_server_config.json", settings)
        _write_json(self._config / "labconfig" / "default_setting_overrides.json", _FRONT_END_SETTINGS)
        _write_json(self._config / "labconfig" / "page_config.json", _PAGE_SETTINGS)

    def _wait_for_url(self, process: subprocess.Popen[bytes]) -> str:
        # It names the port taken, should the probed one be gone. The server listens a moment later.
        written = Path(self._environment["JUPYTER_RUNTIME_DIR"]) / f"jpserver-{process.pid}.json"
        deadline = time.monotonic() + _SECONDS_TO_START
        while process.poll() is None and time.monotonic() < deadline:
            try:
                url = str(json.loads(written.read_text())["url"])
                with urllib.request.urlopen(f"{url}api/status?token={self.token}", timeout=30):
                    return url
            except (FileNotFoundError, json.JSONDecodeError, urllib.error.URLError):
                time.sleep(0.05)
        raise RuntimeError(f"Jupyter did not start:\n{self._log.read_text()}")


class FrontEnd:
    """Opens notebooks of a server in JupyterLab ("lab") or Notebook 7 ("notebook"), each in a fresh page."""

    def __init__(self, server: JupyterServer, browser: Browser, name: Literal["lab", "notebook"]) -> None:
        self.server = server
        self.name = name
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    def open(
        self,
        cells: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        width: int = 1280,
        height: int = 900,
    ) -> NotebookPage:
        """A new notebook of these code cells, its kernel ready; `environment` is added to the kernel's."""
        notebook = {
            "cells": [_code_cell(index, source) for index, source in enumerate(cells)],
            "metadata": {"language_info": {"name": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        return self._show(notebook, environment, width, height)

    def open_copy(
        self,
        path: Path,
        *,
        environment: Mapping[str, str] | None = None,
        width: int = 1280,
        height: int = 900,
    ) -> NotebookPage:
        """A copy of the notebook at `path`, opened as `open` does."""
        return self._show(json.loads(path.read_text()), environment, width, height)

    def close(self) -> None:
        """Close the pages and end their kernels."""
        while self._contexts:
            self._contexts.pop().close()
        self.server.shut_down_kernels()

    def _show(
        self, notebook: dict[str, Any], environment: Mapping[str, str] | None, width: int, height: int
    ) -> NotebookPage:
        kernel = self.server.add_kernel(environment or {})
        notebook["metadata"]["kernelspec"] = {"name": kernel, "display_name": "Python", "language": "python"}
        path = self.server.root / f"{kernel}.ipynb"
        _write_json(path, notebook)
        # A workspace of its own: JupyterLab would bring back what the last test had open.
        folder = f"lab/workspaces/{kernel}/tree" if self.name == "lab" else "notebooks"
        context = self._browser.new_context(viewport={"width": width, "height": height})
        self._contexts.append(context)
        url = f"{self.server.url}{folder}/{path.name}?token={self.server.token}"
        return NotebookPage(context.new_page(), path, url, cells=len(notebook["cells"]))


class NotebookPage:
    """One notebook, open in a page, with a kernel that is ready. Cells are numbered from 0.

    `page` is Playwright's page, `path` the notebook's file, `console_errors` what the page complained of.
    """

    def __init__(self, page: Page, path: Path, url: str, *, cells: int) -> None:
        self.page = page
        self.path = path
        self.console_errors: list[str] = []
        page.on("console", self._note_console)
        page.on("pageerror", self._note_error)
        page.goto(url, timeout=_SECONDS_TO_OPEN * 1000)
        try:
            page.wait_for_function(_IS_OPEN, arg=cells, timeout=_SECONDS_TO_OPEN * 500)
        except PageTimeoutError:
            # A front end can miss that its kernel has come up, and then waits for ever. Where it only was
            # slow, it begins again from nothing: it gets all the time there is.
            page.reload()
            page.wait_for_function(_IS_OPEN, arg=cells, timeout=_SECONDS_TO_OPEN * 1000)
        expect(page.locator("#jupyterlab-splash")).to_have_count(0)

    def run(self, index: int, *, wait: bool = True, timeout: float = _SECONDS_TO_RUN) -> None:
        """Run one cell, and wait at most `timeout` seconds for its end unless told not to."""
        self.page.evaluate(_START_CELL, index)
        if wait:
            self.wait_done(index, timeout=timeout)

    def run_all(self, *, wait: bool = True, timeout: float = _SECONDS_TO_RUN) -> None:
        """Run every cell in order, as *Run All* does: none that waits in the kernel at an error."""
        self.page.evaluate(_START_ALL)
        if wait:
            self.page.wait_for_function(_ALL_ARE_DONE, timeout=timeout * 1000)

    def wait_done(self, index: int, *, timeout: float = _SECONDS_TO_RUN) -> None:
        """Wait until the cell that `run` started has ended, well or not."""
        self.page.wait_for_function(_CELL_IS_DONE, arg=index, timeout=timeout * 1000)

    def begin(self, index: int) -> None:
        """Run a cell that prints "begun" first, such as `ENDLESS`, and return once it has begun.

        A cell shows `[*]` as soon as it is asked for: an interrupt before it has begun is lost.
        """
        self.run(index, wait=False)
        expect(self.output(index)).to_contain_text("begun")

    def wait_idle(self, *, timeout: float = _SECONDS_TO_RUN) -> None:
        """Wait until the kernel is idle and no cell runs."""
        self.page.wait_for_function(_IS_IDLE, timeout=timeout * 1000)

    def execution_running(self, index: int) -> bool:
        """Whether the cell shows `[*]` now."""
        return "[*]" in self.prompt(index).inner_text()

    def cell(self, index: int) -> Locator:
        """The cell, input and output."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def prompt(self, index: int) -> Locator:
        """The `[ ]:` beside the cell's input."""
        return self.cell(index).locator(".jp-InputPrompt")

    def output(self, index: int) -> Locator:
        """The whole output of the cell."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def text(self, index: int) -> str:
        """What a person reads in the cell's output, without the space around it."""
        # An output of its own for each print, display and value; the `[1]:` beside them is left out.
        outputs = self.output(index).locator("> .jp-OutputArea-child > .jp-OutputArea-output")
        return "\n".join(text.strip() for text in outputs.all_inner_texts())

    def interrupt(self) -> None:
        """Interrupt the kernel, as the stop button does."""
        self.page.evaluate(_INTERRUPT)

    def save(self) -> dict[str, Any]:
        """Save the notebook, and give what its file then holds."""
        self.page.evaluate(_SAVE)
        saved: dict[str, Any] = json.loads(self.path.read_text())
        return saved

    def set_theme(self, theme: Literal["light", "dark"]) -> None:
        """Switch the front end to its light or its dark theme."""
        self.page.evaluate(_SET_THEME, _THEMES[theme])
        is_light = str(theme == "light").lower()
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-light", is_light)

    def screenshot(self, name: str, of: Locator | None = None) -> Path:
        """Keep a picture of the page, or of one part of it, as `screenshots/<name>.png`."""
        path = SCREENSHOTS / f"{name}.png"
        # Motion is let finish, so that the same state always gives the same picture.
        if of is None:
            self.page.screenshot(path=path, animations="disabled")
        else:
            of.screenshot(path=path, animations="disabled")
        return path

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console_errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _note_error(self, error: Error) -> None:
        if error.message not in _OWN_COMPLAINTS:
            self.console_errors.append(str(error))


def _code_cell(index: int, source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": f"cell-{index}",
        "metadata": {},
        "outputs": [],
        "source": source,
    }


def _write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1))
