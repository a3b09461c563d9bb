"""Pyodide's list of packages: which wheels there are, what each imports as, and what it needs."""

from __future__ import annotations

import email
import hashlib
import re
import zipfile
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ENVIRONMENT = {"sys_platform": "emscripten", "platform_system": "Emscripten", "python_version": "3.14"}
"""Where the wheels run, as far as their requirements' markers ask."""

_VERSION = re.compile(r"[-_.]+")


def lock_entries(folder: Path) -> dict[str, Any]:
    """Return the ``packages`` of a ``pyodide-lock.json`` for the wheels in its folder.

    Args:
        folder: The folder.
    """
    entries = {entry["name"]: entry for entry in map(_entry, sorted(folder.glob("*.whl")))}
    for entry in entries.values():
        # What a browser can't use, such as pexpect, isn't there.
        entry["depends"] = [name for name in entry["depends"] if name in entries]
    return entries


def _entry(wheel: Path) -> dict[str, Any]:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata_name = next(name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(metadata_name))
    needs = map(Requirement, metadata.get_all("Requires-Dist") or [])
    return {
        "name": normalized(metadata["Name"]),
        "version": metadata["Version"],
        "file_name": wheel.name,
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "install_dir": "site",
        "package_type": "package",
        "imports": sorted(_imports(names)),
        "depends": sorted({normalized(need.name) for need in needs if _holds(need)}),
        "unvendored_tests": False,
    }


def normalized(name: str) -> str:
    """Return a package's name as package indexes compare it.

    Args:
        name: The name.
    """
    return _VERSION.sub("-", name).lower()


def _holds(need: Requirement) -> bool:
    return need.marker is None or need.marker.evaluate({**ENVIRONMENT, "extra": ""})


def _imports(names: list[str]) -> set[str]:
    tops = {name.split("/")[0] for name in names if name.endswith(".py")}
    return {top.removesuffix(".py") for top in tops if not top.endswith((".data", ".dist-info"))}
