"""Finds a Chromium that runs, or installs one, and opens it.

`python -m tests.support.chromium` prints its path.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]
from playwright.sync_api import sync_playwright

from tests.support import apt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
# Playwright retries for many minutes where it can reach nothing to download from.
_PLAYWRIGHT_SECONDS = 300.0
# Of <sys/prctl.h> and <linux/capability.h>.
_PR_CAPBSET_DROP = 24
_CAP_SYS_NICE = 23


class ChromiumNotFoundError(RuntimeError):
    """No Chromium runs here and none could be installed; the message says what to do."""


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """A Chromium without a window, until the end of the `with`.

    Raises:
        ChromiumNotFoundError: None was found and none could be installed.
    """
    # Looked for beforehand: that may open Playwright too, which can't be open twice in a thread.
    executable = chromium_path()
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if is_root:
        _take_no_precedence()
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=executable,
            # Chromium's sandbox refuses to start as root.
            chromium_sandbox=not is_root,
            # Containers have no GPU and a small /dev/shm; only the page at hand may use the network.
            args=["--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"],
        ) as browser,
    ):
        yield browser


def running_processes() -> dict[psutil.Process, dict[str, Any]]:
    """Return what this process has started that still runs, with the "cmdline" and "nice" of each."""
    known = {}
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it may just have ended, as a closed page's renderer does
            known[each] = each.as_dict(["cmdline", "nice"], ad_value=())
    return known


def _take_no_precedence() -> None:
    """Let no program started from here on raise its own priority, as only root may.

    Chromium does where it can: several of them on a few cores would keep what they are tested with, servers
    and kernels, from running for seconds.
    """
    if sys.platform == "linux":
        # A process loses what is dropped from its bounding set when it starts a program, not before.
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_SYS_NICE, 0, 0, 0)


@cache
def chromium_path() -> Path:
    """The executable of a Chromium that runs, installed first if there is none.

    Looks at the environment variable `CHROMIUM`, then on `PATH`, then where Playwright keeps its own.

    Raises:
        ChromiumNotFoundError: None was found and none could be installed.
    """
    if chosen := os.environ.get("CHROMIUM"):
        if not _runs(Path(chosen)):
            raise ChromiumNotFoundError(f"CHROMIUM={chosen} does not run; correct or unset it.")
        return Path(chosen)
    if found := _on_path() or _of_playwright():
        return found
    apt.say("No Chromium found: installing one.")
    # On Debian its own package takes seconds and brings what it depends on; Ubuntu's needs snap.
    ways = [_install_with_apt, _install_with_playwright]
    if not _is_debian():
        ways.reverse()
    for install in ways:
        install()
        if found := _on_path() or _of_playwright():
            return found
    raise ChromiumNotFoundError(
        "No Chromium found, and none could be installed. Install one (on Debian: apt-get install chromium;"
        " elsewhere: .venv/bin/playwright install chromium) or set CHROMIUM to its executable."
    )


def _runs(executable: Path) -> bool:
    # Ubuntu's chromium-browser without snap, and a Chromium without its libraries, exist but do not run.
    try:
        version = subprocess.run([executable, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return version.returncode == 0 and version.stdout.strip() != b""


def _on_path() -> Path | None:
    for name in _NAMES:
        if (found := shutil.which(name)) and _runs(Path(found)):
            return Path(found)
    return None


def _of_playwright() -> Path | None:
    with sync_playwright() as playwright:
        executable = Path(playwright.chromium.executable_path)
    return executable if _runs(executable) else None


def _is_debian() -> bool:
    try:
        return platform.freedesktop_os_release().get("ID") == "debian"
    except OSError:
        return False


def _install_with_apt() -> None:
    # Without a font, screenshots show boxes where text should be.
    apt.install("chromium", "fonts-liberation")


def _install_with_playwright() -> None:
    # The libraries it needs are the system's, and only root can add those.
    dependencies = ["--with-deps"] if sys.platform == "linux" and apt.as_root() is not None else []
    install = [sys.executable, "-m", "playwright", "install", *dependencies, "chromium"]
    apt.succeeds(install, seconds=_PLAYWRIGHT_SECONDS)


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{chromium_path()}\n")
    except ChromiumNotFoundError as error:
        sys.exit(str(error))
