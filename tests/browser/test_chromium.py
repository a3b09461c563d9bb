"""Finding a Chromium that runs, among programs that only look like one, and opening it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]
import pytest

from tests.support.chromium import ChromiumNotFoundError, chromium_path, running_processes

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

# The lookup itself: what it found for the browser tests must not be answered here.
find_chromium = chromium_path.__wrapped__

# Playwright can be open once in a thread, and the other browser tests have it open in theirs.
OPEN_PLAYWRIGHTS_OWN = """
import sys
from pathlib import Path
from playwright.sync_api import sync_playwright
from tests.support.chromium import open_chromium

with sync_playwright() as playwright:
    own = Path(playwright.chromium.executable_path)
own.parent.mkdir(parents=True)
Path(sys.argv[1]).rename(own)
with open_chromium() as browser:
    print(browser.is_connected())
print(browser.is_connected())
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH, without a CHROMIUM set."""
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def add_program(folder: Path, name: str, script: str) -> Path:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def test_a_shim_that_fails_is_passed_over(programs: Path) -> None:
    add_program(programs, "chromium", "echo 'requires the chromium snap' >&2; exit 1")
    add_program(programs, "chromium-browser", "exit 0")
    chrome = add_program(programs, "google-chrome", "echo Google Chrome 156.0")
    assert find_chromium() == chrome


def test_the_chosen_chromium_comes_first(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_program(programs, "chromium", "echo Chromium 156.0")
    chosen = add_program(programs, "mine", "echo Chromium 157.0")
    monkeypatch.setenv("CHROMIUM", str(chosen))
    assert find_chromium() == chosen


def test_a_broken_choice_is_named(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_program(programs, "chromium", "echo Chromium 156.0")
    monkeypatch.setenv("CHROMIUM", str(programs / "gone"))
    with pytest.raises(ChromiumNotFoundError, match="gone does not run"):
        find_chromium()


@pytest.fixture(scope="module")
def installed() -> Path:
    """The Chromium of all browser tests."""
    return chromium_path()


def test_playwright_s_own_chromium_is_opened(
    installed: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search_path = os.environ["PATH"]
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(programs / "browsers"))
    own = add_program(programs, "own", f"PATH='{search_path}' exec '{installed}' \"$@\"")
    opened = subprocess.run(
        [sys.executable, "-c", OPEN_PLAYWRIGHTS_OWN, own],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (opened.stdout, opened.returncode) == ("True\nFalse\n", 0), opened.stderr


def test_it_takes_no_precedence(browser: Browser) -> None:
    """Over the servers and kernels that it is tested with, where it may: as root."""
    with browser.new_page() as page:
        page.goto("data:text/html,<p>shown</p>")
        known = running_processes().values()
        assert any("--type=renderer" in program["cmdline"] for program in known)
        assert min(program["nice"] for program in known) >= psutil.Process().nice()
