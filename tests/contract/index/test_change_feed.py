"""`ChangeFeed`: positions without gaps, windows of time, and what became of each entry."""

import asyncio
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hilum.adapters.database.committing import commit_batch
from hilum.adapters.database.direct import DirectCommits
from hilum.adapters.database.sql_index import SqlIndex
from hilum.adapters.database.times import now_microseconds, to_microseconds
from hilum.domain.instances import OnConflict
from hilum.domain.levels import Level
from hilum.domain.records import FeedKind
from hilum.ports.announcing import IngestionFailure
from hilum.ports.change_feed import Change, ChangeState, Window
from tests.contract.index.engines import Engine, engine_of
from tests.contract.index.kept import ORIGIN, a_kept, scope, uids

CURRENT, REPLACED, DELETED = ChangeState
NOON = to_microseconds(datetime(2024, 2, 29, 12, tzinfo=UTC))
SECOND = 1_000_000


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


def positions(changes: Iterable[Change]) -> list[int]:
    return [each.position for each in changes]


async def test_entries_about_instances_are_numbered_without_gaps(engine: Engine) -> None:
    async with engine.open() as index:
        await index.commit([a_kept(uids(1)), a_kept(uids(2))])
        await index.maintenance.start_feed_above(100)
        await announce(index)
        await index.commit([a_kept(uids(3))])
        await index.delete(scope(uids(1), Level.STUDY), ORIGIN)

        found = await index.changes.after(0, 100)

        assert [(each.position, each.kind) for each in found] == [
            (1, FeedKind.CREATED),
            (2, FeedKind.CREATED),
            (3, FeedKind.CREATED),
            (4, FeedKind.DELETED),
        ]
        entries = await index.feed(0, 100)
        assert [each.position for each in entries if each.kind.of_instance] == [1, 2, 3, 4]
        assert [each.position for each in entries if not each.kind.of_instance] == [None]


async def announce(index: SqlIndex) -> None:
    """Add an entry that is about no instance."""
    await index.delivery.ingestion_failed(
        IngestionFailure("source", "id", "reason", "fetch", "Error", "message", 1, "correlation")
    )


async def test_a_batch_that_failed_leaves_no_gap(index: SqlIndex) -> None:
    await index.commit([a_kept(uids(1))])
    poison = a_kept(uids(2), instance_keys={"ContentDate": "half a character \ud800"})
    committed = await index.commit([poison, a_kept(uids(3))])
    assert [each.error is None for each in committed] == [False, True]

    assert positions(await index.changes.after(0, 10)) == [1, 2]


async def test_a_page_begins_behind_a_position_and_ends_with_the_limit(index: SqlIndex) -> None:
    await index.commit([a_kept(uids(number)) for number in range(1, 8)])

    assert positions(await index.changes.after(2, 3)) == [3, 4, 5]
    assert positions(await index.changes.after(6, 3)) == [7]
    assert positions(await index.changes.after(7, 3)) == []
    assert positions(await index.changes.after(2**70, 3)) == []


async def test_the_state_is_that_of_the_moment_of_reading(index: SqlIndex) -> None:
    first = a_kept(uids(1))
    await index.commit([first])
    assert await states(index) == [("created", CURRENT)]

    await index.commit([a_kept(uids(1), content="other", on_conflict=OnConflict.NEW_VERSION)])
    assert await states(index) == [("created", REPLACED), ("updated", CURRENT)]

    await index.delete(scope(uids(1), Level.INSTANCE), ORIGIN)
    assert await states(index) == [
        ("created", DELETED),
        ("updated", DELETED),
        ("deleted", DELETED),
    ]

    await index.commit([a_kept(uids(1))])
    assert await states(index) == [
        ("created", REPLACED),
        ("updated", REPLACED),
        ("deleted", REPLACED),
        ("created", CURRENT),
    ]


async def states(index: SqlIndex) -> list[tuple[str, ChangeState]]:
    return [(each.kind.value, each.state) for each in await index.changes.after(0, 100)]


async def test_metadata_is_found_by_the_key_of_what_is_held_now(index: SqlIndex) -> None:
    await index.commit([a_kept(uids(1), content="one"), a_kept(uids(2))])
    await index.commit([a_kept(uids(1), content="two", on_conflict=OnConflict.NEW_VERSION)])
    await index.delete(scope(uids(2), Level.STUDY), ORIGIN)

    found = await index.changes.after(0, 10)
    keys = [each.instance_key for each in found]
    assert keys[0] == keys[2] is not None
    assert keys[1] is keys[3] is None

    (record,) = await index.changes.metadata([key for key in keys if key is not None])
    assert record.metadata.deflated.endswith(b"two")


async def test_a_window_begins_at_its_start_and_ends_before_its_end(engine: Engine) -> None:
    clock = Clock()
    async with engine.open(now=clock) as index:
        for second in range(6):
            clock.now = NOON + second * SECOND
            await index.commit([a_kept(uids(second, 1, 1)), a_kept(uids(second, 1, 2))])

        async def within(start: int | None, end: int | None, offset: int = 0) -> list[int]:
            window = Window(
                None if start is None else NOON + start, None if end is None else NOON + end
            )
            return positions(await index.changes.within(window, offset, 5))

        assert await within(SECOND, 3 * SECOND) == [3, 4, 5, 6]
        assert await within(SECOND + 1, 3 * SECOND + 1) == [5, 6, 7, 8]
        assert await within(None, SECOND) == [1, 2]
        assert await within(4 * SECOND, None) == [9, 10, 11, 12]
        assert await within(None, None) == [1, 2, 3, 4, 5]
        assert await within(SECOND, 3 * SECOND, 3) == [6]
        assert await within(SECOND, 3 * SECOND, 4) == []
        assert await within(SECOND, 3 * SECOND, 2**63) == []
        assert await within(60 * SECOND, None) == []
        assert await within(-60 * SECOND, 0) == []


async def test_a_clock_that_goes_back_does_not_take_the_feed_back(engine: Engine) -> None:
    clock = Clock()
    async with engine.open(now=clock) as index:
        await index.commit([a_kept(uids(1))])
        clock.now -= 60 * SECOND
        await index.commit([a_kept(uids(2))])
        await index.delete(scope(uids(1), Level.STUDY), ORIGIN)
        clock.now = NOON + SECOND
        await index.commit([a_kept(uids(3))])

        times = [to_microseconds(each.time) - NOON for each in await index.changes.after(0, 10)]

    assert times == [0, 0, 0, SECOND]


async def test_the_newest_entry_is_that_with_the_highest_position(index: SqlIndex) -> None:
    assert await index.changes.latest() is None
    await index.commit([a_kept(uids(1)), a_kept(uids(2))])
    await index.delete(scope(uids(1), Level.STUDY), ORIGIN)

    latest = await index.changes.latest()

    assert latest is not None
    assert (latest.position, latest.kind, latest.uids) == (3, FeedKind.DELETED, uids(1))
    assert latest.partition_name == "Microsoft.Default"


async def test_a_new_index_goes_on_above_the_positions_of_the_former(engine: Engine) -> None:
    async with engine.open() as index:
        await index.commit([a_kept(uids(number)) for number in range(3)])
        assert await index.carrying.last_position() == 3
        await index.maintenance.wipe()
        await index.carrying.raise_position_floor(2)  # never back
        assert await index.carrying.last_position() == 3

        await index.commit([a_kept(uids(9)), a_kept(uids(8))])

        assert positions(await index.changes.after(0, 10)) == [4, 5]


async def test_many_writers_at_once_number_without_gaps_and_in_order_of_time(
    engine: Engine,
) -> None:
    indexes = [engine.open(readers=1) for _ in range(3)]
    for index in indexes:
        await index.open()
    try:

        async def write(number: int, index: SqlIndex) -> None:
            for turn in range(8):
                await index.commit([a_kept(uids(number, turn, at)) for at in range(3)])

        await asyncio.gather(*(write(number, index) for number, index in enumerate(indexes)))
        found = await indexes[0].changes.after(0, 1000)
    finally:
        for index in indexes:
            await index.close()
    assert positions(found) == list(range(1, 73))
    times = [each.time for each in found]
    assert times == sorted(times)


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Engine]:
    with engine_of("postgres", tmp_path) as made:
        yield made


async def test_a_window_that_has_ended_waits_for_who_is_writing_on_postgres(
    postgres: Engine,
) -> None:
    """What is being committed has a time inside the window, and is in the answer."""
    ended = threading.Event()

    def dawdle(began: threading.Event) -> None:
        with closing(postgres.dialect.connect_writer()) as writer:
            writer.execute("BEGIN")
            commit_batch(writer, postgres.dialect, [a_kept(uids(1))], now_microseconds())
            began.set()
            time.sleep(0.3)
            ended.set()
            writer.commit()

    began = threading.Event()
    async with postgres.open() as index:
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(dawdle, began)
            await asyncio.to_thread(began.wait)
            found = await index.changes.within(Window(0, now_microseconds()), 0, 10)
            assert ended.is_set()
            writing.result()
    assert positions(found) == [1]


def test_what_waited_for_the_feed_has_the_time_at_which_it_got_it_on_postgres(
    postgres: Engine,
) -> None:
    """A transaction that began early and is late must not appear in a window that was read."""
    early = now_microseconds()
    with (
        closing(postgres.dialect.connect_writer()) as first,
        closing(postgres.dialect.connect_writer()) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        first.execute("BEGIN")
        commit_batch(first, postgres.dialect, [a_kept(uids(1))], early)
        second.execute("BEGIN")
        late = pool.submit(
            commit_batch,
            second, postgres.dialect, [a_kept(uids(2))], early, now_microseconds,
        )  # fmt: skip
        time.sleep(0.2)
        assert not late.done()
        first.commit()
        late.result(10)
        second.commit()
    rows = postgres.execute("SELECT position, time FROM feed ORDER BY position")
    assert [position for position, _ in rows] == [1, 2]
    assert rows[0][1] == early
    assert rows[1][1] >= early + 200_000


async def test_what_the_keeper_commits_has_the_time_at_which_it_got_the_feed(
    engine: Engine,
) -> None:
    with (
        closing(engine.dialect.connect_writer()) as other,
        closing(DirectCommits(engine.url)) as keeper,
    ):
        other.execute(engine.dialect.begin)
        engine.dialect.lock_feed(other)
        waiting = asyncio.create_task(asyncio.to_thread(keeper.commit, [a_kept(uids(1))]))
        await asyncio.sleep(0.2)
        freed = now_microseconds()
        other.rollback()
        await waiting
    assert [time >= freed for (time,) in engine.execute("SELECT time FROM feed")] == [True]
