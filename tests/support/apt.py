"""Installs packages of the system where that needs nobody: as root, or with a sudo that doesn't ask."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys

_APT_SECONDS = 600.0


def install(*packages: str) -> None:
    """Install packages with apt-get, if this system has it and this user may; say what fails."""
    prefix = as_root()
    if prefix is None or not shutil.which("apt-get"):
        return
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet=2", "--assume-yes"]
    command = [*apt, "install", "--no-install-recommends", *packages]
    # A fresh container has no package lists yet; elsewhere fetching them again is time lost.
    if not succeeds(command, seconds=_APT_SECONDS) and succeeds([*apt, "update"], seconds=_APT_SECONDS):
        succeeds(command, seconds=_APT_SECONDS)


def as_root() -> list[str] | None:
    """What to put before a command so that it runs as root without a question; None if nothing would."""
    if not hasattr(os, "geteuid"):
        return None
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "--non-interactive"]
    return sudo if shutil.which("sudo") and succeeds([*sudo, "true"], seconds=10.0) else None


def succeeds(command: list[str], *, seconds: float) -> bool:
    """Whether a command succeeds; if not, what it said is printed."""
    # Without a terminal to ask on, a command that wants a password fails instead of waiting for one.
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        say(str(error))
        return False
    if done.returncode != 0:
        say(f"{shlex.join(command)} failed:\n{done.stderr.strip()}")
    return done.returncode == 0


def say(line: str) -> None:
    """Print a line for whoever waits."""
    sys.stderr.write(f"{line}\n")
