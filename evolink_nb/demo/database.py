"""A database for a simulated team: a PostgreSQL server if PostgreSQL is installed, else an SQLite file."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql*/bin")
"""The folders below / where PostgreSQL's packages put its programs."""
START_SECONDS = 30.0
"""Seconds that the server may take to answer."""
STOP_SECONDS = 10.0
"""Seconds that the server may take to end."""

_USER = "evolink"
_ACCOUNTS = ("postgres", "nobody")
"""The accounts to run it as if this process is root, because PostgreSQL refuses to run as root."""
# Ends the server when the pipe to it closes, even if this process is killed, and deletes its data.
_GUARD = '"$@" & server=$!; cat > /dev/null; kill -INT $server; wait $server; rm -rf data'
_OPTIONS = ("listen_addresses=", "fsync=off", "shared_buffers=16MB", "max_connections=40")


class TeamDatabase:
    """A database in a temporary folder that a team's processes on this machine share.

    Attributes:
        url: The value for ``EVOLINK_NB_HISTORY``.
        why_not: Why it isn't PostgreSQL; "" if it is.
    """

    def __init__(self) -> None:
        """Start the server, or fall back to a file."""
        self._folder = Path(tempfile.mkdtemp(prefix="evolink-nb-team-"))
        self._server: subprocess.Popen[bytes] | None = None
        self.url = str(self._folder / "history.db")
        self.why_not = ""
        atexit.register(self.stop)
        programs = find_programs()
        if programs is None:
            self.why_not = "this machine has no PostgreSQL (on Debian: apt-get install postgresql)"
        elif importlib.util.find_spec("psycopg") is None:
            self.why_not = "psycopg is not installed (pip install 'evolink-nb[team]')"
        else:
            self._start(programs)

    @property
    def is_postgresql(self) -> bool:
        """Whether it is a PostgreSQL server."""
        return self._server is not None

    def __repr__(self) -> str:
        """Return a description of the database in one line."""
        if self.is_postgresql:
            return "A PostgreSQL server of its own, for as long as this notebook runs"
        return f"One SQLite file, shared in the same way: {self.why_not}"

    def stop(self) -> None:
        """Stop the server, and delete everything."""
        server, self._server = self._server, None
        if server is not None:
            _end(server)
        shutil.rmtree(self._folder, ignore_errors=True)
        atexit.unregister(self.stop)

    def _start(self, programs: Path) -> None:
        """Start a server that only this user can reach, through a socket in its folder."""
        home = self._folder / "server"
        home.mkdir(mode=0o700)
        try:
            user = _owner_of(home)
            _run(programs / "initdb", "-D", "data", "-U", _USER, "-A", "trust", "-N", cwd=home, user=user)
            settings = (*_OPTIONS, f"unix_socket_directories={home}")
            options = [part for setting in settings for part in ("-c", setting)]
            with (home / "log").open("wb") as log:
                self._server = subprocess.Popen(  # noqa: S603 - with our own arguments
                    ["/bin/sh", "-c", _GUARD, "sh", programs / "postgres", "-D", home / "data", *options],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    cwd=home,
                    user=user,
                    # A notebook's interrupt is meant for its kernel only.
                    start_new_session=True,
                )
            _wait_until_ready(programs / "pg_isready", home, self._server)
        except (OSError, LookupError, subprocess.SubprocessError) as error:
            self.why_not = f"PostgreSQL doesn't start here ({error})"
            self._give_up()
        else:
            self.url = f"postgresql://{_USER}@/postgres?host={home}"

    def _give_up(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            _end(server)


def find_programs() -> Path | None:
    """Return the folder with PostgreSQL's programs; None if this machine has none."""
    return next((folder for folder in _folders() if (folder / "postgres").exists()), None)


def _folders() -> Iterator[Path]:
    on_path = shutil.which("initdb")
    if on_path is not None:
        yield Path(on_path).resolve().parent
    for pattern in FOLDERS:
        yield from sorted(Path("/").glob(pattern), reverse=True)


def _owner_of(home: Path) -> str | None:
    """Return the account that the server runs as, after making it the folder's owner; None for this user."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    home.parent.chmod(0o711)
    for account in _ACCOUNTS:
        try:
            shutil.chown(home, account)
        except LookupError:
            continue
        return account
    raise LookupError("root can't run it, and there is no other account")


def _run(program: Path, *arguments: str, cwd: Path, user: str | None) -> None:
    subprocess.run(  # noqa: S603 - PostgreSQL's own programs, with our own arguments
        [program, *arguments],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=cwd,
        user=user,
        timeout=START_SECONDS,
    )


def _wait_until_ready(program: Path, home: Path, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    command: list[str | Path] = [program, "-q", "-h", home]
    while subprocess.run(command, check=False).returncode != 0:  # noqa: S603 - as above
        if server.poll() is not None or time.monotonic() > until:
            raise subprocess.SubprocessError("it doesn't answer")
        time.sleep(0.05)


def _end(server: subprocess.Popen[bytes]) -> None:
    if server.stdin is not None:
        server.stdin.close()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
