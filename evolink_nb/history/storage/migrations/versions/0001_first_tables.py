"""The first tables.

Revision ID: 0001
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade(op: Operations) -> None:
    """Create the tables.

    Args:
        op: Alembic's operations on the database.
    """
    _create_meta(op)
    _create_accounts(op)
    _create_keys(op)
    _create_readings(op)
    _create_hours(op)
    _create_costs(op)
    _create_leases(op)


def _create_meta(op: Operations) -> None:
    op.create_table(
        "meta",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
    )


def _create_accounts(op: Operations) -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("label", name=op.f("uq_accounts_label")),
    )


def _create_keys(op: Operations) -> None:
    op.create_table(
        "keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_keys_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keys")),
        sa.UniqueConstraint("fingerprint", "simulated", name=op.f("uq_keys_fingerprint_simulated")),
    )
    op.create_index(op.f("ix_keys_account_id"), "keys", ["account_id"], unique=False)


def _create_readings(op: Operations) -> None:
    op.create_table(
        "readings",
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("token_remaining", sa.BigInteger(), nullable=False),
        sa.Column("token_used", sa.BigInteger(), nullable=False),
        sa.Column("user_remaining", sa.BigInteger(), nullable=False),
        sa.Column("user_used", sa.BigInteger(), nullable=False),
        sa.Column("unlimited", sa.Boolean(), nullable=False),
        sa.Column("scale", sa.SmallInteger(), nullable=False),
        sa.Column("exact", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name=op.f("fk_readings_key_id")),
        sa.PrimaryKeyConstraint("key_id", "at", name=op.f("pk_readings")),
        sqlite_with_rowid=False,
    )


def _create_hours(op: Operations) -> None:
    op.create_table(
        "hours",
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("token_remaining", sa.BigInteger(), nullable=False),
        sa.Column("token_used", sa.BigInteger(), nullable=False),
        sa.Column("user_remaining", sa.BigInteger(), nullable=False),
        sa.Column("user_used", sa.BigInteger(), nullable=False),
        sa.Column("unlimited", sa.Boolean(), nullable=False),
        sa.Column("most_granted", sa.BigInteger(), nullable=False),
        sa.Column("token_spent", sa.BigInteger(), nullable=False),
        sa.Column("user_spent", sa.BigInteger(), nullable=False),
        sa.Column("topped_up", sa.BigInteger(), nullable=False),
        sa.Column("longest_gap", sa.BigInteger(), nullable=False),
        sa.Column("scale", sa.SmallInteger(), nullable=False),
        sa.Column("thinned", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name=op.f("fk_hours_key_id")),
        sa.PrimaryKeyConstraint("key_id", "hour", name=op.f("pk_hours")),
        sqlite_with_rowid=False,
    )


def _create_costs(op: Operations) -> None:
    op.create_table(
        "costs",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("work", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("notebook", sa.Text(), nullable=False),
        sa.Column("kernel", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("milliseconds", sa.BigInteger(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("within", sa.Boolean(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=True),
        sa.Column("account", sa.BigInteger(), nullable=True),
        sa.Column("others", sa.BigInteger(), nullable=True),
        sa.Column("topped_up", sa.BigInteger(), nullable=True),
        sa.Column("together", sa.BigInteger(), nullable=True),
        sa.Column("together_label", sa.Text(), nullable=True),
        sa.Column("scale", sa.SmallInteger(), nullable=False),
        sa.Column("exact", sa.Text(), nullable=True),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("confidence", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name=op.f("fk_costs_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_costs")),
    )
    op.create_index(op.f("ix_costs_began_at"), "costs", ["began_at"], unique=False)
    op.create_index(op.f("ix_costs_work_began_at"), "costs", ["work", "began_at"], unique=False)


def _create_leases(op: Operations) -> None:
    op.create_table(
        "leases",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=80), nullable=False),
        sa.Column("term", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("every", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.Column("took", sa.BigInteger(), nullable=True),
        sa.Column("token_remaining", sa.BigInteger(), nullable=True),
        sa.Column("token_used", sa.BigInteger(), nullable=True),
        sa.Column("user_remaining", sa.BigInteger(), nullable=True),
        sa.Column("user_used", sa.BigInteger(), nullable=True),
        sa.Column("unlimited", sa.Boolean(), nullable=True),
        sa.Column("simulated", sa.Boolean(), nullable=True),
        sa.Column("scale", sa.SmallInteger(), nullable=True),
        sa.Column("exact", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_leases")),
    )
