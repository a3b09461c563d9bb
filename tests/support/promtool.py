"""Prometheus's own checker of metrics and rules, installed first if there is none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache

from tests.support import apt


class PromtoolNotFoundError(RuntimeError):
    """There is no promtool here and none could be installed; the message says what to do."""


@cache
def promtool() -> str:
    """The path of the program.

    Raises:
        PromtoolNotFoundError: None was found and none could be installed.
    """
    for _ in range(2):
        if found := shutil.which("promtool"):
            return found
        apt.say("No promtool found: installing Prometheus.")
        apt.install("prometheus")
    raise PromtoolNotFoundError(
        "No promtool found, and none could be installed (on Debian: apt-get install prometheus)."
    )


def check(*arguments: str, text: str = "") -> str:
    """What promtool says.

    Raises:
        AssertionError: It found a fault.
    """
    done = subprocess.run(
        [promtool(), *arguments], input=text, text=True, capture_output=True, check=False, timeout=60
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{promtool()}\n")
    except PromtoolNotFoundError as error:
        sys.exit(str(error))
