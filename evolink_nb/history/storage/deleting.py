"""Deletes a key from a database."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from ..tables.schema import ACCOUNTS, COSTS, HOURS, KEYS, LEASES, READINGS


def delete_key(connection: Connection, fingerprint: str) -> None:
    """Delete a key, its readings, hours, costs and lease, and its account if no other key belongs to it.

    Args:
        connection: A connection in a transaction that may write.
        fingerprint: The key's fingerprint.
    """
    # Including what its holder read last. A process that still reads takes a new lease.
    connection.execute(delete(LEASES).where(LEASES.c.fingerprint == fingerprint))
    found = select(KEYS.c.id, KEYS.c.account_id).where(KEYS.c.fingerprint == fingerprint)
    for key, account in connection.execute(found).all():
        for table in (READINGS, HOURS, COSTS):
            connection.execute(delete(table).where(table.c.key_id == key))
        connection.execute(delete(KEYS).where(KEYS.c.id == key))
        others = select(KEYS.c.id).where(KEYS.c.account_id == account).limit(1)
        if connection.execute(others).first() is None:
            connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.id == account))
