"""The schema on PostgreSQL: equal to the tables, made once, left alone when it is newer."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from hilum.adapters.database.dialects import dialect_for
from hilum.adapters.database.schema import current, head, is_outdated, migrate
from hilum.adapters.database.tables import metadata
from hilum.domain.errors import ArchiveUnavailable
from tests.contract.index.engines import postgres_database


@pytest.fixture
def url() -> Iterator[str]:
    with postgres_database() as made:
        yield made


def run(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def test_an_empty_database_gets_the_newest_schema_once(url: str) -> None:
    assert current(url) is None
    assert not is_outdated(url)

    with ThreadPoolExecutor(4) as pool:
        changed = list(pool.map(migrate, [url] * 4))

    assert sorted(changed) == [False, False, False, True]
    assert current(url) == head()


def test_the_migrated_schema_is_that_of_the_tables(url: str) -> None:
    migrate(url)
    engine = dialect_for(url).core_engine()
    try:
        with engine.begin() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "include_name": _ours}
            )
            assert compare_metadata(context, metadata) == []
    finally:
        engine.dispose()


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    """Without what only PostgreSQL has."""
    if kind == "table":
        return name != "place_of_objects"
    return not (name or "").startswith("ix_study_words_")


def test_texts_are_ordered_by_code_points(url: str) -> None:
    migrate(url)

    others = run(
        url,
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = "
        "'hilum' AND table_name IN ('study', 'series', 'instance', 'patient', 'sequence_item', "
        "'study_modality') AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'",
    )

    assert others == []


def test_nothing_is_made_outside_the_schema(url: str) -> None:
    migrate(f"{url}?schema=mine")

    assert run(url, "SELECT schemaname FROM pg_tables GROUP BY 1 ORDER BY 1") == [
        ("information_schema",),
        ("mine",),
        ("pg_catalog",),
    ]


def test_a_schema_of_a_newer_program_is_left_alone(url: str) -> None:
    migrate(url)
    run(url, "UPDATE hilum.alembic_version SET version_num = '9999'")

    with pytest.raises(ArchiveUnavailable, match="newer version"):
        migrate(url)

    assert current(url) == "9999"


def test_a_migration_that_fails_leaves_nothing(url: str) -> None:
    run(url, "CREATE SCHEMA hilum")
    run(url, "CREATE TABLE hilum.instance (not_ours int)")

    with pytest.raises(Exception, match="instance"):
        migrate(url)

    assert current(url) is None
    assert run(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'hilum'") == [("instance",)]


def test_a_user_without_rights_is_told(url: str) -> None:
    name = url.rsplit("/", 1)[1]
    run(url, f'CREATE ROLE "{name}" LOGIN')
    try:
        scheme, rest = url.split("://")
        poor = f"{scheme}://{name}@{rest.split('@', maxsplit=1)[1]}"
        with pytest.raises(ArchiveUnavailable, match="right"):
            migrate(poor)
    finally:
        run(url, f'DROP ROLE "{name}"')
