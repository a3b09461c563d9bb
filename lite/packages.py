"""The packages that run in the browser: compiled, and put into one archive."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

ARCHIVE = "packages.tar.gz"
"""The archive's name, as `start.mjs` has it."""


def pack(wheels: Iterable[Path], archive: Path) -> None:
    """Write the files of wheels into one archive, as they would be installed.

    Args:
        wheels: The wheels, of nothing but Python.
        archive: The archive to write.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as source:
                _add_files(source, tar)
    archive.write_bytes(gzip.compress(packed.getvalue(), mtime=0))


def _add_files(source: zipfile.ZipFile, tar: tarfile.TarFile) -> None:
    for entry in source.infolist():
        # Scripts, and the front ends that the site has as its extensions.
        if entry.is_dir() or entry.filename.split("/")[0].endswith(".data"):
            continue
        member = tarfile.TarInfo(entry.filename)
        member.size = entry.file_size
        with source.open(entry) as content:
            tar.addfile(member, content)


def gather(paths: Iterable[Path], folder: Path) -> Path:
    """Return a folder that holds copies of files and nothing else.

    Args:
        paths: The files.
        folder: The folder; emptied if it is there.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in paths:
        shutil.copy(path, folder)
    return folder
