"""Other versions of a package, laid over the environment the tests run in: cheaper than one of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

CACHE = Path(sys.prefix) / "test-overlays"
"""Where overlays are kept from one run to the next: within this interpreter's own environment."""


def overlay(*requirements: str) -> dict[str, str]:
    """The variables that put exactly these packages, without what they require, before all others."""
    folder = CACHE / "+".join(requirements)
    if not folder.exists():
        CACHE.mkdir(exist_ok=True)
        # Moved to its place when complete, so that an interrupted installation is never taken for one.
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            installed = Path(scratch) / "installed"
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "--no-deps", "--target", str(installed), *requirements], check=True)
            installed.rename(folder)
    inherited = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *([inherited] if inherited else [])])}


def ipykernel(version: str) -> dict[str, str]:
    """The variables that make a kernel one of this version of ipykernel."""
    # What 6.x and 7.0 patch event loops with; later ones brought a package of another name.
    return overlay(f"ipykernel=={version}", "nest-asyncio==1.6.0")
