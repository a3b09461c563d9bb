"""Merges the files of all processes on a network file system into one database in memory, for reading.

Each file is copied first, because its process may be writing it and locks are unreliable there. A file that
can't be read as a whole is left out until the next time.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import DBAPIError

from ..tables.records import Source
from ..tables.rows import point_of
from ..tables.schema import ACCOUNTS, COSTS, KEYS, META, METADATA, READINGS, VERSION
from .engine import make_engine
from .location import Kind, Location
from .migrating import version_of
from .writing import KeyNumbers, put, write_points

if TYPE_CHECKING:
    from ..tables.selection import Point

_TRIES = 5
"""How often to try to copy a file that keeps changing."""
_JOURNAL = "-journal"


def merged(files: Iterable[Path], salt: str) -> Engine:
    """Return a database in memory with the contents of files.

    Args:
        files: The files, all with the same salt.
        salt: The salt.
    """
    engine = make_engine(Location(Kind.MEMORY))
    points: dict[int, list[Point]] = {}
    with tempfile.TemporaryDirectory(prefix="evolink-nb-") as folder, engine.begin() as target:
        METADATA.create_all(target)
        target.execute(META.insert().values(name="salt", value=salt))
        keys = KeyNumbers(b"")
        for number, file in enumerate(files):
            copy = Path(folder) / f"{number}.db"
            if _copy(file, copy):
                _add(copy, target, keys, points)
        for key, found in points.items():
            write_points(target, key, sorted(found, key=lambda point: point.at))
    return engine


def _add(file: Path, target: Connection, keys: KeyNumbers, points: dict[int, list[Point]]) -> None:
    engine = make_engine(Location(Kind.FILE, file), is_shared=False)
    try:
        with engine.begin() as connection:
            if version_of(connection) != VERSION:
                return
            numbers = _key_numbers(connection, target, keys)
            for row in connection.execute(select(READINGS)).mappings():
                points.setdefault(numbers[row["key_id"]], []).append(point_of(row))
            costs = [dict(row) for row in connection.execute(select(COSTS)).mappings()]
    except DBAPIError:  # copied during a change
        return
    for cost in costs:
        cost["key_id"] = numbers.get(cost["key_id"])
    if costs:
        put(target, COSTS, costs)


def _key_numbers(connection: Connection, target: Connection, keys: KeyNumbers) -> dict[int | None, int]:
    """Return the numbers of a file's keys in the merged database, by their numbers in the file."""
    query = select(KEYS, ACCOUNTS.c.label.label("account")).join(ACCOUNTS)
    found: dict[int | None, int] = {}
    for row in connection.execute(query).mappings():
        fingerprint: str = row["fingerprint"]
        source = Source(
            fingerprint,
            lambda _salt, fingerprint=fingerprint: fingerprint,  # type: ignore[misc]
            account=row["account"] or "",
            label=row["label"] or "",
        )
        found[row["id"]] = keys.number_of(target, source, simulated=bool(row["simulated"]))
    return found


def _copy(file: Path, copy: Path) -> bool:
    """Copy a database and its journal; return whether neither changed meanwhile."""
    journal = Path(f"{file}{_JOURNAL}")
    for _ in range(_TRIES):
        try:
            before = _stamp(file), _stamp(journal)
            shutil.copyfile(file, copy)
            if before[1] is not None:
                shutil.copyfile(journal, f"{copy}{_JOURNAL}")
            if (_stamp(file), _stamp(journal)) == before:
                return True
        except OSError:
            continue
    return False


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size
