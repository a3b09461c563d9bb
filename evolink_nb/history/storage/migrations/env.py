"""How Alembic runs migrations: on the connection, and in the transaction, that it is given."""

from __future__ import annotations

from alembic import context

from evolink_nb.history.tables.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True
)
context.run_migrations()
