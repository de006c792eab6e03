"""From the body of a request to the pipeline: order, bounds, and what is left when it breaks."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Never

import pytest

from hilum.adapters.storage.spool import DiskSpool
from hilum.domain.errors import ArchiveFull, LimitExceeded, MalformedBody
from hilum.domain.instances import (
    Arrival,
    Disposition,
    InMemory,
    Outcome,
    Spooled,
    StorePolicy,
    Version,
)
from hilum.domain.origins import Door, Origin
from hilum.foundation.memory import MemoryBudget
from hilum.inbound.dicomweb.intake import Ingest, Intake, StowLimits
from hilum.ports.objects import Spool
from hilum.wire.multipart_related import MultipartLimits, parse_content_type
from tests.instances import a_multipart

MULTIPART = parse_content_type("multipart/related; boundary=B")
ORIGIN = Origin(Door.STOW, "c-1")
POLICY = StorePolicy("standard")
LIMITS = StowLimits(memory_part_bytes=1000, concurrent_instances=3)


def data_of(arrival: Arrival) -> bytes:
    content = arrival.content
    return content.data if isinstance(content, InMemory) else content.path.read_bytes()


class Keeper:
    """An ingest that keeps what it gets, when the test lets it."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.kinds: list[type] = []
        self.running = 0
        self.most_running = 0
        self.started = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, arrival: Arrival) -> Outcome:
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        self.started.set()
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
            data = data_of(arrival)
            self.kinds.append(type(arrival.content))
            self.kept.append(data)
            return Outcome(Disposition.CREATED, version=Version(len(data)))
        finally:
            self.running -= 1


class FullSpool:
    """A spool on a full disk: no file can be made."""

    def create(self) -> Never:
        raise ArchiveFull("No space is left.")


async def chunks(body: bytes, size: int = 300) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]
        await asyncio.sleep(0)


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[DiskSpool]:
    async with DiskSpool(tmp_path, reserve_bytes=0) as spool:
        yield spool


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.isdecimal()]


def intake(ingest: Ingest, spool: Spool, limits: StowLimits = LIMITS) -> Intake:
    return Intake(ingest, spool, limits, ORIGIN, POLICY)


def sized(*sizes: int) -> list[bytes]:
    return [bytes([65 + number % 26]) * size for number, size in enumerate(sizes)]


def sizes_of(outcomes: Iterable[Outcome]) -> list[int | None]:
    return [outcome.version for outcome in outcomes]


async def test_outcomes_are_in_the_order_of_the_parts_whatever_finishes_first(
    spool: DiskSpool,
) -> None:
    finish: dict[int, asyncio.Event] = {size: asyncio.Event() for size in (1, 2, 3)}
    order: list[int] = []

    async def ingest(arrival: Arrival) -> Outcome:
        size = arrival.content.size_bytes
        await finish[size].wait()
        order.append(size)
        finish.get(size - 1, asyncio.Event()).set()
        return Outcome(Disposition.CREATED, version=Version(size))

    async with intake(ingest, spool) as taking:
        await taking.read_parts(chunks(a_multipart(*sized(1, 2, 3))), MULTIPART)
        finish[3].set()
        outcomes = await taking.outcomes()

    assert order == [3, 2, 1]
    assert sizes_of(outcomes) == [1, 2, 3]


async def test_no_more_is_read_while_as_many_instances_as_allowed_are_being_kept(
    spool: DiskSpool,
) -> None:
    keeper = Keeper()
    keeper.gate.clear()
    body = a_multipart(*sized(*[500] * 20))
    taken = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal taken
        async for chunk in chunks(body):
            taken += len(chunk)
            yield chunk

    async with intake(keeper, spool) as taking:
        reading = asyncio.create_task(taking.read_parts(counted(), MULTIPART))
        for _ in range(200):
            await asyncio.sleep(0)
        while_full = taken
        keeper.gate.set()
        await reading
        outcomes = await taking.outcomes()

    assert keeper.most_running == LIMITS.concurrent_instances
    assert while_full < 5 * 600 + 300
    assert taken == len(body)
    assert sizes_of(outcomes) == [500] * 20


async def test_small_instances_stay_in_memory_and_large_ones_go_to_the_spool(
    spool: DiskSpool, tmp_path: Path
) -> None:
    keeper = Keeper()
    instances = sized(1000, 1001, 700_000, 0)

    one = StowLimits(memory_part_bytes=1000, concurrent_instances=1)
    async with intake(keeper, spool, one) as taking:
        await taking.read_parts(chunks(a_multipart(*instances), 65_536), MULTIPART)
        await taking.outcomes()

    assert keeper.kinds == [InMemory, Spooled, Spooled, InMemory]
    assert keeper.kept == instances
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("size", [0, 999, 1001, 700_000])
async def test_a_single_instance_is_taken_in_any_size(spool: DiskSpool, size: int) -> None:
    keeper = Keeper()

    async with intake(keeper, spool) as taking:
        await taking.read_single(chunks(b"x" * size, 65_536))
        outcomes = await taking.outcomes()

    assert keeper.kept == [b"x" * size]
    assert sizes_of(outcomes) == [size]


async def test_a_full_spool_fails_the_large_instance_and_not_the_others() -> None:
    keeper = Keeper()

    async with intake(keeper, FullSpool()) as taking:
        await taking.read_parts(chunks(a_multipart(*sized(10, 5000, 20))), MULTIPART)
        outcomes = await taking.outcomes()

    assert [outcome.disposition for outcome in outcomes] == [
        Disposition.CREATED,
        Disposition.FAILED,
        Disposition.CREATED,
    ]
    assert isinstance(outcomes[1].error, ArchiveFull)
    assert sizes_of(outcomes) == [10, None, 20]


@pytest.mark.parametrize("size", [3_000_000, 5_000], ids=["while-writing", "at-the-end"])
async def test_a_disk_that_fills_up_while_spooling_leaves_no_file(
    tmp_path: Path, size: int
) -> None:
    keeper = Keeper()
    everything = 1 << 62

    async with (
        DiskSpool(tmp_path, reserve_bytes=everything) as spool,
        intake(keeper, spool) as taking,
    ):
        await taking.read_parts(chunks(a_multipart(*sized(size, 20)), 65_536), MULTIPART)
        outcomes = await taking.outcomes()
        left = files_in(tmp_path)

    assert [type(outcome.error) for outcome in outcomes] == [ArchiveFull, type(None)]
    assert left == []


async def test_a_body_that_breaks_off_leaves_what_was_complete_and_nothing_else(
    spool: DiskSpool, tmp_path: Path
) -> None:
    keeper = Keeper()
    instances = sized(10, 5000, 600_000)

    async def broken() -> AsyncIterator[bytes]:
        body = a_multipart(*instances)
        async for chunk in chunks(body[:500_000], 65_536):
            yield chunk
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        async with intake(keeper, spool) as taking:
            await taking.read_parts(broken(), MULTIPART)

    assert keeper.kept == instances[:2]
    assert files_in(tmp_path) == []


async def test_leaving_waits_for_what_was_handed_over(spool: DiskSpool) -> None:
    keeper = Keeper()
    keeper.gate.clear()
    body = a_multipart(*sized(10, 20))

    async def leave() -> None:
        async with intake(keeper, spool) as taking:
            await taking.read_parts(chunks(body[:-9]), MULTIPART)

    leaving = asyncio.create_task(leave())
    await keeper.started.wait()
    for _ in range(50):
        await asyncio.sleep(0)
    assert not leaving.done()
    keeper.gate.set()

    with pytest.raises(MalformedBody):
        await leaving
    assert keeper.kept == sized(10)


async def test_a_cancelled_request_does_not_wait_and_frees_the_spool(
    spool: DiskSpool, tmp_path: Path
) -> None:
    keeper = Keeper()
    keeper.gate.clear()

    async def take() -> None:
        async with intake(keeper, spool) as taking:
            body = a_multipart(*sized(*[5000] * 9))
            await taking.read_parts(chunks(body), MULTIPART)

    taking = asyncio.create_task(take())
    await keeper.started.wait()
    for _ in range(200):
        await asyncio.sleep(0)
    taking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await taking
    assert keeper.kept == []
    assert keeper.running == 0
    async with asyncio.timeout(10):
        # A write that had begun in a thread is finished there before its file goes.
        while files_in(tmp_path):  # noqa: ASYNC110 - a folder tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (MultipartLimits(parts=2), "stow.parts"),
        (MultipartLimits(part_bytes=25), "stow.part_bytes"),
        (MultipartLimits(request_bytes=150), "stow.request_bytes"),
        (MultipartLimits(part_header_bytes=10), "stow.part_header_bytes"),
    ],
)
async def test_a_limit_ends_the_request_by_its_name(
    spool: DiskSpool, limits: MultipartLimits, name: str
) -> None:
    with pytest.raises(LimitExceeded) as caught:
        async with intake(Keeper(), spool, StowLimits(limits)) as taking:
            await taking.read_parts(chunks(a_multipart(*sized(10, 20, 30)), 40), MULTIPART)

    assert caught.value.limit == name


async def test_a_single_instance_has_the_limit_of_a_part(spool: DiskSpool, tmp_path: Path) -> None:
    limits = StowLimits(MultipartLimits(part_bytes=5000), memory_part_bytes=1000)
    keeper = Keeper()

    with pytest.raises(LimitExceeded) as caught:
        async with intake(keeper, spool, limits) as taking:
            await taking.read_single(chunks(b"x" * 5001))

    assert caught.value.limit == "stow.part_bytes"
    assert keeper.kept == []
    assert files_in(tmp_path) == []


async def test_a_body_in_single_bytes_takes_no_more_memory_than_its_size(spool: DiskSpool) -> None:
    keeper = Keeper()
    body = a_multipart(*sized(60_000))
    limits = StowLimits(memory_part_bytes=1 << 20)

    async def bytewise() -> AsyncIterator[bytes]:
        for start in range(len(body)):
            yield body[start : start + 1]

    tracemalloc.start()
    try:
        async with intake(keeper, spool, limits) as taking:
            await taking.read_parts(bytewise(), MULTIPART)
            _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert keeper.kept == sized(60_000)
    assert peak < 5 * 60_000 + 200_000


async def test_requests_that_wait_together_hold_no_more_memory_than_their_budget(
    spool: DiskSpool, tmp_path: Path
) -> None:
    keeper = Keeper()
    keeper.gate.clear()
    budget = MemoryBudget(5000)
    limits = StowLimits(memory_part_bytes=1000, concurrent_instances=6)
    instances = sized(*[900] * 6)

    async def one() -> list[int | None]:
        async with Intake(keeper, spool, limits, ORIGIN, POLICY, budget) as taking:
            await taking.read_parts(chunks(a_multipart(*instances)), MULTIPART)
            return sizes_of(await taking.outcomes())

    requests = [asyncio.create_task(one()) for _ in range(4)]
    async with asyncio.timeout(10):
        while keeper.running < 24:
            await asyncio.sleep(0)
            assert budget.held_bytes <= 5000
    in_spool = len(files_in(tmp_path))
    keeper.gate.set()
    outcomes = await asyncio.gather(*requests)

    assert in_spool >= 24 - 5000 // 900
    assert keeper.kinds.count(InMemory) == 24 - in_spool > 0
    assert sorted(keeper.kept) == sorted(instances * 4)
    assert outcomes == [[900] * 6] * 4
    assert budget.held_bytes == 0
    assert files_in(tmp_path) == []


async def test_what_a_failed_spool_or_a_broken_request_held_is_given_back(
    spool: DiskSpool,
) -> None:
    budget = MemoryBudget(1 << 20)
    body = a_multipart(*sized(10, 5000, 20))

    async with Intake(Keeper(), FullSpool(), LIMITS, ORIGIN, POLICY, budget) as taking:
        await taking.read_parts(chunks(body), MULTIPART)
    with pytest.raises(MalformedBody):
        async with Intake(Keeper(), spool, LIMITS, ORIGIN, POLICY, budget) as taking:
            await taking.read_parts(chunks(body[:-300]), MULTIPART)

    assert budget.held_bytes == 0
