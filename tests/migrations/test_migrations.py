"""The schema: made by migrations, equal to the tables, safe to make from two processes at once."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from hilum.adapters.database.schema import current, head, migrate
from hilum.adapters.database.sql_index import SqlIndex
from hilum.adapters.database.tables import REVISION, keywords_at, metadata
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.levels import Level


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "an index with spaces %.sqlite"


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def columns(path: Path, table: str) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    finally:
        connection.close()


def test_nothing_becomes_the_newest_schema_and_then_nothing_is_left_to_do(path: Path) -> None:
    assert current(url_of(path)) is None

    assert migrate(url_of(path)) is True
    assert current(url_of(path)) == head()
    assert migrate(url_of(path)) is False


def test_the_program_needs_the_revision_the_migrations_lead_to() -> None:
    assert head() == REVISION


def test_asking_for_the_revision_makes_no_file(path: Path) -> None:
    assert current(url_of(path)) is None
    assert not path.exists()


def test_the_migrated_schema_is_that_of_the_tables(path: Path) -> None:
    migrate(url_of(path))
    engine = create_engine(url_of(path))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection,
                opts={"compare_type": True, "compare_server_default": True, "include_name": _ours},
            )
            assert compare_metadata(context, metadata) == []
    finally:
        engine.dispose()


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or not (name or "").startswith("study_name")


@pytest.mark.parametrize("level", list(Level))
def test_every_indexed_attribute_has_a_column(path: Path, level: Level) -> None:
    migrate(url_of(path))

    held = columns(path, level.name.lower())

    assert [name for name in held if name in keywords_at(level)] == list(keywords_at(level))


def test_a_new_archive_has_the_default_partition_and_counts_nothing(path: Path) -> None:
    migrate(url_of(path))

    async def look() -> tuple[int, int]:
        async with SqlIndex(url_of(path)) as index:
            return (await index.counts()).instances, (await index.reserve_versions(1))[0]

    assert asyncio.run(look()) == (0, 1)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT key, name FROM partition").fetchall() == [
        (1, "Microsoft.Default")
    ]
    connection.close()


def test_the_file_is_in_wal_mode_from_the_start(path: Path) -> None:
    migrate(url_of(path))

    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_programs_that_start_at_once_migrate_once(path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        changed = list(pool.map(migrate, [url_of(path)] * 4))

    assert sorted(changed) == [False, False, False, True]
    assert current(url_of(path)) == head()


def test_a_schema_of_a_newer_program_is_left_alone(path: Path) -> None:
    migrate(url_of(path))
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    with pytest.raises(ArchiveUnavailable, match="newer version"):
        migrate(url_of(path))

    assert current(url_of(path)) == "9999"
    with pytest.raises(ArchiveUnavailable, match="hilum migrate"):
        asyncio.run(SqlIndex(url_of(path)).open())


def test_a_migration_that_fails_leaves_the_schema_as_it_was(path: Path) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE instance (not_ours)")
    connection.close()

    with pytest.raises(Exception, match="instance"):
        migrate(url_of(path))

    assert current(url_of(path)) is None
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("instance",)]
    connection.close()


def test_what_is_no_database_is_told(path: Path) -> None:
    path.write_bytes(b"these bytes are no database" * 100)

    for ask in (migrate, current):
        with pytest.raises(ArchiveUnavailable, match="no SQLite database"):
            ask(url_of(path))


@pytest.mark.parametrize("url", ["sqlite://", "mysql://host/db", "no url", "sqlite:///:memory:"])
def test_urls_that_name_no_engine_are_refused_with_what_is_offered(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///"):
        migrate(url)
