"""The processes that a piece of work has started, which a keyboard interrupt would reach too.

They are looked up when they are needed: on Linux by their start times in `/proc`; elsewhere they are those
that psutil, a dependency of ipykernel, did not find before the work. Earlier processes are left alone.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

_PROC = Path("/proc")
HAS_PROC = (_PROC / "self" / "stat").exists()


class _Process(NamedTuple):
    """A process according to `/proc/PID/stat`."""

    pid: int
    state: str
    parent: int
    group: int
    began_at: float


@dataclass(frozen=True)
class Processes:
    """The processes started since this object was created.

    Attributes:
        thread: The native identifier of the thread that starts them, known only on Linux; None for all.
        since: When this object was created, in seconds since boot.
        before: The processes that existed then; used only without `/proc`.
    """

    thread: int | None
    since: float
    before: frozenset[int]

    @classmethod
    def from_now(cls, *, of_this_thread: bool = False) -> Processes:
        """Return the processes started from now on.

        Args:
            of_this_thread: Whether to leave out processes started by other threads.
        """
        thread = threading.get_native_id() if of_this_thread else None
        since = time.clock_gettime(time.CLOCK_BOOTTIME) if HAS_PROC else 0.0
        return cls(thread, since, frozenset() if HAS_PROC else frozenset(_from_psutil()))

    def running(self) -> list[int]:
        """Return the identifiers of the processes that are still running."""
        if HAS_PROC:
            return self._from_proc()
        return [] if self.thread is not None else [pid for pid in _from_psutil() if pid not in self.before]

    def send(self, number: int) -> None:
        """Send a signal to each process.

        Args:
            number: The signal.
        """
        for pid in self.running():
            with contextlib.suppress(OSError):  # it has ended, or belongs to another user
                os.kill(pid, number)

    def _from_proc(self) -> list[int]:
        own = os.getpid()
        tick = 1 / os.sysconf("SC_CLK_TCK")
        every = {each.pid: each for each in map(_read, _PROC.iterdir()) if each is not None}
        # Start times are exact to a tick.
        recent = {
            pid for pid, each in every.items() if each.began_at > self.since - tick and each.state not in "ZX"
        }
        if self.thread is None:
            first = {pid for pid, each in every.items() if each.parent == own}
            # Ctrl+C and Jupyter's stop button reach the whole group; only a group led by another process may
            # contain others' work.
            if os.getpgrp() == own:
                first |= {pid for pid, each in every.items() if each.group == own}
        else:
            first = _children_of(own, self.thread)
        found, new = set[int](), first & recent
        while new:
            found |= new
            new = {pid for pid in recent - found if every[pid].parent in found}
        return sorted(found - {own})


def _from_psutil() -> list[int]:
    """Return this process's descendants that are running."""
    try:
        psutil: Any = importlib.import_module("psutil")
    except ImportError:
        return []
    found = []
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if each.status() != psutil.STATUS_ZOMBIE:
                found.append(each.pid)
    return found


def _read(folder: Path) -> _Process | None:
    """Return the process of a folder in `/proc`; None for other folders and Python's resource tracker."""
    try:
        pid, stat = int(folder.name), (folder / "stat").read_text()
        if b"resource_tracker" in (folder / "cmdline").read_bytes():
            return None
    except (OSError, ValueError):
        return None
    # The name, in parentheses, may contain any character.
    fields = stat.rpartition(")")[2].split()
    began_at = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return _Process(pid, fields[0], int(fields[1]), int(fields[2]), began_at)


def _children_of(process: int, thread: int) -> set[int]:
    try:
        text = (_PROC / str(process) / "task" / str(thread) / "children").read_text()
    except OSError:
        return set()
    return {int(pid) for pid in text.split()}
