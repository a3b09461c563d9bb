"""Runs Alembic's migrations on a given connection, in its current transaction."""

from __future__ import annotations

from alembic import context

from evolink_nb.history.tables.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True
)
context.run_migrations()
