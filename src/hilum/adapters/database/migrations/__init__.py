"""Alembic revisions of the tables, run by `hilum.adapters.database.schema`."""
