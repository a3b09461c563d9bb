"""A PostgreSQL of the tests' own: `python -m tests.support.postgres` finds or installs one."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tests.support import apt
from tests.support.environment import free_port
from tests.support.waiting import wait_until

_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
_START_SECONDS = 60.0


class PostgresNotFoundError(RuntimeError):
    """No PostgreSQL runs here and none could be installed; the message says what to do."""


@cache
def postgres_folder() -> Path:
    """The folder with PostgreSQL's programs, installed first if there is none.

    Raises:
        PostgresNotFoundError: None was found and none could be installed.
    """
    if found := _find():
        return found
    apt.say("No PostgreSQL found: installing one.")
    apt.install("postgresql")
    if found := _find():
        return found
    raise PostgresNotFoundError(
        "No PostgreSQL found, and none could be installed (on Debian: apt-get install postgresql)."
    )


def _find() -> Path | None:
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += [path for pattern in _FOLDERS for path in sorted(Path("/").glob(pattern[1:]), reverse=True)]
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


class Postgres:
    """A server with its own folder and port, on loopback and on a socket in that folder.

    Attributes:
        data: The folder of its files.
        port: Its port.
    """

    def __init__(self, folder: Path) -> None:
        """Create its files; it doesn't run yet."""
        self._programs = postgres_folder()
        self.data = folder / "data"
        self._folder = folder
        # PostgreSQL refuses to run as root.
        is_root = os.geteuid() == 0
        self._user = pwd.getpwnam(_server_user()) if is_root else None
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._run("initdb", "-D", str(self.data), "-U", "evolink", "-A", "trust", "-N", "-E", "UTF8")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self._folder),
            "port": str(self.port),
            "fsync": "off",
            "max_connections": "100",
            "shared_buffers": "32MB",
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.data, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                **self._as_user(),
            )
        wait_until(self._answers, limit=_START_SECONDS)

    def stop(self) -> None:
        """Stop it: its clients are cut off."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_START_SECONDS)
            self._process = None

    def new_database(self) -> str:
        """Return the URL of a new, empty database."""
        name = f"history_{os.getpid()}_{next(self._numbers)}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "evolink", name)
        return f"postgresql://evolink@127.0.0.1:{self.port}/{name}"

    def _answers(self) -> bool:
        command = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
            **self._as_user(),
        )

    def _as_user(self) -> dict[str, Any]:
        return {} if self._user is None else {"user": self._user.pw_uid, "group": self._user.pw_gid}


def _server_user() -> str:
    names = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A running server until the end of the `with`.

    Raises:
        PostgresNotFoundError: None was found and none could be installed.
    """
    # Not in pytest's folder: the path of a socket may have 107 bytes, and another user must get there.
    with tempfile.TemporaryDirectory(prefix="evolink-pg-") as folder:
        server = Postgres(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{postgres_folder()}\n")
    except PostgresNotFoundError as error:
        sys.exit(str(error))
