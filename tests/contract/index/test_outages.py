"""SQLite in trouble: typed errors, nothing half kept, and recovery without a restart."""

import asyncio
import os
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hilum.adapters.database.connections import Connection
from hilum.adapters.database.lanes import Lane, Reader, Writer
from hilum.adapters.database.sql_index import SqlIndex
from hilum.adapters.database.sqlite import SqliteDialect
from hilum.domain.errors import ArchiveFull, ArchiveUnavailable, QueryTooCostly, ShuttingDown
from hilum.domain.levels import Level
from hilum.domain.maintenance import ProblemKind
from hilum.domain.queries import Condition, Like, Query
from tests.contract.index.engines import Engine, make_engine
from tests.contract.index.kept import ORIGIN, a_kept, scope, uids

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
LARGE = {"StudyDescription": "x" * 4000}


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return make_engine("sqlite", tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for little more than an empty index."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False).returncode != 0:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_locked_database_is_unavailable_to_writers_until_it_is_released(
    engine: Engine,
) -> None:
    async with engine.open(busy_seconds=0.05) as index:
        other = sqlite3.connect(engine.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(ArchiveUnavailable, match="locked"):
            await index.commit([a_kept()])
        with pytest.raises(ArchiveUnavailable):
            await index.ping()
        assert await index.summary(scope(uids(), Level.STUDY)) is None

        other.execute("ROLLBACK")
        other.close()
        assert (await index.commit([a_kept()]))[0].error is None
        assert await index.maintenance.check_integrity() == []


async def test_a_full_disk_refuses_a_batch_whole_and_takes_it_when_there_is_room(
    small_disk: Path,
) -> None:
    engine = make_engine("sqlite", small_disk)
    ballast = small_disk / "ballast"
    async with engine.open() as index:
        await index.commit([a_kept()])
        ballast.write_bytes(bytes(_free_bytes(small_disk) - 100_000))
        batch = [a_kept(uids(2, 1, n), **LARGE) for n in range(100)]  # type: ignore[arg-type]

        for _ in range(2):
            with pytest.raises(ArchiveFull):
                await index.commit(batch)
            assert await index.summary(scope(uids(2), Level.STUDY)) is None
            assert await index.summary(scope(uids(), Level.STUDY)) is not None

        ballast.unlink()
        assert {each.error for each in await index.commit(batch)} == {None}
        assert await index.maintenance.check_integrity() == []
        assert len(await index.feed(0, 1000)) == 101


def _free_bytes(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


async def test_a_read_only_disk_is_unavailable_and_heals(small_disk: Path) -> None:
    engine = make_engine("sqlite", small_disk)
    writing = Lane([Writer("writer", SqliteDialect(engine.path))], 10)
    writing.start()
    _remount(small_disk, "ro")
    try:
        with pytest.raises(ArchiveUnavailable):
            await writing.run(_a_write)
        with pytest.raises(ArchiveUnavailable):
            await engine.open().open()
    finally:
        _remount(small_disk, "rw")

    assert await writing.run(_a_write) == 1
    await writing.close()
    async with engine.open() as index:
        assert (await index.commit([a_kept()]))[0].error is None


def _remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


def _a_write(connection: Connection) -> int:
    return connection.execute(
        "UPDATE counter SET value = value + 1 WHERE name = 'version'"
    ).rowcount


@pytest.mark.parametrize(
    ("ruin", "said"),
    [
        (lambda path: path.write_bytes(b"no database " * 1000), "no SQLite database"),
        (lambda path: path.unlink(), "migrate"),
        (lambda path: path.write_bytes(b""), "migrate"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot be opened"),
    ],
    ids=["garbage", "nothing", "an empty file", "a folder"],
)
async def test_what_is_no_archive_is_told_when_it_is_opened(
    engine: Engine, ruin: Callable[[Path], object], said: str
) -> None:
    ruin(engine.path)

    with pytest.raises(ArchiveUnavailable, match=said):
        await engine.open().open()


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArchiveUnavailable, match="cannot be opened"):
        await SqlIndex(f"sqlite:///{tmp_path}/nowhere/index.sqlite").open()


async def test_damaged_pages_are_told_and_the_rest_goes_on(engine: Engine) -> None:
    async with engine.open() as index:
        await index.commit([a_kept(uids(1, 1, n), **LARGE) for n in range(300)])  # type: ignore[arg-type]
    _damage_the_table(engine.path, "description")

    async with engine.open() as index:
        with pytest.raises(ArchiveUnavailable, match="damaged"):
            await index.metadata(scope(uids(), Level.STUDY), 0, 1000)

        (problem, *_) = await index.maintenance.check_integrity()
        assert problem.kind is ProblemKind.DAMAGED_FILE
        assert await index.summary(scope(uids(), Level.STUDY)) is not None


def _damage_the_table(path: Path, table: str) -> None:
    connection = sqlite3.connect(path)
    (page,) = connection.execute(
        "SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)
    ).fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


async def test_a_question_without_end_is_stopped_and_the_next_is_answered(engine: Engine) -> None:
    reading = Lane([Reader("reader", SqliteDialect(engine.path), 0.05)], 10)
    reading.start()

    with pytest.raises(QueryTooCostly):
        await reading.run(lambda connection: connection.execute(ENDLESS).fetchone())

    assert await reading.run(lambda connection: connection.execute("SELECT 7").fetchone()) == (7,)
    await reading.close()


async def test_a_search_that_takes_too_long_is_stopped(engine: Engine) -> None:
    async with engine.open(limit_seconds=0) as index:
        for start in range(5):
            await index.commit(
                [a_kept(uids(start * 400 + n), StudyDescription="x") for n in range(400)]
            )
        (holds, fails) = (Condition("StudyDescription", Level.STUDY, Like(f"*{x}*")) for x in "xy")

        with pytest.raises(QueryTooCostly):
            await index.search(Query(Level.STUDY, (*[holds] * 10, fails)))


async def test_a_reader_cannot_write(engine: Engine) -> None:
    reading = Lane([Reader("reader", SqliteDialect(engine.path), 5)], 10)
    reading.start()

    with pytest.raises(ArchiveUnavailable):
        await reading.run(_a_write)

    await reading.close()


async def test_too_many_waiting_calls_are_refused(engine: Engine) -> None:
    lane = Lane([Writer("writer", SqliteDialect(engine.path))], max_waiting=2)
    lane.start()
    started, go_on = threading.Event(), threading.Event()

    def hold(_connection: Connection) -> None:
        started.set()
        go_on.wait(10)

    held = asyncio.create_task(lane.run(hold))
    await asyncio.to_thread(started.wait, 10)
    waiting = [asyncio.create_task(lane.run(_a_write)) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(ArchiveUnavailable, match="too many"):
        await lane.run(_a_write)

    go_on.set()
    await held
    assert [await each for each in waiting] == [1, 1]
    await lane.close()
    with pytest.raises(ShuttingDown):
        await lane.run(_a_write)


async def test_a_failing_transaction_leaves_nothing(engine: Engine) -> None:
    async with engine.open() as index:
        await index.commit([a_kept()])
        engine.execute("DROP TABLE deletion")

        with pytest.raises(ArchiveUnavailable):
            await index.delete(scope(uids(), Level.STUDY), ORIGIN)

        assert len(await index.instances(scope(uids(), Level.STUDY), 0, 10)) == 1
        assert len(await index.feed(0, 10)) == 1


async def test_a_slow_search_does_not_hold_up_look_ups(engine: Engine) -> None:
    started, go_on = threading.Event(), threading.Event()

    def hold(_connection: Connection) -> None:
        started.set()
        go_on.wait(10)

    async with engine.open(readers=1) as index:
        await index.commit([a_kept()])
        searching = asyncio.create_task(index._read(hold))
        await asyncio.to_thread(started.wait, 10)
        try:
            async with asyncio.timeout(5):
                assert await index.summary(scope(uids(), Level.STUDY)) is not None
                assert len(await index.instances(scope(uids(), Level.STUDY), 0, 10)) == 1
                assert await index.keys.find("none") is None
                await index.ping()
        finally:
            go_on.set()
            await searching


async def test_a_question_whose_caller_left_is_not_asked(engine: Engine) -> None:
    lane = Lane([Reader("reader", SqliteDialect(engine.path), 5)], 10)
    lane.start()
    started, go_on = threading.Event(), threading.Event()
    asked: list[str] = []

    def hold(_connection: Connection) -> None:
        started.set()
        go_on.wait(10)

    held = asyncio.create_task(lane.run(hold))
    await asyncio.to_thread(started.wait, 10)
    left = asyncio.create_task(lane.run(lambda _: asked.append("left")))
    stays = asyncio.create_task(lane.run(lambda _: asked.append("stays")))
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(held, stays)

    assert asked == ["stays"]
    await lane.close()


async def test_a_question_whose_turn_does_not_come_is_refused_and_not_asked(
    engine: Engine,
) -> None:
    limits: list[str] = []
    lane = Lane([Reader("reader", SqliteDialect(engine.path), 5)], 10, 0.01, limits.append)
    lane.start()
    started, go_on = threading.Event(), threading.Event()
    asked: list[str] = []

    def hold(_connection: Connection) -> str:
        started.set()
        go_on.wait(10)
        return "held"

    held = asyncio.create_task(lane.run(hold))
    await asyncio.to_thread(started.wait, 10)
    with pytest.raises(ArchiveUnavailable, match="turn"):
        await lane.run(lambda _: asked.append("late"))
    go_on.set()

    assert await held == "held", "what has begun is not given up"
    await lane.close()
    assert asked == []
    assert limits == ["database.statement_seconds"]


async def test_limits_that_calls_ran_into_are_told(engine: Engine) -> None:
    limits: list[str] = []
    reading = Lane([Reader("reader", SqliteDialect(engine.path), 0.02)], 10, limited=limits.append)
    full = Lane([Reader("none", SqliteDialect(engine.path), 5)], 0, limited=limits.append)
    reading.start()
    full.start()

    with pytest.raises(QueryTooCostly):
        await reading.run(lambda connection: connection.execute(ENDLESS).fetchone())
    with pytest.raises(ArchiveUnavailable):
        await full.run(lambda _: None)

    assert limits == ["database.statement_seconds", "database.waiting_calls"]
    await reading.close()
    await full.close()
