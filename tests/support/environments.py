"""Environments with other packages than this one's, kept from one run to the next."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

CACHE = Path(sys.prefix) / "test-environments"
"""Where they are kept: within this interpreter's own environment."""


def interpreter_with(
    name: str, requirements: list[str], *, base: str = sys.executable, constraints: Path | None = None
) -> Path:
    """The Python of an environment with these packages, made at the first call.

    Args:
        name: What its folder's name begins with.
        requirements: What pip is to install.
        base: The Python to make it from.
        constraints: A file for pip with the versions of what they require; None for the newest.
    """
    told = "\n".join([base, *requirements, *([constraints.read_text()] if constraints else [])])
    folder = CACHE / f"{name}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    interpreter = folder / "bin" / "python"
    complete = folder / "complete"
    CACHE.mkdir(exist_ok=True)
    # Tests run in several processes, and more than one may ask for it first.
    with FileLock(f"{folder}.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([base, "-m", "venv", folder], check=True)
            pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            versions = ["--constraint", str(constraints)] if constraints else []
            subprocess.run([*pip, *versions, *requirements], check=True)
            complete.touch()
    return interpreter
