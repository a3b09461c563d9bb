"""Places for a history that fail for a while, each as it does in earnest."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.postgres import Postgres

_MAX_BYTES = 20_000
"""The most that a file may have, where a limit stands in for a full disk: less than SQLite's log needs."""


class BrokenPlace(Protocol):
    """A place for a history.

    Attributes:
        place: A file, or the URL of a database.
        problem: What users read of what fails.
    """

    place: str
    problem: str

    def fail(self) -> None:
        """Have it fail from now on."""

    def mend(self) -> None:
        """Have it work again."""


@contextmanager
def small_disk(folder: Path, size: str = "512k") -> Iterator[Path | None]:
    """Mount a file system of its own, until the end of the `with`; None where that isn't allowed.

    Args:
        folder: Where to mount it.
        size: How much fits, as `mount` takes it.
    """
    point = folder / "disk"
    point.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(point)]
    try:
        is_mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        is_mounted = False
    try:
        yield point if is_mounted else None
    finally:
        if is_mounted:
            # Lazily: something may still have a file open.
            subprocess.run(["umount", "-l", str(point)], check=True)  # noqa: S607


class FullDisk:
    """A disk that another program fills."""

    problem = "the disk is full"

    def __init__(self, disk: Path) -> None:
        """Keep the history on a small disk."""
        self.place = str(disk / "history.db")
        self._filler = disk / "filler"

    def fail(self) -> None:
        """Fill it, once nobody has the file open: then its log takes no place that comes free."""
        wait_until(lambda: not Path(f"{self.place}-wal").exists())
        with self._filler.open("wb", buffering=0) as filler:
            for block in (4096, 1):
                with suppress(OSError):
                    while True:
                        filler.write(bytes(block))

    def mend(self) -> None:
        """Delete what fills it."""
        self._filler.unlink()


class FullQuota:
    """A limit on the size of files, where no disk may be mounted: writing fails as it does on a full one."""

    problem = "the disk is full"

    def __init__(self, folder: Path) -> None:
        """Keep the history in a folder."""
        self.place = str(folder / "history.db")
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fail(self) -> None:
        """Limit how large files may be."""
        wait_until(lambda: not Path(f"{self.place}-wal").exists())
        resource.setrlimit(resource.RLIMIT_FSIZE, (_MAX_BYTES, self._before[1]))

    def mend(self) -> None:
        """Lift the limit."""
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


class ReadOnlyDisk:
    """A disk that is mounted anew for reading only, as Linux does after an error."""

    problem = "it can't be written there"

    def __init__(self, disk: Path) -> None:
        """Keep the history on a small disk."""
        self.place = str(disk / "history.db")
        self._disk = disk

    def fail(self) -> None:
        """Allow reading only."""
        wait_until(lambda: self._remount("ro"))  # not while a file is open for writing

    def mend(self) -> None:
        """Allow writing."""
        self._remount("rw")

    def _remount(self, how: str) -> bool:
        command = ["mount", "-o", f"remount,{how}", str(self._disk)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0


class ReadOnlyFolder:
    """A folder that may only be read; for root, who may write anywhere, one that isn't there."""

    problem = "it can't be written there"

    def __init__(self, folder: Path) -> None:
        """Keep the history in a folder."""
        self._folder = folder / "folder"
        self.place = str(self._folder / "history.db")
        self._moved = folder / "moved"

    def fail(self) -> None:
        """Take the right to write."""
        if os.geteuid() == 0:
            self._folder.rename(self._moved)
            self._folder.write_text("a file where the folder should be")
            return
        for path in (*self._folder.iterdir(), self._folder):
            path.chmod(0o500)

    def mend(self) -> None:
        """Return it."""
        if os.geteuid() == 0:
            self._folder.unlink()
            self._moved.rename(self._folder)
            return
        for path in (self._folder, *self._folder.iterdir()):
            path.chmod(0o700)


class LockedFile:
    """A file that another program keeps locked."""

    problem = "another program keeps it locked"

    def __init__(self, folder: Path) -> None:
        """Keep the history in a folder."""
        self.place = str(folder / "history.db")
        self._other: sqlite3.Connection | None = None

    def fail(self) -> None:
        """Lock it."""
        self._other = sqlite3.connect(self.place, isolation_level=None, check_same_thread=False)
        self._other.execute("BEGIN IMMEDIATE")

    def mend(self) -> None:
        """Unlock it."""
        if self._other is not None:
            with closing(self._other):
                self._other.execute("ROLLBACK")


class StoppedServer:
    """A PostgreSQL that is stopped."""

    problem = "the database doesn't answer"

    def __init__(self, postgres: Postgres) -> None:
        """Keep the history in a database of a server."""
        self.place = postgres.new_database()
        self._postgres = postgres

    def fail(self) -> None:
        """Stop it."""
        self._postgres.stop()

    def mend(self) -> None:
        """Start it."""
        self._postgres.start()
