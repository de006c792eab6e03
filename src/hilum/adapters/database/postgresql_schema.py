"""What the schema has on PostgreSQL beside the tables, and who may change it when."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection as CoreConnection
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import NullPool

from hilum.adapters.database import places, postgresql_names, postgresql_numbers
from hilum.adapters.database.postgresql_locks import ARCHIVE, FEED, MIGRATION, number_of
from hilum.domain.occupancy import DataFolderInUse

_FEED_IN_ORDER: Final = f"""
CREATE FUNCTION feed_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock({FEED}, TG_RELID::int4);
    RETURN NULL;
END $$
"""
"""Sequences are given out by one transaction at a time and until it has ended: so none below one
that shows is still to come. The trigger runs before the first of the statement's is taken."""
_USE_IT: Final = (
    "CREATE TRIGGER feed_in_order BEFORE INSERT ON feed "
    "FOR EACH STATEMENT EXECUTE FUNCTION feed_in_order()"
)
IN_THE_WAY: Final = (
    "The database is in use by other hilum processes. Stop them first; pg_stat_activity lists "
    "them as 'hilum'."
)


def additions() -> Iterator[str]:
    """Statements for the first migration, after its tables."""
    yield from postgresql_names.create()
    yield from postgresql_numbers.CREATE
    yield places.CREATE
    yield _FEED_IN_ORDER
    yield _USE_IT


def migration_engine(conninfo: str, schema: str) -> Engine:
    """For Alembic; its connections work in `schema`."""
    import psycopg  # noqa: PLC0415 (the caller has chosen this engine)

    from hilum.adapters.database.postgresql_connections import defaults  # noqa: PLC0415

    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(conninfo, **defaults(conninfo)),
        poolclass=NullPool,
    )

    def in_schema(connection: CoreConnection) -> None:
        connection.exec_driver_sql(f'SET LOCAL search_path TO "{schema}"')

    event.listen(engine, "begin", in_schema)
    return engine


def make_schema(connection: CoreConnection, schema: str) -> None:
    """Wait for others who migrate, then make the schema when there is none."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION}, {number_of(schema)})")
    held = "SELECT 1 FROM pg_namespace WHERE nspname = %s"
    if connection.exec_driver_sql(held, (schema,)).first() is None:
        connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')


def demand_nobody_else(connection: CoreConnection, schema: str) -> None:
    """Raise `DataFolderInUse` when a process works with the schema; keep out others meanwhile."""
    lock = f"SELECT pg_try_advisory_xact_lock({ARCHIVE}, {number_of(schema)})"
    if not connection.exec_driver_sql(lock).scalar():
        raise DataFolderInUse(IN_THE_WAY)
