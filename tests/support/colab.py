"""An environment with Google Colab's versions of what this package requires: the oldest it supports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.support.environments import interpreter_with

ROOT = Path(__file__).parents[2]
CONSTRAINTS = Path(__file__).parent / "colab-constraints.txt"


def python() -> Path:
    """The interpreter of that environment, made at the first call; the package itself is not installed in it.

    It is Colab's Python where this machine has it, else this one.
    """
    return interpreter_with("colab", [*dependencies(), "ipykernel"], base=_base(), constraints=CONSTRAINTS)


def dependencies() -> list[str]:
    """What this package requires, as pyproject.toml says it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return list(project["dependencies"])


def install_kernel(folder: Path) -> str:
    """Return the name of a kernel that runs there, to be found in `folder`."""
    launch = [str(python()), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    environment = {"PYTHONPATH": str(ROOT)}
    kernel = {"argv": launch, "display_name": "Oldest", "language": "python", "env": environment}
    (folder / "oldest").mkdir(parents=True, exist_ok=True)
    (folder / "oldest" / "kernel.json").write_text(json.dumps(kernel))
    return "oldest"


def _base() -> str:
    ask = ["python3.13", "-c", "import ensurepip, sys, venv; print(sys.executable)"]
    try:
        # pyenv's stand-in on the PATH runs none of its Pythons unless told which.
        told = subprocess.run(
            ask, env={**os.environ, "PYENV_VERSION": "3.13"}, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return sys.executable
    return told.stdout.strip()
