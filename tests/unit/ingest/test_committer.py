"""Batches form by themselves, are bounded, and one bad item spoils no other."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from hilum.domain.errors import ArchiveUnavailable, NotIndexable, ShuttingDown
from hilum.domain.instances import Disposition, Kept
from hilum.domain.records import Committed
from hilum.ingest.committer import Committer
from tests.instances import an_instance
from tests.twins import MemoryIndex
from tests.unit.ingest.houses import a_house, an_arrival


async def _kept(count: int) -> list[Kept]:
    """So many different instances, ready to be committed."""
    async with a_house() as house:
        await asyncio.gather(*(house.ingest(an_arrival(an_instance())) for _ in range(count)))
        return [row.kept for row in house.index.rows.values()]


async def test_what_is_ready_while_a_batch_is_written_becomes_the_next_batch() -> None:
    index = MemoryIndex()
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        reached.set()
        await go_on.wait()

    index.before_commit = hold
    async with Committer(index) as committer:
        first, *others = await _kept(20)
        tasks = [asyncio.create_task(committer.commit(first))]
        await reached.wait()
        tasks += [asyncio.create_task(committer.commit(kept)) for kept in others]
        await asyncio.sleep(0)
        go_on.set()
        committed = await asyncio.gather(*tasks)

    assert index.batches == [1, 19]
    assert {one.disposition for one in committed} == {Disposition.CREATED}


async def test_a_batch_has_bounds_in_instances_and_in_bytes() -> None:
    many = await _kept(10)
    index = MemoryIndex()
    async with Committer(index, batch_instances=4) as committer:
        await asyncio.gather(*(committer.commit(kept) for kept in many))
    assert index.batches == [4, 4, 2]

    index = MemoryIndex()
    async with Committer(index, batch_bytes=1) as committer:
        await asyncio.gather(*(committer.commit(kept) for kept in many))
    assert index.batches == [1] * 10


async def test_no_more_wait_in_the_queue_than_allowed() -> None:
    many = await _kept(10)
    index = MemoryIndex()
    async with Committer(index, queue_instances=3) as committer:
        await asyncio.gather(*(committer.commit(kept) for kept in many))

    assert sum(index.batches) == 10
    assert max(index.batches) <= 3


@pytest.mark.parametrize("error", [RuntimeError("a bug"), NotIndexable("no row can hold it")])
async def test_a_poisoned_item_fails_alone(error: Exception) -> None:
    many = await _kept(9)
    index = MemoryIndex(poison=lambda kept: error if kept is many[4] else None)
    async with Committer(index) as committer:
        results = await asyncio.gather(
            *(committer.commit(kept) for kept in many), return_exceptions=True
        )

    assert results[4] is error
    assert len(index.rows) == 8
    assert all(isinstance(result, Committed) for result in results[:4] + results[5:])


async def test_an_item_that_the_engine_reports_as_failed_raises_its_error() -> None:
    error = NotIndexable("no row can hold it")
    (kept,) = await _kept(1)

    class Reporting(MemoryIndex):
        async def commit(self, batch: Sequence[Kept]) -> Sequence[Committed]:
            return [Committed(Disposition.FAILED, one.version, error) for one in batch]

    async with Committer(Reporting()) as committer:
        with pytest.raises(NotIndexable):
            await committer.commit(kept)


async def test_an_outage_fails_the_whole_batch_once_and_heals() -> None:
    many = await _kept(5)
    index = MemoryIndex(fault=ArchiveUnavailable("locked"))
    calls = 0

    async def count() -> None:
        nonlocal calls
        calls += 1

    index.before_commit = count
    async with Committer(index) as committer:
        results = await asyncio.gather(
            *(committer.commit(kept) for kept in many), return_exceptions=True
        )
        assert results == [index.fault] * 5
        assert calls == 1
        assert committer.alive

        index.fault = None
        assert (await committer.commit(many[0])).disposition is Disposition.CREATED


async def test_closing_commits_what_was_handed_in_and_refuses_the_rest() -> None:
    many = await _kept(3)
    index = MemoryIndex()
    async with Committer(index, batch_instances=1) as committer:
        tasks = [asyncio.create_task(committer.commit(kept)) for kept in many]
        await asyncio.sleep(0)
    assert [(await task).disposition for task in tasks] == [Disposition.CREATED] * 3
    assert not committer.alive

    with pytest.raises(ShuttingDown):
        await committer.commit(replace(many[0]))


async def test_a_cancelled_caller_does_not_stop_the_batch() -> None:
    many = await _kept(3)
    index = MemoryIndex()
    async with Committer(index) as committer:
        tasks = [asyncio.create_task(committer.commit(kept)) for kept in many]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.wait(tasks)

    assert len(index.rows) == 3


async def test_a_killed_committer_tells_everybody_who_waits() -> None:
    many = await _kept(4)
    index = MemoryIndex()
    reached = asyncio.Event()

    async def hang() -> None:
        reached.set()
        await asyncio.Event().wait()

    index.before_commit = hang
    committer = Committer(index, batch_instances=2)
    await committer.__aenter__()
    tasks = [asyncio.create_task(committer.commit(kept)) for kept in many]
    await reached.wait()
    (running,) = [task for task in asyncio.all_tasks() if task.get_name() == "hilum-committer"]
    running.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(result) for result in results] == [ShuttingDown] * 4
    assert not committer.alive
