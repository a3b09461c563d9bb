"""Deletes a history: a file, or the rows of the key in use from a shared database."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from ..api.client import EvoLinkClient
from ..errors import HistoryError
from .current import current
from .looking_back import change
from .storage.location import Kind, Location
from .storage.places import folder_of

_BESIDE = ("", "-wal", "-shm", "-journal")
"""The suffixes of the files that SQLite keeps for a database."""


def what_would_go(location: Location) -> str:
    """Return what `forget` deletes, in words.

    Args:
        location: Where the history is.
    """
    if location.kind is Kind.SERVER:
        return f"what {location.shown} has of this key"
    return f"the history in {location.shown}"


def forget(location: Location) -> str:
    """Delete a history; kernels that still run begin a new one.

    Args:
        location: Where it is.

    Returns:
        What was deleted, in words.

    Raises:
        HistoryError: It can't be deleted.
        ConfigurationError: There is no key, so its rows can't be found.
    """
    if location.kind is Kind.SERVER:
        _forget_key()
    elif location.path is not None:
        current.stop(timeout=0.0)
        _delete_files(location.path)
    return f"Deleted: {what_would_go(location)}."


def _delete_files(path: Path) -> None:
    files = [Path(f"{path}{ending}") for ending in _BESIDE]
    folder = folder_of(path)
    if folder.is_dir():
        files += [*folder.iterdir()]
    try:
        for file in files:
            file.unlink(missing_ok=True)
        if folder.is_dir():
            folder.rmdir()
    except OSError as error:
        raise HistoryError(
            f"The history in {path} can't be deleted: {error.strerror}.", hint=f"Delete it by hand: {path}*"
        ) from None


def _forget_key() -> None:
    writer = current.required_writer()
    with EvoLinkClient() as client:
        fingerprint = client.fingerprint
    deleting: Any = import_module("evolink_nb.history.storage.deleting")  # it imports SQLAlchemy

    change(lambda connection: deleting.delete_key(connection, fingerprint(writer.store().keys.salt)))
