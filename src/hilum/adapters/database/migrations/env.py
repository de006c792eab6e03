"""Runs the revisions on the connection that `schema` opened and made transactional."""

from alembic import context

from hilum.adapters.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
