"""Which dialect a URL names. PostgreSQL's libraries are imported when a URL names it."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection as CoreConnection
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from hilum.adapters.database import sqlite_names
from hilum.adapters.database.connections import Dialect
from hilum.adapters.database.sqlite import SqliteDialect
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.occupancy import Hold

_EXTRA: Final = "PostgreSQL needs a library that is not installed: pip install 'hilum[postgres]'."


def dialect_for(url: str, busy_seconds: float = 5.0, hold: Hold | None = Hold.SHARED) -> Dialect:
    """Choose by `sqlite:///path` or `postgresql://user@host/database?schema=hilum`.

    `hold` is how its writing connection occupies a database that others may use from elsewhere:
    not at all when None. Raises `ValueError` for other URLs, saying what is offered, and
    `ArchiveUnavailable` when the engine's library is not installed.
    """
    if url.startswith(("postgresql://", "postgres://")):
        return _postgresql(url, busy_seconds, hold)
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        message = "the database is named by a URL such as sqlite:////var/lib/hilum/index.sqlite"
        raise ValueError(message) from error
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        message = (
            f"no engine for {parsed.render_as_string()!r}: give a file, sqlite:////path/file, "
            "or postgresql://user@host/database"
        )
        raise ValueError(message)
    return SqliteDialect(Path(str(parsed.database)), busy_seconds)


def _postgresql(url: str, busy_seconds: float, hold: Hold | None) -> Dialect:
    try:
        from hilum.adapters.database.postgresql import PostgresqlDialect  # noqa: PLC0415
    except ImportError as error:
        raise ArchiveUnavailable(_EXTRA) from error
    return PostgresqlDialect.of(url, busy_seconds, hold)


def create_name_search(connection: CoreConnection) -> None:
    """Make what `Dialect.with_words` and its like ask; called by the first migration."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(sqlite_names.CREATE)
        return
    from hilum.adapters.database.postgresql_schema import additions  # noqa: PLC0415

    for sql in additions():
        connection.exec_driver_sql(sql)
