"""Readers beside the writer, writers in several processes, and processes that are killed."""

import asyncio
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process

import pytest

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.errors import ShuttingDown
from hilum.domain.levels import Level
from hilum.domain.queries import Query
from tests.contract.index.engines import Engine
from tests.contract.index.kept import a_kept, scope, uids

SIZE = 7


async def writer(engine: Engine, study: int, batches: int) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.contract.index.writer_process",
        engine.url, str(study), str(batches), str(SIZE), stdout=PIPE,
    )  # fmt: skip


async def test_a_reader_sees_whole_batches_only(index: SqlIndex) -> None:
    async def write() -> None:
        for number in range(40):
            await index.commit([a_kept(uids(1, 1, number * SIZE + at)) for at in range(SIZE)])

    async def read() -> None:
        while True:
            summary = await index.summary(scope(uids(), Level.STUDY))
            rows = await index.instances(scope(uids(), Level.STUDY), 0, 1000)
            assert len(rows) % SIZE == 0
            assert summary is None or summary.instances % SIZE == 0
            if len(rows) == 40 * SIZE:
                return

    await asyncio.gather(write(), *(read() for _ in range(3)))


async def test_what_a_commit_returned_from_is_seen_by_every_later_question(index: SqlIndex) -> None:
    for number in range(50):
        await index.commit([a_kept(uids(number))])
        answers = await asyncio.gather(
            *(index.summary(scope(uids(number), Level.STUDY)) for _ in range(8))
        )
        assert None not in answers


@pytest.mark.slow
async def test_two_processes_write_into_one_index(index: SqlIndex, engine: Engine) -> None:
    processes = [await writer(engine, study, 20) for study in (1, 2)]
    for number in range(20):
        versions = await index.reserve_versions(SIZE)
        await index.commit(
            [a_kept(uids(3, 1, number * SIZE + at), version=v) for at, v in enumerate(versions)]
        )
    for process in processes:
        await process.communicate()
        assert process.returncode == 0

    counts = await index.counts()
    entries = await index.feed(0, 10_000)
    assert (counts.studies, counts.instances) == (3, 3 * 20 * SIZE)
    assert len({each.version for each in entries}) == len(entries) == 3 * 20 * SIZE


async def killed(engine: Engine, study: int, after: int) -> int:
    """Kill a writing process once it acknowledged `after` batches; how many it had by then."""
    process = await writer(engine, study, 10_000)
    assert process.stdout is not None
    for _ in range(after):
        assert await process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    rest = await process.stdout.read()
    assert await process.wait() == -signal.SIGKILL
    return after + len(rest.splitlines())


async def check_after_kills(engine: Engine, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    for study in range(rounds):
        acknowledged = await killed(engine, study, chance.randint(1, 40))
        async with engine.open() as index:
            rows = await index.instances(scope(uids(study), Level.STUDY), 0, 100_000)
            assert len(rows) % SIZE == 0, "half a batch is visible"
            assert acknowledged <= len(rows) // SIZE <= acknowledged + 1
            assert await index.maintenance.check_integrity() == []
            (version,) = await index.reserve_versions(1)
            (kept,) = await index.commit([a_kept(uids(1000 + study), version=version)])
            assert kept.error is None


async def test_a_killed_process_leaves_all_it_acknowledged(engine: Engine) -> None:
    await check_after_kills(engine, rounds=1, seed=1)


@pytest.mark.slow
async def test_many_killed_processes_leave_all_they_acknowledged(engine: Engine) -> None:
    await check_after_kills(engine, rounds=10, seed=2)


async def test_a_caller_that_goes_away_leaves_a_whole_commit(index: SqlIndex) -> None:
    tasks = [
        asyncio.create_task(index.commit([a_kept(uids(n, 1, at)) for at in range(SIZE)]))
        for n in range(30)
    ]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    rows = (await index.search(Query(Level.STUDY))).rows
    assert {row.computed["NumberOfStudyRelatedInstances"] for row in rows} == {SIZE}
    assert len(rows) >= 15


async def test_closing_finishes_what_was_asked_for_and_refuses_more(engine: Engine) -> None:
    index = engine.open()
    await index.open()
    commits = [asyncio.create_task(index.commit([a_kept(uids(n))])) for n in range(20)]
    await asyncio.sleep(0)

    await index.close()
    await index.close()

    assert [len(await commit) for commit in commits] == [1] * 20
    with pytest.raises(ShuttingDown):
        await index.summary(scope(uids(), Level.STUDY))
    async with engine.open() as again:
        assert (await again.counts()).studies == 20
