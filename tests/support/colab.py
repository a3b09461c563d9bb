"""An environment with Google Colab's versions of what this package requires: the oldest it supports."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).parents[2]
CONSTRAINTS = Path(__file__).parent / "colab-constraints.txt"
CACHE = Path(sys.prefix) / "test-environments"
"""Where it is kept from one run to the next: within this interpreter's own environment."""


def python() -> Path:
    """The interpreter of that environment, made at the first call; the package itself is not installed in it.

    It is Colab's Python where this machine has it, else this one.
    """
    base = _base()
    requirements = [
        *tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"],
        "ipykernel",
    ]
    told = "\n".join([base, *requirements, CONSTRAINTS.read_text()])
    folder = CACHE / f"colab-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    interpreter = folder / "bin" / "python"
    complete = folder / "complete"
    CACHE.mkdir(exist_ok=True)
    # Tests run in several processes, and more than one may ask for it first.
    with FileLock(f"{folder}.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([base, "-m", "venv", folder], check=True)
            pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "--constraint", str(CONSTRAINTS), *requirements], check=True)
            complete.touch()
    return interpreter


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
