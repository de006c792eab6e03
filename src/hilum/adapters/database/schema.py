"""Bringing a database to the schema of this program.

Migrations run inside one transaction that others wait for: of two processes that start at once the
second waits and then finds nothing left to do, and a crash leaves the old schema.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from hilum.adapters.database.connections import Dialect
from hilum.adapters.database.dialects import dialect_for
from hilum.domain.errors import ArchiveUnavailable

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

# Alembic is imported where it is used: most commands migrate nothing, and it is slow to load.
_SCRIPTS: Final = Path(__file__).parent / "migrations"
_BUSY_SECONDS: Final = 30.0
"""Several processes that start together, or beside others that write, wait for each other."""


def head() -> str:
    """Name the revision this program works with."""
    return str(_scripts().get_current_head())


def current(url: str) -> str | None:
    """Name the revision a database has; None when there is no database or no schema in it."""
    dialect = dialect_for(url, _BUSY_SECONDS)
    if not dialect.exists():
        return None
    with _transaction(dialect) as connection:
        return _revision(connection)


def is_in_use(url: str) -> bool:
    """True when a process, on whatever machine, is known to the database to have it open.

    Raises `ArchiveUnavailable`.
    """
    dialect = dialect_for(url)
    try:
        return dialect.is_in_use()
    except Exception as error:
        fact = dialect.translate(error)
        if fact is None:
            raise
        raise fact from error


def is_outdated(url: str) -> bool:
    """True when there is a database and `migrate` would change its schema."""
    found = current(url)
    return found is not None and found != head() and found in _known()


def migrate(url: str, *, alone: bool = False) -> bool:
    """Bring the database to `head`, making it when there is none; False when it was there already.

    `alone` says that the caller keeps everybody else out.
    Raises `ArchiveUnavailable` when it cannot be opened or was made by a newer program, and
    `DataFolderInUse` when a process of another machine works with the older schema.
    """
    dialect = dialect_for(url, _BUSY_SECONDS)
    with _transaction(dialect) as connection:
        dialect.prepare_migration(connection)
        found = _revision(connection)
        if found == head():
            return False
        if found is not None and found not in _known():
            raise ArchiveUnavailable(
                f"The database has schema {found}, which this program does not know: it was made "
                "by a newer version. Start that version, or restore an older copy."
            )
        if found is not None and not alone:
            dialect.demand_nobody_else(connection)
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return True


def _scripts() -> "ScriptDirectory":
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    return ScriptDirectory(str(_SCRIPTS))


def _known() -> set[str]:
    return {script.revision for script in _scripts().walk_revisions()}


def _revision(connection: Connection) -> str | None:
    from alembic.migration import MigrationContext  # noqa: PLC0415

    return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def _transaction(dialect: Dialect) -> Iterator[Connection]:
    engine = dialect.core_engine()
    try:
        with engine.begin() as connection:
            yield connection
    except Exception as error:
        origin = error.orig if isinstance(error, DBAPIError) else error
        fact = dialect.translate(origin) if isinstance(origin, Exception) else None
        if fact is None:
            raise
        raise fact from error
    finally:
        engine.dispose()
