"""PostgreSQL in trouble: typed errors, nothing half kept, recovery without a restart."""

import asyncio
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from hilum.adapters.database.connections import Connection
from hilum.adapters.database.dialects import dialect_for
from hilum.adapters.database.lanes import Lane, Reader, Writer
from hilum.adapters.database.postgresql_rebuild import IndexSchema
from hilum.adapters.database.schema import current, head, is_in_use, migrate
from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.errors import ArchiveFull, ArchiveUnavailable, NotIndexable
from hilum.domain.instances import Disposition
from hilum.domain.levels import Level
from hilum.domain.occupancy import DataFolderInUse, Hold
from tests.contract.index.engines import Engine, engine_of, postgres_database, server, url_of
from tests.contract.index.kept import a_kept, scope, uids
from tests.engines import Own, own


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with engine_of("postgres", tmp_path) as made:
        yield made


@pytest.fixture
def private() -> Iterator[Own]:
    with own("postgres") as started:
        yield started


async def test_an_index_outlives_its_server_being_killed_twice(private: Own) -> None:
    migrate(private.address)
    async with SqlIndex(private.address) as index:
        acknowledged = []
        for turn in range(3):
            for number in range(5):
                await index.commit([a_kept(uids(turn, number))])
                acknowledged.append(uids(turn, number))
            if turn < 2:
                private.kill()
                for ask in (index.ping, index.counts, lambda: index.commit([a_kept(uids(9))])):
                    with pytest.raises(ArchiveUnavailable, match="cannot be reached"):
                        await ask()
                private.start()
                # All connections are new, and the first question of each is answered.
                answers = await asyncio.gather(*(index.counts() for _ in range(12)))
                assert {each.instances for each in answers} == {len(acknowledged)}

        assert len(await index.feed(0, 100)) == len(acknowledged) == 15
        assert await index.maintenance.check_integrity() == []


async def test_connections_that_the_server_closed_meanwhile_are_noticed_before_use(
    engine: Engine,
) -> None:
    async with engine.open(readers=1) as index:
        await index.commit([a_kept()])
        await index.counts()
        _end_all_sessions(engine)

        assert (await index.counts()).instances == 1
        assert (await index.commit([a_kept(uids(2))]))[0].disposition is Disposition.CREATED
        assert await index.ping()


def _end_all_sessions(engine: Engine) -> None:
    with psycopg.connect(server(), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            (engine.url.rsplit("/", 1)[1],),
        )


async def test_a_connection_that_is_lost_in_the_middle_leaves_nothing(engine: Engine) -> None:
    lane = Lane([Writer("writer", engine.dialect)], 10)
    lane.start()

    def lose(connection: Connection) -> None:
        connection.execute("UPDATE counter SET value = 77")
        _end_all_sessions(engine)
        connection.execute("UPDATE counter SET value = 78")

    with pytest.raises(ArchiveUnavailable, match="cannot be reached"):
        await lane.run(lose)
    values = await lane.run(lambda each: each.execute("SELECT value FROM counter").fetchall())
    assert {value for (value,) in values} == {0}
    await lane.close()


@pytest.mark.parametrize(
    ("state", "fact", "said"),
    [
        ("53100", ArchiveFull, "no space"),
        ("53200", ArchiveUnavailable, "memory"),
        ("53300", ArchiveUnavailable, "max_connections"),
        ("55P03", ArchiveUnavailable, "locked"),
        ("25006", ArchiveUnavailable, "read-only"),
        ("42P01", ArchiveUnavailable, "hilum migrate"),
        ("42501", ArchiveUnavailable, "owner"),
        ("58030", ArchiveUnavailable, "disk"),
        ("XX001", ArchiveUnavailable, "damaged"),
        ("57P01", ArchiveUnavailable, "cannot be reached"),
    ],
)
async def test_what_the_server_says_becomes_a_fact(
    engine: Engine, state: str, fact: type[Exception], said: str
) -> None:
    lane = Lane([Reader("reader", engine.dialect, 5)], 10)
    lane.start()

    with pytest.raises(fact, match=said):
        await lane.run(
            lambda connection: connection.execute(
                f"DO $$ BEGIN RAISE 'Doe^John' USING ERRCODE = '{state}'; END $$"
            )
        )

    assert await lane.run(lambda each: each.execute("SELECT 1").fetchone()) == (1,)
    await lane.close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: url.replace("127.0.0.1", "127.0.0.9"), "cannot be reached"),
        (lambda url: url.rsplit("/", 1)[0] + "/there_is_none", "no such database"),
        (lambda url: url.replace("postgres:", "nobody:"), "no such user"),
        (lambda url: url + "?schema=elsewhere", "hilum migrate"),
    ],
    ids=["host", "database", "user", "schema"],
)
async def test_a_wrong_url_is_told_in_one_line_without_its_password(
    engine: Engine, change: object, said: str
) -> None:
    url = change(engine.url.replace("@", ":sEcReT@"))  # type: ignore[operator]

    with pytest.raises(ArchiveUnavailable, match=said) as caught:
        await SqlIndex(url).open()

    assert "sEcReT" not in str(caught.value)
    assert "127.0.0" not in str(caught.value)  # clients read it
    (place,) = caught.value.__notes__
    assert f"{urlsplit(url).hostname}:{urlsplit(url).port}" in place
    assert f"database {urlsplit(url).path[1:]};" in place
    assert "sEcReT" not in place
    assert "sEcReT" not in repr(dialect_for(url))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:sEcReT%zz@127.0.0.1:1/db",
        "postgresql://me:sEcReT with spaces@127.0.0.1:1/db",
        "postgresql://me:sEcReT@[::1/db",
        "postgresql://me:sEcReT@127.0.0.1:1/db?unheard-of=1",
        "postgresql://me:sEcReT@127.0.0.1:port/db",
        "postgresql://me:sEcReT@127.0.0.1:99999/db",
        "postgresql://me:sEcReT@127.0.0.1:1/db?sslmode=unheard-of",
        "postgresql://me:sEcReT@127.0.0.1:1/db?connect_timeout=soon",
        "postgresql://me:sEcReT@127.0.0.1:1/db?target_session_attrs=unheard-of",
    ],
)
def test_a_url_that_cannot_be_read_is_told_in_one_line_without_its_password(url: str) -> None:
    with pytest.raises(ArchiveUnavailable) as caught:
        migrate(url)

    assert "database.url" in str(caught.value)
    assert "\n" not in str(caught.value)
    told = "".join(traceback.format_exception(caught.value))
    assert "sEcReT" not in told.replace(url, "")


def test_a_schema_that_is_no_name_is_refused() -> None:
    with pytest.raises(ArchiveUnavailable, match="letters"):
        dialect_for('postgresql://host/db?schema=x"; DROP')


async def test_a_value_that_no_row_can_hold_fails_alone(engine: Engine) -> None:
    async with engine.open() as index:
        batch = [
            a_kept(uids(1)),
            a_kept(uids(2), StudyDescription="a\0b"),
            a_kept(uids(3), PatientID="".join(chr(0x4E00 + n * 7 % 20000) for n in range(9000))),
            a_kept(uids(4), instance_keys={"Rows": 2**70}),
            a_kept(uids(5), instance_keys={"ContentDate": "\ud800"}),
            a_kept(uids(6)),
        ]

        committed = await index.commit(batch)

        assert [type(each.error) for each in committed] == [
            type(None), NotIndexable, NotIndexable, NotIndexable, NotIndexable, type(None)
        ]  # fmt: skip
        assert (await index.counts()).instances == 2
        assert await index.maintenance.check_integrity() == []


async def test_large_metadata_is_read_no_further_than_wanted(engine: Engine) -> None:
    async with engine.open() as index:
        await index.commit([a_kept(uids(1, 1, number)) for number in range(50)])
        here = scope(uids(), Level.STUDY)

        some = await index.metadata(here, 0, 100, limit_bytes=30_000)
        again = await index.metadata(here, some[-1].key, 100)

        assert (len(some), len(again)) == (3, 47)  # of 12,345 bytes each


async def test_who_wants_the_database_alone_and_who_does_not_keep_each_other_out(
    engine: Engine,
) -> None:
    assert not is_in_use(engine.url)
    async with engine.open(), engine.open():
        assert is_in_use(engine.url)
        with pytest.raises(DataFolderInUse, match="in use"):
            await engine.open(hold=Hold.EXCLUSIVE).open()
        with pytest.raises(DataFolderInUse, match="in use"), IndexSchema(engine.url):
            pass
        engine.execute("UPDATE alembic_version SET version_num = '0001'")
        with pytest.raises(DataFolderInUse, match="in use"):
            migrate(engine.url)
        engine.execute(f"UPDATE alembic_version SET version_num = '{head()}'")
    async with engine.open(hold=Hold.EXCLUSIVE) as alone:
        await alone.ping()
        with pytest.raises(DataFolderInUse, match="being rebuilt"):
            await engine.open().open()
    async with engine.open() as after:
        await after.ping()


async def test_a_schema_made_anew_takes_the_place_of_the_former(engine: Engine) -> None:
    async with engine.open() as index:
        await index.commit([a_kept()])
    with IndexSchema(engine.url) as beside:
        assert beside.exists()
        for _ in range(2):  # one was interrupted
            beside.clear_fresh()
            migrate(beside.fresh_url)
        async with SqlIndex(beside.fresh_url, hold=None) as fresh:
            await fresh.commit([a_kept(uids(2)), a_kept(uids(3))])
        assert beside.swap() == "schema hilum_before_rebuild"

    async with engine.open() as index:
        assert (await index.counts()).studies == 2
        await index.commit([a_kept(uids(4))])
        assert await index.maintenance.check_integrity() == []
    async with SqlIndex(f"{engine.url}?schema=hilum_before_rebuild") as former:
        assert (await former.counts()).studies == 1


async def test_several_archives_may_share_one_database(engine: Engine) -> None:
    second = f"{engine.url}?schema=second"
    assert current(second) is None
    assert migrate(second)
    async with engine.open() as index, SqlIndex(second) as other:
        await index.commit([a_kept()])
        assert (await other.counts()).instances == 0
        assert await other.feed_id() != await index.feed_id()


def test_a_database_of_another_encoding_is_refused() -> None:
    with postgres_database("template0") as url:
        name = url.rsplit("/", 1)[1]
        with psycopg.connect(server(), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}"')
            connection.execute(
                f"CREATE DATABASE \"{name}\" ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
            )
        with (
            pytest.raises(ArchiveUnavailable, match="UTF8"),
            closing(dialect_for(url_of(name)).connect_writer()),
        ):
            pass


def test_sqlite_needs_no_library_of_postgresql() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from hilum.adapters.database.sql_index import SqlIndex\n"
        "import hilum.bootstrap.serving\n"
        "SqlIndex('sqlite:////tmp/x/index.sqlite')\n"
        "try:\n    SqlIndex('postgresql://host/db')\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("ArchiveUnavailable")
    assert "pip install 'hilum[postgres]'" in done.stdout
