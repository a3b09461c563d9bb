"""The lowest allowed versions of what speaks HTTP, beside the environment's own of everything else."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from filelock import FileLock

from tests.support.colab import ROOT
from tests.support.environments import CACHE

NAMES = ("requests", "urllib3", "tqdm")
"""What is installed at its lower bound. Google Colab has the others' (`tests.support.colab`)."""


def bounds() -> dict[str, str]:
    """Return the lower bound of each dependency in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return dict(each.split(">=") for each in project["dependencies"])


def folder() -> Path:
    """Return a folder with those versions, made at the first call; it goes first in ``PYTHONPATH``."""
    pinned = [f"{name}=={bounds()[name]}" for name in NAMES]
    told = "\n".join([sys.version, *pinned])
    target = CACHE / f"lowest-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    CACHE.mkdir(exist_ok=True)
    # Tests run in several processes, and more than one may ask for it first.
    with FileLock(f"{target}.lock"):
        if not (target / "complete").exists():
            shutil.rmtree(target, ignore_errors=True)
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "--no-warn-conflicts", "--target", target, *pinned], check=True)
            (target / "complete").touch()
    return target
