"""The worker that frees space: delay, retries, patience, a graceful end."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from hilum.catalogue.freeing import Freeing, FreeingOptions
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.identifiers import ObjectKey, Version
from hilum.domain.instances import InMemory
from hilum.domain.records import DueDeletion
from tests.twins import MemoryObjects

START = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = [ObjectKey(f"1/1.2/1.2.3/1.2.3.{number}.{number}.dcm") for number in range(5)]


class StillClock:
    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return 0.0


class Queue:
    """A deletion queue in a list; `emptied` is set when the last object was freed."""

    def __init__(self, *keys: ObjectKey) -> None:
        self.rows = {number: (START, key, 0) for number, key in enumerate(keys)}
        self.emptied = asyncio.Event()
        self.asked = asyncio.Event()
        self.fault: Exception | None = None

    async def due(self, now: datetime, limit: int) -> Sequence[DueDeletion]:
        self.asked.set()
        if self.fault is not None:
            raise self.fault
        rows = [
            DueDeletion(number, key, attempts)
            for number, (time, key, attempts) in self.rows.items()
            if time <= now
        ]
        return rows[:limit]

    async def freed(self, keys: Sequence[int]) -> None:
        for key in keys:
            del self.rows[key]
        if not self.rows:
            self.emptied.set()

    async def postpone(self, key: int, until: datetime) -> None:
        _, object_key, attempts = self.rows[key]
        self.rows[key] = (until, object_key, attempts + 1)


async def a_store() -> MemoryObjects:
    objects = MemoryObjects()
    for key in KEYS:
        await objects.put_once(key, InMemory(b"x"))
    return objects


async def test_what_is_due_is_freed_batch_after_batch_without_being_told() -> None:
    objects, queue = await a_store(), Queue(*KEYS)

    async with Freeing(queue, objects, StillClock(), FreeingOptions(batch_objects=2)):
        await asyncio.wait_for(queue.emptied.wait(), 10)

    assert objects.held == {}


async def test_a_delete_that_is_announced_is_freed_at_once() -> None:
    objects, queue = await a_store(), Queue()
    options = FreeingOptions(poll=timedelta(hours=1))

    async with Freeing(queue, objects, StillClock(), options) as freeing:
        await queue.asked.wait()
        queue.rows[1] = (START, KEYS[0], 0)
        freeing.due()
        await asyncio.wait_for(queue.emptied.wait(), 10)

    assert KEYS[0] not in objects.held


async def test_space_is_freed_after_the_delay_and_not_before() -> None:
    objects, queue, clock = await a_store(), Queue(KEYS[0]), StillClock()
    freeing = Freeing(queue, objects, clock, FreeingOptions(delay=timedelta(days=3)))

    clock.time = START + timedelta(days=2, hours=23)
    assert await freeing.free_due() == 0
    clock.time = START + timedelta(days=3)
    assert await freeing.free_due() == 1

    assert KEYS[0] not in objects.held


async def test_a_failure_is_tried_again_later_and_later_but_never_given_up() -> None:
    objects, queue, clock = await a_store(), Queue(KEYS[0]), StillClock()
    objects.fault = ArchiveUnavailable("The disk does not answer.")
    options = FreeingOptions(retry=timedelta(seconds=10), maximum_retry=timedelta(seconds=60))
    freeing = Freeing(queue, objects, clock, options)

    waits = []
    for _ in range(5):
        await freeing.free_due()
        waits.append((queue.rows[0][0] - clock.time).total_seconds())
        clock.time = queue.rows[0][0]
    objects.fault = None
    await freeing.free_due()

    assert waits == [10, 20, 40, 60, 60]
    assert queue.rows == {}


async def test_an_object_that_cannot_be_freed_does_not_hold_up_the_others() -> None:
    class Stubborn(MemoryObjects):
        async def delete(self, key: ObjectKey) -> None:
            if key == KEYS[0]:
                raise ArchiveUnavailable("This one does not go.")
            await super().delete(key)

    objects, queue = Stubborn(), Queue(*KEYS)

    await Freeing(queue, objects, StillClock()).free_due()

    assert [key for _, key, _ in queue.rows.values()] == [KEYS[0]]


@pytest.mark.parametrize("fault", [ArchiveUnavailable("locked"), RuntimeError("a bug")])
async def test_the_worker_outlives_a_queue_that_does_not_answer(fault: Exception) -> None:
    objects, queue = await a_store(), Queue(KEYS[0])
    queue.fault = fault

    async with Freeing(queue, objects, StillClock()) as freeing:
        await queue.asked.wait()
        queue.fault = None
        freeing.due()
        await asyncio.wait_for(queue.emptied.wait(), 10)


async def test_a_queue_that_stays_away_is_told_of_once_and_so_is_its_end() -> None:
    objects, queue = await a_store(), Queue(KEYS[0])
    queue.fault = ArchiveUnavailable("The archive is not available.")

    with capture_logs() as logs:
        async with Freeing(queue, objects, StillClock()) as freeing:
            for _ in range(5):
                queue.asked.clear()
                freeing.due()
                await asyncio.wait_for(queue.asked.wait(), 10)
            queue.fault = None
            freeing.due()
            await asyncio.wait_for(queue.emptied.wait(), 10)

    told = [log["event"] for log in logs if log["event"].startswith("deletion_queue")]
    assert told == ["deletion_queue_unavailable", "deletion_queue_back"]


async def test_stopping_finishes_the_object_at_hand_and_leaves_the_rest_queued() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Slow(MemoryObjects):
        async def delete(self, key: ObjectKey) -> None:
            begun.set()
            await go_on.wait()
            await super().delete(key)

    objects, queue = Slow(), Queue(*KEYS)
    worker = Freeing(queue, objects, StillClock())
    await worker.__aenter__()
    await begun.wait()

    stopping = asyncio.create_task(worker.__aexit__(None, None, None))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.wait_for(stopping, 10)

    assert len(queue.rows) == len(KEYS) - 1


class Forgetful:
    """A cache of derived objects that notes what it is to forget."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.forgotten: list[int] = []
        self.fault = fault

    async def forget(self, version: Version) -> None:
        if self.fault is not None:
            raise self.fault
        self.forgotten.append(version)


async def test_what_was_made_of_an_object_goes_with_it() -> None:
    objects, queue, derived = await a_store(), Queue(*KEYS[:3]), Forgetful()

    async with Freeing(queue, objects, StillClock(), derived=derived):
        await asyncio.wait_for(queue.emptied.wait(), 10)

    assert derived.forgotten == [0, 1, 2]


async def test_an_object_waits_for_what_was_made_of_it() -> None:
    objects, queue = await a_store(), Queue(KEYS[0])
    derived = Forgetful(ArchiveUnavailable("The disk refused it."))
    freeing = Freeing(queue, objects, StillClock(), derived=derived)

    await freeing.free_due()

    assert KEYS[0] in objects.held
    assert queue.rows[0][2] == 1
