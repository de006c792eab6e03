"""Bringing a database to the schema of this program.

Migrations run inside one exclusive transaction: of two processes that start at once the second
waits and then finds nothing left to do, and a crash leaves the old schema.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from hilum.adapters.database.dialects import dialect_for
from hilum.adapters.database.sqlite import prepare
from hilum.domain.errors import ArchiveUnavailable

_SCRIPTS: Final = Path(__file__).parent / "migrations"


def head() -> str:
    """Name the revision this program works with."""
    return str(ScriptDirectory(str(_SCRIPTS)).get_current_head())


def current(url: str) -> str | None:
    """Name the revision a database has; None when there is no database or no schema in it."""
    if not dialect_for(url).path.exists():
        return None
    with _transaction(url) as connection:
        return _revision(connection)


def is_outdated(url: str) -> bool:
    """True when there is a database and `migrate` would change its schema."""
    found = current(url)
    return found is not None and found != head() and found in _known()


def migrate(url: str) -> bool:
    """Bring the database to `head`, making it when there is none; False when it was there already.

    Raises `ArchiveUnavailable` when it cannot be opened or was made by a newer program.
    """
    with _transaction(url) as connection:
        found = _revision(connection)
        if found == head():
            return False
        if found is not None and found not in _known():
            raise ArchiveUnavailable(
                f"The database has schema {found}, which this program does not know: it was made "
                "by a newer version. Start that version, or restore an older copy."
            )
        config = Config()
        config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return True


def _known() -> set[str]:
    return {script.revision for script in ScriptDirectory(str(_SCRIPTS)).walk_revisions()}


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def _transaction(url: str) -> Iterator[Connection]:
    dialect = dialect_for(url)
    engine = create_engine(f"sqlite:///{dialect.path}", poolclass=NullPool)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        fact = dialect.translate(error.orig) if isinstance(error.orig, Exception) else None
        raise fact or error from error
    except sqlite3.Error as error:
        raise dialect.translate(error) or error from error
    finally:
        engine.dispose()


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # so that BEGIN below is the only one and covers DDL
    prepare(connection)


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
