"""PostgreSQL: several writers at once, and a feed of which a reader skips nothing."""

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hilum.adapters.database.committing import commit_batch
from hilum.adapters.database.connections import Connection, Deadline
from hilum.adapters.database.deleting import delete_scope
from hilum.adapters.database.lanes import Lane, Writer
from hilum.adapters.database.reading import read_feed, read_referenced
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.instances import Disposition, OnConflict
from hilum.domain.levels import Level
from tests.contract.index.engines import Engine, engine_of
from tests.contract.index.kept import ORIGIN, a_kept, scope, uids


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with engine_of("postgres", tmp_path) as made:
        yield made


def sequences(connection: Connection, after: int = 0) -> list[int]:
    return [entry.sequence for entry in read_feed(connection, after, 1000)]


def store(connection: Connection, engine: Engine, *batch: Any) -> None:
    commit_batch(connection, engine.dialect, batch, 1)


def write_and_end(engine: Engine, study: int, done: threading.Event) -> None:
    with closing(engine.dialect.connect_writer()) as writer:
        writer.execute("BEGIN")
        store(writer, engine, a_kept(uids(study)))
        writer.commit()
        done.set()


def test_what_began_to_announce_later_is_committed_later(engine: Engine) -> None:
    done = threading.Event()
    with (
        closing(engine.dialect.connect_writer()) as early,
        closing(engine.dialect.connect_reader(Deadline())) as reader,
        ThreadPoolExecutor(1) as pool,
    ):
        early.execute("BEGIN")
        store(early, engine, a_kept(uids(1)))
        late = pool.submit(write_and_end, engine, 2, done)

        assert not done.wait(0.5), "the later transaction overtook the earlier one"
        assert sequences(reader) == []
        early.commit()
        late.result(10)

        seen = sequences(reader)
        assert len(seen) == 2
        assert seen == sorted(seen)


def test_without_the_trigger_a_reader_would_skip_an_entry(engine: Engine) -> None:
    """So the interleaving above is one that loses entries unless something is done about it."""
    engine.execute("DROP TRIGGER feed_in_order ON feed")
    engine.execute("DROP TRIGGER feed_position ON feed")
    with (
        closing(engine.dialect.connect_writer()) as early,
        closing(engine.dialect.connect_reader(Deadline())) as reader,
    ):
        early.execute("BEGIN")
        early.execute(
            "INSERT INTO feed (time, partition_key, kind, study_instance_uid, "
            "series_instance_uid, sop_instance_uid, version, correlation_id) "
            "VALUES (1, 1, 'created', '1', '2', '3', 1, '')"
        )
        write_and_end(engine, 2, threading.Event())
        first = sequences(reader)
        early.commit()

        assert len(first) == 1
        assert sequences(reader, first[-1]) == []
        assert len(sequences(reader)) == 2


def test_a_follower_misses_nothing_of_writers_that_dawdle_and_fail(engine: Engine) -> None:
    writers, rounds = 4, 12

    def write(number: int) -> int:
        chance = random.Random(number)
        kept = 0
        with closing(engine.dialect.connect_writer()) as writer:
            for turn in range(rounds):
                writer.execute("BEGIN")
                items = [a_kept(uids(number, turn, at)) for at in range(chance.randint(1, 5))]
                store(writer, engine, *items)
                time.sleep(chance.random() / 50)
                if chance.random() < 0.2:
                    writer.rollback()
                else:
                    writer.commit()
                    kept += len(items)
        return kept

    with (
        closing(engine.dialect.connect_reader(Deadline())) as reader,
        ThreadPoolExecutor(writers) as pool,
    ):
        tasks = [pool.submit(write, number) for number in range(writers)]
        seen: list[int] = []
        while not all(task.done() for task in tasks):
            seen += sequences(reader, seen[-1] if seen else 0)
        seen += sequences(reader, seen[-1] if seen else 0)

        assert len(seen) == sum(task.result() for task in tasks)
        assert seen == sequences(reader)


async def test_processes_that_store_and_delete_the_same_never_block_each_other(
    engine: Engine,
) -> None:
    """The same studies, patients and instances from all sides, in different orders."""
    indexes = [engine.open(readers=1) for _ in range(3)]
    for index in indexes:
        await index.open()
    chance = random.Random(7)

    async def work(index: Any) -> int:
        created = 0
        for _ in range(25):
            places = [uids(study) for study in chance.sample(range(8), 5)]
            batch = [
                a_kept(place, PatientID=f"P{chance.randrange(3)}", Modality="CT",
                       content=str(chance.randrange(2)), on_conflict=OnConflict.NEW_VERSION)
                for place in places
            ]  # fmt: skip
            committed = await index.commit(batch)
            assert {each.error for each in committed} == {None}
            created += sum(each.disposition is Disposition.CREATED for each in committed)
            study = uids(chance.randrange(8))
            created -= await index.delete(scope(study, Level.STUDY), ORIGIN)
        return created

    try:
        left = sum(await asyncio.gather(*map(work, indexes)))
        assert (await indexes[0].counts()).instances == left
        assert await indexes[0].maintenance.check_integrity() == []
    finally:
        for index in indexes:
            await index.close()


def test_who_asks_whether_an_object_is_referred_to_waits_for_the_commit(engine: Engine) -> None:
    """A process that lost its connection in the middle of a commit must not remove the object."""
    item = a_kept()
    with (
        closing(engine.dialect.connect_writer()) as writer,
        closing(engine.dialect.connect_reader(Deadline())) as reader,
        ThreadPoolExecutor(1) as pool,
    ):
        writer.execute("BEGIN")
        store(writer, engine, item)
        asked = pool.submit(read_referenced, reader, engine.dialect, [item.object_key])
        time.sleep(0.3)
        assert not asked.done()
        writer.commit()

        assert asked.result(10) == {item.object_key}


async def test_a_deadlock_is_tried_again_and_a_lock_that_stays_is_told(engine: Engine) -> None:
    lane = Lane([Writer("writer", engine.dialect)], 10)
    lane.start()
    tries: list[int] = []

    def deadlocked_once(connection: Connection) -> str:
        tries.append(1)
        if len(tries) == 1:
            connection.execute("DO $$ BEGIN RAISE deadlock_detected; END $$")
        return "done"

    assert await lane.run(deadlocked_once) == "done"
    assert len(tries) == 2
    await lane.close()

    with closing(engine.dialect.connect_writer()) as other:
        other.execute("BEGIN")
        store(other, engine, a_kept())
        async with engine.open(busy_seconds=0.2) as index:
            with pytest.raises(ArchiveUnavailable, match="locked"):
                await index.commit([a_kept()])
            other.rollback()
            assert (await index.commit([a_kept()]))[0].disposition is Disposition.CREATED


def test_deleting_waits_for_a_study_that_another_is_storing_into(engine: Engine) -> None:
    with (
        closing(engine.dialect.connect_writer()) as writer,
        closing(engine.dialect.connect_writer()) as deleter,
        ThreadPoolExecutor(1) as pool,
    ):
        writer.execute("BEGIN")
        store(writer, engine, a_kept())
        deleter.execute("BEGIN")
        here = scope(uids(), Level.STUDY)
        gone = pool.submit(delete_scope, deleter, engine.dialect, here, ORIGIN, 2)
        time.sleep(0.2)
        assert not gone.done()
        writer.commit()
        assert gone.result(10) == 1
        deleter.commit()
