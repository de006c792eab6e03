"""Objects that the kernel holds in memory are read at once, others by a thread."""

import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hilum.adapters.storage import cached_reads
from hilum.adapters.storage.disk import DiskObjects
from hilum.domain.errors import ObjectMissing
from hilum.domain.instances import InMemory
from tests.contract.storage.keys import a_key

_DATA = os.urandom(cached_reads.MOST_BYTES + 4096)


@pytest.fixture
async def objects(tmp_path: Path) -> AsyncIterator[DiskObjects]:
    probe = tmp_path / "probe"
    probe.write_bytes(b"1")
    if cached_reads.cached_reads(probe) is None:
        pytest.skip("this kernel or file system cannot tell what is in memory")
    async with DiskObjects(tmp_path / "archive", reserve_bytes=0) as disk:
        yield disk


def _reading_threads() -> int:
    return sum(each.name.startswith("hilum-objects-read") for each in threading.enumerate())


async def test_what_is_in_memory_needs_no_thread(objects: DiskObjects) -> None:
    await objects.put_once(a_key(), InMemory(_DATA))

    assert await objects.read(a_key(), 10, 20_000) == _DATA[10:20_010]

    assert _reading_threads() == 0


async def test_what_is_on_the_disk_only_is_read_by_a_thread(objects: DiskObjects) -> None:
    await objects.put_once(a_key(), InMemory(_DATA))
    _drop_from_memory(objects.path(a_key()))

    assert await objects.read(a_key(), 10, 20_000) == _DATA[10:20_010]

    assert _reading_threads() == 1


@pytest.mark.parametrize("length", [0, cached_reads.MOST_BYTES + 1, len(_DATA), 1 << 40])
async def test_long_and_empty_reads_and_such_beyond_the_end_are_as_ever(
    objects: DiskObjects, length: int
) -> None:
    await objects.put_once(a_key(), InMemory(_DATA))

    assert await objects.read(a_key(), 0, length) == _DATA[:length]
    assert await objects.read(a_key(), len(_DATA) - 5, 100) == _DATA[-5:]


async def test_a_deleted_object_is_missing_at_once(objects: DiskObjects) -> None:
    await objects.put_once(a_key(), InMemory(_DATA))
    assert await objects.read(a_key(), 0, 4) == _DATA[:4]
    await objects.delete(a_key())

    with pytest.raises(ObjectMissing):
        await objects.read(a_key(), 0, 4)


def test_a_file_system_that_cannot_tell_gets_no_such_reads() -> None:
    assert cached_reads.cached_reads(Path("/proc/self/status")) is None


def test_a_file_that_is_not_there_gets_no_such_reads(tmp_path: Path) -> None:
    assert cached_reads.cached_reads(tmp_path / "nothing") is None


def test_a_python_that_was_built_for_an_older_c_library_gets_no_such_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "probe").write_bytes(b"1")
    monkeypatch.delattr(os, "RWF_NOWAIT")

    assert cached_reads.cached_reads(tmp_path / "probe") is None


def _drop_from_memory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)
