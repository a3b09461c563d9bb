"""``evolink-nb demo`` without JupyterLab: how its page is opened, and a terminal that is closed just then."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from stat import S_IMODE

import pytest

from evolink_nb.cli import OK, demo, output
from evolink_nb.cli.demo import END_SIGNALS, launch_demo, redirect_file

URL = "http://127.0.0.1:8888/lab/tree/quickstart.ipynb?token=0123456789abcdef&x=1"


def test_browser_gets_a_page_without_token(clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All users of the machine see a browser's arguments, and only its owner the page."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(clean_environment / "runtime"))
    with redirect_file(URL) as page:
        assert page.as_uri().startswith("file://")
        assert "0123456789abcdef" not in page.as_uri()
        assert S_IMODE(page.stat().st_mode) == 0o600
        [target] = re.findall(r'content="1;url=(.*?)"', page.read_text())
        assert target == URL.replace("&", "&amp;")
    assert not page.exists()


@pytest.fixture
def idle_jupyterlab(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that is up at once, in JupyterLab's place; the signals' handlers are put back."""
    before = {name: signal.getsignal(getattr(signal, name)) for name in END_SIGNALS if hasattr(signal, name)}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    monkeypatch.setattr(demo, "_start_jupyterlab", lambda *_: process)
    monkeypatch.setattr(demo, "_wait_until_up", lambda *_: True)
    yield
    process.communicate(timeout=60)
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)


@pytest.mark.usefixtures("idle_jupyterlab")
@pytest.mark.parametrize("is_closed", [True, False], ids=["its terminal is closed", "its disk is full"])
def test_it_ends_if_its_addresses_are_lost(is_closed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can open it any more; that is an error only if nobody has asked it to end."""

    def fail(_text: str) -> None:
        if is_closed:
            os.kill(os.getpid(), signal.SIGHUP)
        raise output.OutputError("gone")

    monkeypatch.setattr(output, "say", fail)
    if is_closed:
        assert launch_demo(open_browser=False) == OK
    else:
        with pytest.raises(output.OutputError):
            launch_demo(open_browser=False)
