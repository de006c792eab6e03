import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hilum.domain.errors import ArchiveFull, HilumError, LimitExceeded
from hilum.domain.instances import Content, InMemory, Spooled
from hilum.servers.dimse_bridge import LoopBridge
from hilum.servers.dimse_dataset import DatasetSink, SpoolAccess


class FolderFile:
    """A SpoolFile of a folder, with a fault to switch on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.fault: HilumError | None = None
        self.writes: list[int] = []

    @property
    def path(self) -> Path:
        return self._path

    async def write(self, data: bytes) -> None:
        if self.fault is not None:
            raise self.fault
        self.writes.append(len(data))
        with self._path.open("ab") as file:
            file.write(data)

    async def finish(self) -> int:
        return self._path.stat().st_size


class FolderSpool:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files: list[FolderFile] = []

    @asynccontextmanager
    async def create(self) -> AsyncIterator[FolderFile]:
        file = FolderFile(self._folder / str(len(self.files)))
        file.path.touch()
        self.files.append(file)
        try:
            yield file
        finally:
            file.path.unlink(missing_ok=True)


@pytest.fixture
async def spool(tmp_path: Path) -> FolderSpool:
    return FolderSpool(tmp_path)


def sink_into(spool: FolderSpool, **limits: int) -> DatasetSink:
    access = SpoolAccess(spool, LoopBridge(asyncio.get_running_loop()), 5)
    return DatasetSink(b"HEAD", access, **{"memory_bytes": 100, "dataset_bytes": 10**9, **limits})


def fill(sink: DatasetSink, size: int, step: int = 50) -> Content | HilumError:
    data = bytes(index % 251 for index in range(size))
    for start in range(0, size, step):
        sink.write(memoryview(data)[start : start + step])
    return sink.finish()


async def test_a_small_data_set_stays_in_memory(spool: FolderSpool) -> None:
    sink = sink_into(spool)

    content = await asyncio.to_thread(fill, sink, 100)

    assert isinstance(content, InMemory)
    assert content.data[:4] == b"HEAD"
    assert len(content.data) == 104
    assert spool.files == []


async def test_a_large_data_set_is_spooled_in_large_pieces(spool: FolderSpool) -> None:
    sink = sink_into(spool)

    content = await asyncio.to_thread(fill, sink, 3_000_000, 1000)

    assert isinstance(content, Spooled)
    assert content.size_bytes == 3_000_004
    written = content.path.read_bytes()
    assert written == b"HEAD" + bytes(index % 251 for index in range(3_000_000))
    assert len(spool.files[0].writes) == 4
    await asyncio.to_thread(sink.close)
    assert not content.path.exists()


async def test_a_full_disk_is_remembered_while_the_sender_goes_on(spool: FolderSpool) -> None:
    sink = sink_into(spool)
    await asyncio.to_thread(fill, sink, 200)
    spool.files[0].fault = ArchiveFull("No space.")

    content = await asyncio.to_thread(fill, sink, 3_000_000, 1000)

    assert isinstance(content, ArchiveFull)
    assert sink.size_bytes == 3_000_200
    assert not spool.files[0].path.exists()


async def test_a_data_set_beyond_the_limit_is_remembered_and_dropped(spool: FolderSpool) -> None:
    sink = sink_into(spool, dataset_bytes=500)

    content = await asyncio.to_thread(fill, sink, 1000)

    assert isinstance(content, LimitExceeded)
    assert content.limit == "dimse.dataset_bytes"
    assert not spool.files[0].path.exists()


async def test_closing_an_unfinished_data_set_removes_its_file(spool: FolderSpool) -> None:
    sink = sink_into(spool)
    await asyncio.to_thread(sink.write, memoryview(bytes(200)))

    await asyncio.to_thread(sink.close)

    assert not spool.files[0].path.exists()
    await asyncio.to_thread(sink.close)


async def test_a_file_that_the_archive_took_away_is_no_trouble(spool: FolderSpool) -> None:
    sink = sink_into(spool)
    content = await asyncio.to_thread(fill, sink, 200)
    assert isinstance(content, Spooled)
    content.path.unlink()

    await asyncio.to_thread(sink.close)

    assert not content.path.exists()
