"""What `hilum doctor` asks of the database engine."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from hilum.adapters.database.connections import Deadline
from hilum.adapters.database.dialects import dialect_for
from hilum.adapters.database.schema import is_in_use
from hilum.adapters.storage.lock import is_held
from hilum.bootstrap.index_place import database_path, index_url, on_server
from hilum.bootstrap.maintenance import SchemaState, schema_state
from hilum.domain.errors import HilumError
from hilum.settings import Settings


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """The index as it is found; nothing is made or changed by looking."""

    engine: str
    """Name and version."""
    size_bytes: int
    schema: SchemaState
    damage: Sequence[str]
    """What the database's own check says; empty when all is well."""
    risks: Sequence[str]
    """What of the server's settings could lose what was acknowledged."""


def examine_database(settings: Settings) -> DatabaseState | None:
    """None when there is no index yet. Raises `ArchiveUnavailable` when it cannot be opened."""
    if not on_server(settings) and not database_path(settings.data_dir).exists():
        return None
    schema = schema_state(settings)
    if on_server(settings) and schema.found is None:
        return None
    dialect = dialect_for(index_url(settings))
    try:
        connection = dialect.connect_reader(Deadline())
        try:
            damage, risks = dialect.damage(connection), dialect.risks(connection)
            size = dialect.size_bytes(connection)
        finally:
            connection.close()
        return DatabaseState(dialect.version(), size, schema, damage, risks)
    except HilumError:
        raise
    except Exception as error:
        fact = dialect.translate(error)
        if fact is None:
            raise
        raise fact from error


def engine_features() -> tuple[str, bool]:
    """SQLite's version, and whether its full-text search (FTS5) is there."""
    connection = sqlite3.connect(":memory:")
    try:
        options = {row[0] for row in connection.execute("PRAGMA compile_options").fetchall()}
    finally:
        connection.close()
    return sqlite3.sqlite_version, "ENABLE_FTS5" in options


def archive_is_open(settings: Settings) -> bool:
    """True when some process has the archive open."""
    if is_held(settings.data_dir):
        return True
    try:
        return on_server(settings) and is_in_use(index_url(settings))
    except HilumError:
        return False  # the check of the database tells it
