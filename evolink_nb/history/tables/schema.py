"""The tables, the same in SQLite and PostgreSQL.

Times are milliseconds since 1970 by the database's clock. Amounts are integers of 10 to the power of
``-scale`` credits (`amounts`). A key is known by its salted fingerprint alone. A change here needs a
migration in ``migrations/versions`` and another `VERSION`.
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
"""One value for each name: ``salt``."""

ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("id", Integer, primary_key=True),
    # None: the account of one key, which nobody has named.
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
    # The amounts as text, where the integers are rounded.
    Column("exact", Text),
    # One B-tree in place of a table and an index: 44 to 49 bytes a reading, and not 61 to 65.
    sqlite_with_rowid=False,
)
"""Readings: where something changed, and one every `selection.HEARTBEAT` seconds."""

HOURS = Table(
    "hours",
    METADATA,
    Column("key_id", Integer, ForeignKey("keys.id"), primary_key=True),
    # Hours since 1970.
    Column("hour", Integer, primary_key=True),
    Column("readings", Integer, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    # Of the hour's last reading.
    Column("token_remaining", BigInteger, nullable=False),
    Column("token_used", BigInteger, nullable=False),
    Column("user_remaining", BigInteger, nullable=False),
    Column("user_used", BigInteger, nullable=False),
    Column("unlimited", Boolean, nullable=False),
    # The most that remaining and used credits of the account came to together: more is a top-up.
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
"""What each hour's readings come to, kept by the writer: looking back costs by its hours."""

COSTS = Table(
    "costs",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    # None: the account it was measured on isn't known.
    Column("key_id", Integer, ForeignKey("keys.id")),
    Column("kind", String(16), nullable=False),
    # Identifies runs of the same thing.
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
"""What runs cost; a row is updated while its cost settles."""

LEASES = Table(
    "leases",
    METADATA,
    # Of the key: any process may need it, before anything of the key is kept.
    Column("fingerprint", String(64), primary_key=True),
    Column("holder", String(80), nullable=False),
    # Counts the holders: a write of an earlier one is refused.
    Column("term", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    # The holder's interval, in milliseconds.
    Column("every", BigInteger, nullable=False),
    # Of the newest reading or error; None before the first.
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
"""Which process reads a key for all, until when, and what it read last."""

AMOUNTS = ("token_remaining", "token_used", "user_remaining", "user_used")
"""The amounts of a reading, in the order in which they are packed."""
COST_AMOUNTS = ("token", "account", "others", "topped_up", "together")
"""Likewise of a cost."""
