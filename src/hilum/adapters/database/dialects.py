"""Which dialect a URL names. SQLite today; PostgreSQL joins here over the same tables."""

from pathlib import Path

from sqlalchemy import Connection as CoreConnection
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from hilum.adapters.database import sqlite_names
from hilum.adapters.database.sqlite import SqliteDialect


def dialect_for(url: str, busy_seconds: float = 5.0) -> SqliteDialect:
    """Choose by `sqlite:///path`. Raises `ValueError` for other URLs, saying what is offered."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        message = "the database is named by a URL such as sqlite:////var/lib/hilum/index.sqlite"
        raise ValueError(message) from error
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        message = f"no engine for {parsed.render_as_string()!r}: give a file, sqlite:////path/file"
        raise ValueError(message)
    return SqliteDialect(Path(str(parsed.database)), busy_seconds)


def create_name_search(connection: CoreConnection) -> None:
    """Make what `Dialect.with_words` asks; called by the first migration."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(sqlite_names.CREATE)
