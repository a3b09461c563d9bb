"""Does here what a Binder launch does with `binder/`, and runs two notebooks there: `make binder`.

The steps are repo2docker's: the packages in `apt.txt`, an environment, `requirements.txt` from the
repository's root, `postBuild`, and then every command under `start`. It works on a copy, in a folder that is
removed at the end. Only two things differ: the Python is the one at hand, and JupyterLab comes with the
requirements, not with the image.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests.support import apt
from tests.support.environment import isolated_environment

_ROOT = Path(__file__).parents[2]
_TOUR = Path("notebooks") / "quickstart.ipynb"
_TEAM = Path("notebooks") / "team.ipynb"
_HAS_POSTGRESQL = """
import sys
from evolink_nb.demo.database import TeamDatabase
database = TeamDatabase()
database.stop()
sys.exit(database.why_not or 0)
"""


def build_and_run(folder: Path) -> None:
    """Build the Binder environment of this repository within `folder`, and run two notebooks in it.

    Raises:
        subprocess.CalledProcessError: A step failed; its own output says how.
    """
    repository = folder / "repository"
    environment = _make_environment(folder)
    _step("Copying the repository")
    _copy_repository(repository)

    def run(*command: str | Path) -> None:
        subprocess.run(command, cwd=repository, env=environment, stdin=subprocess.DEVNULL, check=True)

    packages = (repository / "binder" / "apt.txt").read_text().split()
    _step(f"Installing {', '.join(packages)}, as binder/apt.txt says")
    apt.install(*packages)
    asked = (repository / "binder" / "runtime.txt").read_text().strip()
    _step(f"Installing binder/requirements.txt ({asked} on Binder, {sys.version.split()[0]} here)")
    pip = ("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "-r", Path("binder") / "requirements.txt")
    _step("Running binder/postBuild")
    run(repository / "binder" / "postBuild")
    _step("Running the quickstart under binder/start")
    run(repository / "binder" / "start", "jupyter", "execute", "--timeout=300", _TOUR)
    _step("Running the team's notebook, which finds PostgreSQL there")
    run("python", "-c", _HAS_POSTGRESQL)
    run(repository / "binder" / "start", "jupyter", "execute", "--timeout=300", _TEAM)
    _step("Both ran from their first cell to their last.")


def _make_environment(folder: Path) -> dict[str, str]:
    _step("Making an environment")
    python = folder / "python"
    venv.create(python, with_pip=True)
    environment = isolated_environment(folder / "home")
    environment["VIRTUAL_ENV"] = str(python)
    environment["PATH"] = os.pathsep.join([str(python / "bin"), os.environ["PATH"]])
    return environment


def _copy_repository(target: Path) -> None:
    # What a clone would hold, with the changes not committed yet.
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607 - git is on PATH
        cwd=_ROOT,
        capture_output=True,
        check=True,
    )
    for name in os.fsdecode(listed.stdout).split("\0"):
        source = _ROOT / name
        # A file that was deleted but not committed is still listed.
        if name and source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)


def _step(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        try:
            build_and_run(Path(folder).resolve())
        except subprocess.CalledProcessError as failure:
            sys.exit(str(failure))
