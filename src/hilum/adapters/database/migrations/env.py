"""Runs the revisions on the connection that `schema` opened and made transactional."""

from alembic import context

import hilum.adapters.database.arrivals_tables
import hilum.adapters.database.delivery_tables
import hilum.adapters.database.expiry_tables
import hilum.adapters.database.extended_tables
import hilum.adapters.database.external_tables
import hilum.adapters.database.job_tables
import hilum.adapters.database.original_tables
import hilum.adapters.database.submission_tables
import hilum.adapters.database.worklist_tables  # noqa: F401 (adds its tables)
from hilum.adapters.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
