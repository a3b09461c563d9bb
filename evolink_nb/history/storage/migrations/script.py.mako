"""${message}.

Revision ID: ${up_revision}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade(op: Operations) -> None:
    """Change the tables.

    Args:
        op: Alembic's operations on the database.
    """
    ${upgrades if upgrades else "pass"}
