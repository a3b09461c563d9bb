"""The tables, the same in SQLite and PostgreSQL.

Times are milliseconds since 1970 by the database's clock. Amounts are integer multiples of 10 to the power of
``-scale`` credits (`amounts`). A key is identified only by its salted fingerprint. A change here needs a
migration in ``migrations/versions`` and a new `VERSION`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

VERSION = "0001"
"""The newest migration."""

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

META = Table(
    "meta",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)
"""Named values; so far only ``salt``."""

ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("id", Integer, primary_key=True),
    # None for the account of a single key that nobody has named.
    Column("label", Text, unique=True),
)

KEYS = Table(
    "keys",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("account_id", Integer, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("fingerprint", String(64), nullable=False),
    Column("label", Text),
    Column("simulated", Boolean, nullable=False),
    UniqueConstraint("fingerprint", "simulated"),
)

READINGS = Table(
    "readings",
    METADATA,
    Column("key_id", Integer, ForeignKey("keys.id"), primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("token_remaining", BigInteger, nullable=False),
    Column("token_used", BigInteger, nullable=False),
    Column("user_remaining", BigInteger, nullable=False),
    Column("user_used", BigInteger, nullable=False),
    Column("unlimited", Boolean, nullable=False),
    Column("scale", SmallInteger, nullable=False),
    # The amounts as text if the integers are rounded.
    Column("exact", Text),
    # One B-tree instead of a table and an index: 44 to 49 bytes per reading instead of 61 to 65.
    sqlite_with_rowid=False,
)
"""Readings: those that differ from the one before, and one every `selection.HEARTBEAT` seconds."""

HOURS = Table(
    "hours",
    METADATA,
    Column("key_id", Integer, ForeignKey("keys.id"), primary_key=True),
    # Hours since 1970.
    Column("hour", Integer, primary_key=True),
    Column("readings", Integer, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    # From the hour's last reading.
    Column("token_remaining", BigInteger, nullable=False),
    Column("token_used", BigInteger, nullable=False),
    Column("user_remaining", BigInteger, nullable=False),
    Column("user_used", BigInteger, nullable=False),
    Column("unlimited", Boolean, nullable=False),
    # The maximum of the account's remaining plus used credits: more than that is a top-up.
    Column("most_granted", BigInteger, nullable=False),
    Column("token_spent", BigInteger, nullable=False),
    Column("user_spent", BigInteger, nullable=False),
    Column("topped_up", BigInteger, nullable=False),
    # The longest time without a reading that ended in the hour, in milliseconds.
    Column("longest_gap", BigInteger, nullable=False),
    Column("scale", SmallInteger, nullable=False),
    Column("thinned", Boolean, nullable=False),
    sqlite_with_rowid=False,
)
"""Summaries of each hour's readings, kept by the writer: a look back costs as much as it has hours."""

COSTS = Table(
    "costs",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    # None if the account it was measured on is unknown.
    Column("key_id", Integer, ForeignKey("keys.id")),
    Column("kind", String(16), nullable=False),
    # Identifies runs of the same work.
    Column("work", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("notebook", Text, nullable=False),
    Column("kernel", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("began_at", BigInteger, nullable=False),
    Column("milliseconds", BigInteger, nullable=False),
    Column("items", Integer, nullable=False),
    Column("within", Boolean, nullable=False),
    Column("token", BigInteger),
    Column("account", BigInteger),
    Column("others", BigInteger),
    Column("topped_up", BigInteger),
    Column("together", BigInteger),
    Column("together_label", Text),
    Column("scale", SmallInteger, nullable=False),
    Column("exact", Text),
    Column("settled", Boolean, nullable=False),
    Column("confidence", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Index(None, "began_at"),
    Index(None, "work", "began_at"),
)
"""The costs of runs; a row is updated while its cost settles."""

LEASES = Table(
    "leases",
    METADATA,
    # The key's fingerprint, not its id: a lease may be needed before ``keys`` has the key.
    Column("fingerprint", String(64), primary_key=True),
    Column("holder", String(80), nullable=False),
    # Counts the holders: writes by earlier ones are refused.
    Column("term", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    # The holder's interval, in milliseconds.
    Column("every", BigInteger, nullable=False),
    # When the newest reading or error arrived; None before the first.
    Column("read_at", BigInteger),
    Column("took", BigInteger),
    Column("token_remaining", BigInteger),
    Column("token_used", BigInteger),
    Column("user_remaining", BigInteger),
    Column("user_used", BigInteger),
    Column("unlimited", Boolean),
    Column("simulated", Boolean),
    Column("scale", SmallInteger),
    Column("exact", Text),
    # JSON; None if it was a reading.
    Column("error", Text),
)
"""Which process reads a key for all processes, until when, and what it read last."""

AMOUNTS = ("token_remaining", "token_used", "user_remaining", "user_used")
"""The amounts of a reading, in the order in which they are packed."""
COST_AMOUNTS = ("token", "account", "others", "topped_up", "together")
"""The amounts of a cost, in the order in which they are packed."""
