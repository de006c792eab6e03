"""The pipeline over disk and SQLite."""

import asyncio
import os
from pathlib import Path

import pytest

from hilum.domain.errors import LimitExceeded, UnreadableInstance
from hilum.domain.instances import Arrival, Disposition, InMemory, Spooled, StorePolicy
from hilum.domain.origins import Door, Origin
from tests.corpus import corpus, corpus_id
from tests.instances import STUDY, an_instance
from tests.integration.ingest.archives import Archive, an_archive

_POLICY = StorePolicy("minimal")
_ORIGIN = Origin(Door.IMPORT, "corpus")


async def _whole(archive: Archive, key: str) -> bytes:
    return b"".join([chunk async for chunk in archive.objects.stream(key)])  # type: ignore[arg-type]


async def test_every_file_of_the_corpus_is_kept_byte_for_byte_or_refused_with_a_reason(
    tmp_path: Path,
) -> None:
    files = {corpus_id(path): path.read_bytes() for path in corpus()}
    async with an_archive(tmp_path) as archive:
        outcomes = await asyncio.gather(
            *(archive.ingest(Arrival(InMemory(data), _ORIGIN, _POLICY)) for data in files.values())
        )
        stored = {one.key: await _whole(archive, one.key) async for one in archive.objects.list()}
        counts = await archive.index.counts()

    for name, outcome in zip(files, outcomes, strict=True):
        if outcome.disposition is Disposition.UNREADABLE:
            assert isinstance(outcome.error, (UnreadableInstance, LimitExceeded)), name
        elif outcome.disposition is Disposition.REFUSED:
            assert outcome.findings, name
        else:
            assert outcome.disposition in {
                Disposition.CREATED,
                Disposition.ALREADY_HELD,
                Disposition.CONFLICT,  # the corpus has different files under the same UIDs
            }, (name, outcome)
    created = [outcome for outcome in outcomes if outcome.disposition is Disposition.CREATED]
    assert len(created) == len(stored) == counts.instances > 100
    assert set(stored.values()) <= set(files.values())


async def test_memory_does_not_grow_with_the_size_of_an_instance(tmp_path: Path) -> None:
    header = an_instance(Rows=20_000, Columns=20_000, BitsAllocated=8)
    size = 20_000 * 20_000
    async with an_archive(tmp_path) as archive:
        await _warm_up(archive)
        before = _fresh_resident_peak()
        async with archive.spool.create() as file:
            pixel_data = b"\xe0\x7f\x10\x00OB\0\0" + size.to_bytes(4, "little")
            await file.write(header + pixel_data)
            for _ in range(size // 1_000_000):
                await file.write(bytes(1_000_000))
            spooled = Spooled(file.path, await file.finish())
            outcome = await archive.ingest(Arrival(spooled, _ORIGIN, _POLICY))
        assert outcome.disposition is Disposition.CREATED, outcome

        (record, *_) = [
            stored async for stored in archive.objects.list() if stored.size_bytes > size
        ]
        streamed = 0
        async for chunk in archive.objects.stream(record.key):
            streamed += len(chunk)
        assert streamed == record.size_bytes
        assert _resident_peak() - before < 40_000_000


async def _warm_up(archive: Archive) -> None:
    """Let everything that grows once grow: buffers, pools, caches."""
    data = an_instance(3_000_000)
    async with archive.spool.create() as file:
        await file.write(data)
        spooled = Spooled(file.path, await file.finish())
        outcome = await archive.ingest(Arrival(spooled, _ORIGIN, _POLICY))
    assert outcome.held
    assert outcome.uids is not None
    assert outcome.uids.study == STUDY
    async for stored in archive.objects.list():
        await _whole(archive, stored.key)


def _fresh_resident_peak() -> int:
    """Forget the peak of former tests; the new one begins at what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _resident_peak()


def _resident_peak() -> int:
    """Highest resident memory of this process since it was forgotten, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError


@pytest.mark.parametrize("left", [None, 100])
@pytest.mark.parametrize("spooled", [False, True])
async def test_a_file_that_was_lost_or_cut_off_is_made_whole_by_sending_again(
    tmp_path: Path, left: int | None, spooled: bool
) -> None:
    data = an_instance(5000)
    async with an_archive(tmp_path) as archive:
        await archive.ingest(Arrival(InMemory(data), _ORIGIN, _POLICY))
        (stored,) = [each async for each in archive.objects.list()]
        path = archive.objects.path(stored.key)
        if left is None:
            path.unlink()
        else:
            os.truncate(path, left)

        async with archive.spool.create() as file:
            await file.write(data)
            arrived = Spooled(file.path, await file.finish())
            content = arrived if spooled else InMemory(data)
            outcome = await archive.ingest(Arrival(content, _ORIGIN, _POLICY))

        assert outcome.disposition is Disposition.ALREADY_HELD
        assert await _whole(archive, stored.key) == data
        assert [each async for each in archive.objects.list()] == [stored]
