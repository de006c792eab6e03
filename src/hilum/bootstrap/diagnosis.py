"""What `hilum doctor` asks of the database engine."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from hilum.adapters.database.connections import Deadline
from hilum.adapters.database.dialects import dialect_for
from hilum.adapters.storage.lock import is_held
from hilum.bootstrap.archive import database_path, database_url
from hilum.bootstrap.maintenance import SchemaState, schema_state
from hilum.settings import Settings


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """The index file as it is found; nothing is made or changed by looking."""

    size_bytes: int
    schema: SchemaState
    damage: Sequence[str]
    """What SQLite's own check says; empty when all is well."""


def examine_database(settings: Settings) -> DatabaseState | None:
    """None when there is no index yet. Raises `ArchiveUnavailable` when it cannot be opened."""
    path = database_path(settings.data_dir)
    if not path.exists():
        return None
    dialect = dialect_for(database_url(settings.data_dir))
    try:
        connection = dialect.connect_reader(Deadline())
        try:
            damage = dialect.damage(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise dialect.translate(error) or error from error
    return DatabaseState(path.stat().st_size, schema_state(settings), damage)


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
    return is_held(settings.data_dir)
