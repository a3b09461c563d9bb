"""Which process reads an account for all processes that share the history."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from .current import current
from .looking_back import read
from .sharing.holders import host_and_pid
from .sharing.sharing import source_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ..api.client import EvoLinkClient

TIMEOUT = 5.0
"""Seconds that the answer may take."""


class Reader(NamedTuple):
    """The process that reads an account for all others."""

    host: str
    pid: int


def reader_of(client: EvoLinkClient, *, timeout: float = TIMEOUT) -> Reader | None:
    """Return the process that reads a client's account for all that share this process's history.

    Args:
        client: The client.
        timeout: Seconds that the answer may take.

    Returns:
        The process; None if there is none now.

    Raises:
        HistoryError: There is no history, or it can't be read.
    """
    source, writer = source_of(client), current.required_writer()

    def ask(connection: Connection) -> Reader | None:
        store = writer.store()
        # It imports SQLAlchemy.
        leases = import_module("evolink_nb.history.sharing.leases")
        lease = leases.find_lease(connection, store.keys.fingerprint_of(source))
        if lease is None or not lease.is_held(store.now(connection)):
            return None
        return Reader(*host_and_pid(lease.holder))

    return read(ask, timeout=timeout)
