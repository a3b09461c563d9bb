"""What the figures were measured with."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version

from tests.support.chromium import chromium_path

from .busy import cores


def versions() -> dict[str, str]:
    """Return the versions that figures depend on, and the number of cores."""
    return {
        "Python": platform.python_version(),
        "ipywidgets": version("ipywidgets"),
        "JupyterLab": version("jupyterlab"),
        "Chromium": _chromium(),
        "cores": str(cores()),
    }


def _chromium() -> str:
    told = subprocess.run([chromium_path(), "--version"], capture_output=True, text=True, check=True).stdout
    return next(word for word in told.split() if word[0].isdigit())
