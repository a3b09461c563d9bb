"""Whether a folder is on a network file system, by the kernel's list of mounts. Pure but for one read.

SQLite's write-ahead log needs memory shared by all its users, and its locks hang or fail on many network file
systems.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

MOUNTS = Path("/proc/self/mountinfo")

_NETWORK_TYPES = {
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "ceph", "glusterfs", "gpfs", "beegfs", "afs", "9p"),
    *("orangefs", "pvfs2", "ocfs2", "gfs2", "panfs", "coda", "ncpfs", "virtiofs", "vboxsf", "prl_fs", "fuse"),
}
# These are layers over folders of this machine.
_LOCAL_FUSE = {"fuse.fuse-overlayfs", "fuse.overlayfs", "fuse.mergerfs", "fuse.encfs", "fuse.gocryptfs"}
_ESCAPE = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """One mounted file system."""

    point: PurePosixPath
    type: str


def parse_mounts(text: str) -> list[Mount]:
    """Return the file systems in the text of ``/proc/self/mountinfo``; skip malformed lines.

    Args:
        text: The text.
    """
    found = []
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")[0]
        if separator and len(fields) >= 6 and kind:
            point = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[4])
            found.append(Mount(PurePosixPath(point), kind))
    return found


def type_at(path: PurePosixPath, mounts: Iterable[Mount]) -> str:
    """Return the type of the file system that holds a path; "" if no mount does.

    Args:
        path: An absolute path without symbolic links.
        mounts: The mounted file systems in the order they were mounted.
    """
    kind, depth = "", -1
    for mount in mounts:
        # A later mount hides an earlier one at the same place.
        if path.is_relative_to(mount.point) and len(mount.point.parts) >= depth:
            kind, depth = mount.type, len(mount.point.parts)
    return kind


def is_network_type(kind: str) -> bool:
    """Return whether a type of file system may be shared with other machines.

    Args:
        kind: The type, as in the list of mounts.
    """
    if kind.startswith("fuse."):
        return kind not in _LOCAL_FUSE
    return kind in _NETWORK_TYPES


def network_type(folder: Path, mounts: Path = MOUNTS) -> str:
    """Return the type of the network file system that holds a folder; "" if it is on this machine.

    Args:
        folder: The folder; it need not exist.
        mounts: The file that lists the mounts; if there is none, folders count as local.
    """
    try:
        text = mounts.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
    kind = type_at(PurePosixPath(folder.resolve()), parse_mounts(text))
    return kind if is_network_type(kind) else ""
