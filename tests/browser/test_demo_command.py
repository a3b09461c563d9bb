"""``evolink-nb demo``: a JupyterLab on the tour, a simulated account beside it, and nothing left of both."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import expect

from tests.support.environment import free_port
from tests.support.jupyter import NotebookPage

if TYPE_CHECKING:
    from playwright.sync_api import Browser

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"
COMMAND = Path(sys.executable).parent / "evolink-nb"


def _heed_hangups() -> None:
    """Undo what `nohup make test` hands down: SIGHUP ignored, which the demo honours."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _control_terminal() -> None:
    """Have the terminal on stdin end this process when it is closed."""
    _heed_hangups()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Demo:
    """A running `evolink-nb demo`, ready to be opened, and what it printed."""

    def __init__(self, *options: str) -> None:
        self._command = [str(COMMAND), "demo", "--no-browser", *options]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_heed_hangups,  # noqa: PLW1509 - it takes no lock
        )
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if "Ctrl+C" in line:
                break
        self.printed = "".join(lines)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGTERM)

    def named(self, name: str) -> str:
        """What it printed behind a name."""
        [line] = [line for line in self.printed.splitlines() if line.startswith(f"  {name}  ")]
        return line.split()[-1]

    def balance(self) -> dict[str, Any]:
        """What its API answers now."""
        request = urllib.request.Request(
            f"{self.named('demo API')}/v1/credits",
            headers={"Authorization": f"Bearer {self.named('demo key')}"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            data: dict[str, Any] = json.loads(response.read(), parse_float=Decimal)["data"]
        return data

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Signal it, as Ctrl+C or a service manager does; its exit code and what it said on stderr.

        Fails if a process of its family, its kernels among them, outlives it.
        """
        family = psutil.Process(self.process.pid).children(recursive=True)
        assert family
        self.process.send_signal(number)
        _printed, complaints = self.process.communicate(timeout=60)
        _gone, alive = psutil.wait_procs(family, timeout=60)
        assert alive == []
        return self.process.returncode, complaints


@pytest.fixture
def demo(clean_environment: Path) -> Iterator[Demo]:
    """A demo whose page lets a test drive it, as a setting of the person who runs it."""
    place = clean_environment / "jupyter" / "config" / "jupyter_server_config.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps({"LabApp": {"expose_app_in_browser": True}}))
    with Demo() as demo:
        yield demo


def test_port_is_kept_and_ctrl_c_ends_it() -> None:
    port = free_port()
    with Demo("--port", str(port)) as demo:
        url = urlsplit(demo.named("notebook"))
        assert (url.hostname, url.port) == ("127.0.0.1", port)
        assert url.query.startswith("token=")
        with urllib.request.urlopen(url.geturl(), timeout=60) as page:
            assert page.status == 200
        assert demo.balance()["user"]["remaining_credits"] == Decimal("1095.3996")
        assert demo.end(signal.SIGINT) == (0, "")


def test_token_is_in_no_arguments(demo: Demo) -> None:
    """The token is in no process's arguments."""
    token = urlsplit(demo.named("notebook")).query.removeprefix("token=")
    assert len(token) >= 32
    family = psutil.Process(demo.process.pid).children(recursive=True)
    arguments = [" ".join(process.cmdline()) for process in family]
    assert any("jupyterlab" in line for line in arguments)
    assert not any(token in line or demo.named("demo key") in line for line in arguments)


def test_port_in_use_is_reported(demo: Demo) -> None:
    port = str(urlsplit(demo.named("notebook")).port)
    second = subprocess.run(
        [COMMAND, "demo", "--no-browser", "--port", port],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert second.returncode == 69
    assert "evolink-nb: JupyterLab ended with exit code" in second.stderr
    assert second.stdout == ""
    assert demo.balance()["user"]["remaining_credits"] == Decimal("1095.3996")


def test_tour_shows_the_simulated_account(demo: Demo, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 2400})
    cells = json.loads(QUICKSTART.read_text())["cells"]
    live = next(index for index, cell in enumerate(cells) if "--live" in "".join(cell["source"]))
    before = QUICKSTART.read_bytes()
    try:
        notebook = NotebookPage(context.new_page(), QUICKSTART, demo.named("notebook"), cells=len(cells))
        notebook.run_all()
        card = notebook.output(live).locator(".evolink-card")
        expect(card).to_have_attribute("data-status", "live")
        # What the tour reserved settles within seconds; then the numbers stand still.
        settle = urllib.request.Request(
            f"{demo.named('demo API')}/demo/settle",
            data=b"{}",
            headers={"Authorization": f"Bearer {demo.named('demo key')}"},
        )
        urllib.request.urlopen(settle, timeout=60).close()
        balance = demo.balance()
        assert balance["user"]["remaining_credits"] < Decimal("1095.3996")
        for half in ("user", "token"):
            for name in ("remaining", "used"):
                value = format(balance[half][f"{name}_credits"].normalize(), "f")
                shown = card.locator(f'[data-field="{half}-{name}"]')
                expect(shown).to_have_attribute("data-value", value, timeout=20_000)
        notebook.screenshot("demo-tour")
        expect(card.locator(".evo-badge")).to_have_text("demo data")
        errors = [notebook.text(index) for index in range(len(cells)) if "Traceback" in notebook.text(index)]
        assert errors == []
        assert notebook.console_errors == []
    finally:
        context.close()
    # The notebook that is open is a copy.
    assert QUICKSTART.read_bytes() == before
    assert demo.end(signal.SIGINT) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signals_end_the_demo(demo: Demo, number: signal.Signals) -> None:
    """SIGHUP is what a closed terminal sends."""
    assert demo.end(number) == (0, "")


def test_killed_demo_leaves_nothing_running(demo: Demo) -> None:
    """It can't end its JupyterLab any more; kernels are JupyterLab's to end."""
    url = urlsplit(demo.named("notebook"))
    kernels = f"{url.scheme}://{url.netloc}/api/kernels?{url.query}"
    urllib.request.urlopen(urllib.request.Request(kernels, data=b"{}"), timeout=60).close()
    assert len(psutil.Process(demo.process.pid).children(recursive=True)) >= 2
    assert demo.end(signal.SIGKILL) == (-signal.SIGKILL, "")


def test_closed_terminal_ends_the_demo() -> None:
    """Its JupyterLab, which is in a session of its own, gets no signal."""
    screen, terminal = os.openpty()
    process = subprocess.Popen(
        [COMMAND, "demo", "--no-browser"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=_control_terminal,  # noqa: PLW1509 - it takes no lock
    )
    os.close(terminal)
    shown = b""
    while b"Ctrl+C ends the demo" not in shown:
        shown += os.read(screen, 4096)
    family = psutil.Process(process.pid).children(recursive=True)
    assert any("jupyterlab" in " ".join(child.cmdline()) for child in family)
    os.close(screen)
    assert process.wait(60) == 0
    _gone, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []


def test_each_notebook_has_an_account(demo: Demo) -> None:
    """Its story then doesn't depend on what was run before it."""
    url = urlsplit(demo.named("notebook"))
    bases = {}
    names = ("quickstart", "cost-of-a-cell", "budgets", "history", "team")
    for name in names:
        contents = f"{url.scheme}://{url.netloc}/api/contents/notebooks/{name}.ipynb?{url.query}"
        with urllib.request.urlopen(contents, timeout=60) as answer:
            kernel = json.loads(answer.read())["content"]["metadata"]["kernelspec"]["name"]
        specification = f"{url.scheme}://{url.netloc}/api/kernelspecs/{kernel}?{url.query}"
        with urllib.request.urlopen(specification, timeout=60) as answer:
            bases[name] = json.loads(answer.read())["spec"]["env"].get("EVOLINK_BASE_URL")
    assert bases.pop("quickstart") is None  # that of JupyterLab itself, which the command prints
    assert len({*bases.values(), demo.named("demo API")}) == len(names)
