"""PgBouncer before a PostgreSQL: each transaction on any of few connections, as at many teams."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support import apt
from tests.support.environment import free_port
from tests.support.waiting import wait_until

CONNECTIONS = 10
"""The most connections to the server."""
_CONFIGURATION = """
[databases]
{database} = host=127.0.0.1 port={server_port} user=evolink
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 1000
logfile = {folder}/log
pidfile = {folder}/pid
"""


class PgBouncerNotFoundError(RuntimeError):
    """There is no PgBouncer here and none could be installed; the message says what to do."""


@cache
def pgbouncer() -> str:
    """The path of the program, installed first if there is none.

    Raises:
        PgBouncerNotFoundError: None was found and none could be installed.
    """
    for _ in range(2):
        if found := shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
            return found
        apt.say("No PgBouncer found: installing one.")
        apt.install("pgbouncer")
    raise PgBouncerNotFoundError(
        "No PgBouncer found, and none could be installed (on Debian: apt-get install pgbouncer)."
    )


@contextmanager
def pooled(url: str) -> Iterator[str]:
    """Yield the URL of a database by way of PgBouncer, which runs until the end of the `with`.

    Args:
        url: The database's own URL.
    """
    parts = urlsplit(url)
    with tempfile.TemporaryDirectory(prefix="evolink-pgbouncer-") as folder:
        port, configuration = free_port(), Path(folder) / "pgbouncer.ini"
        configuration.write_text(
            _CONFIGURATION.format(
                database=parts.path.removeprefix("/"),
                server_port=parts.port,
                port=port,
                connections=CONNECTIONS,
                folder=folder,
            ),
            encoding="utf-8",
        )
        process = subprocess.Popen(
            [pgbouncer(), "-q", str(configuration)], stdin=subprocess.DEVNULL, **_as_user(folder)
        )
        try:
            # It writes this once it listens.
            wait_until((Path(folder) / "pid").exists)
            yield f"postgresql://evolink@127.0.0.1:{port}{parts.path}"
        finally:
            process.terminate()
            process.wait(60)


def _as_user(folder: str) -> dict[str, Any]:
    """Return what has a process run as another user: PgBouncer refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid}


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{pgbouncer()}\n")
    except PgBouncerNotFoundError as error:
        sys.exit(str(error))
