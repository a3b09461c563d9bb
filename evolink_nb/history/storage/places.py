"""Which file a process writes: the shared one or, on a network file system, its own.

There, SQLite's locks are unreliable, and its write-ahead log would need memory shared by all hosts. So each
process has its own file, in a folder next to the history's path, and reading merges these files.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .filesystems import network_type

if TYPE_CHECKING:
    from .location import Location

_FOLDER = "kernels"
_SALT = "salt"
_SALT_BYTES = 32
_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")


class Place(NamedTuple):
    """The file that a process writes."""

    path: Path
    is_network: bool


def place_for(location: Location, *, mounts: Path, last: Path | None) -> Place:
    """Return the file that this process writes.

    Args:
        location: Where the history is; a file.
        mounts: The file that lists the mounts.
        last: The file that this process has written so far, if any.
    """
    path = location.path
    assert path is not None  # for mypy: a file has a path  # noqa: S101
    if not network_type(path.parent, mounts):
        return Place(path, is_network=False)
    pid = f"-{os.getpid()}-"
    if last is not None and pid in last.name:
        return Place(last, is_network=True)
    host = _UNSAFE.sub("-", socket.gethostname())[:40] or "host"
    return Place(folder_of(path) / f"{host}{pid}{secrets.token_hex(4)}.db", is_network=True)


def is_begun(path: Path) -> bool:
    """Return whether any process has kept a history at a path.

    Args:
        path: The history's path.
    """
    return path.exists() or folder_of(path).exists()


def folder_of(path: Path) -> Path:
    """Return the folder with one file for each process.

    Args:
        path: The history's path.
    """
    return path.with_name(f"{path.stem}-{_FOLDER}")


def shared_salt(folder: Path) -> str:
    """Return the salt of all files in a folder, creating it if there is none.

    Args:
        folder: The folder.

    Raises:
        OSError: It can be neither read nor created.
    """
    path = folder / _SALT
    if not path.exists():
        made = path.with_name(f"{_SALT}-{secrets.token_hex(8)}")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, secrets.token_hex(_SALT_BYTES).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        # Linking makes it appear as a whole, and only if no other process was first.
        try:
            os.link(made, path)
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return path.read_text(encoding="ascii")
