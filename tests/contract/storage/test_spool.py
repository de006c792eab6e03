"""Spool files: filled in pieces, taken away or removed, never left behind."""

import asyncio
import errno
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hilum.adapters.storage.disk import DiskObjects
from hilum.adapters.storage.spool import DiskSpool
from hilum.domain.errors import ArchiveFull, ArchiveUnavailable
from hilum.domain.instances import Spooled
from tests.contract.storage.keys import a_key
from tests.contract.storage.systems import FailingSystem, RecordingSystem


@pytest.mark.parametrize("buffer_bytes", [1, 1000, 1 << 20])
async def test_what_was_written_in_pieces_is_in_the_file(tmp_path: Path, buffer_bytes: int) -> None:
    source = random.Random(3)
    pieces = [source.randbytes(source.randrange(0, 5000)) for _ in range(100)]
    async with (
        DiskSpool(tmp_path, buffer_bytes=buffer_bytes, reserve_bytes=0) as spool,
        spool.create() as file,
    ):
        for piece in pieces:
            await file.write(piece)

        assert await file.finish() == sum(map(len, pieces))
        assert file.path.read_bytes() == b"".join(pieces)


async def test_a_buffer_that_is_used_again_does_not_change_what_was_written(
    tmp_path: Path,
) -> None:
    buffer = bytearray(b"first")
    async with DiskSpool(tmp_path, reserve_bytes=0) as spool, spool.create() as file:
        await file.write(memoryview(buffer))  # type: ignore[arg-type] - as a receiver has it
        buffer[:] = b"other"
        await file.finish()

        assert file.path.read_bytes() == b"first"


async def test_leaving_removes_the_file(tmp_path: Path) -> None:
    async with DiskSpool(tmp_path, reserve_bytes=0) as spool:
        async with spool.create() as file:
            await file.write(b"x")
            await file.finish()
        assert not _exists(file.path)


async def test_a_door_that_fails_in_the_middle_leaves_no_file(tmp_path: Path) -> None:
    async with DiskSpool(tmp_path, buffer_bytes=1, reserve_bytes=0) as spool:
        with pytest.raises(ConnectionError):
            await _receive_half(spool)
        # The thread that still wrote removes it; closing the spool waits for that thread.
    await asyncio.sleep(0)
    assert _files(tmp_path) == []


async def test_a_file_that_was_taken_away_stays_with_its_taker(tmp_path: Path) -> None:
    async with (
        DiskObjects(tmp_path, reserve_bytes=0) as objects,
        DiskSpool(tmp_path / "spool", reserve_bytes=0) as spool,
    ):
        async with spool.create() as file:
            await file.write(b"bytes")
            size = await file.finish()
            await objects.put_once(a_key(), Spooled(file.path, size))

        assert await objects.read(a_key(), 0, 10) == b"bytes"


@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSPC, ArchiveFull), (errno.EIO, ArchiveUnavailable)]
)
@pytest.mark.parametrize("call", ["create", "write"])
async def test_a_failing_disk_is_told_and_heals(
    tmp_path: Path, call: str, number: int, error: type[Exception]
) -> None:
    system = FailingSystem(fails={call}, number=number)
    async with DiskSpool(tmp_path, reserve_bytes=0, system=system) as spool:
        with pytest.raises(error):
            await _spool(spool, b"x" * 10_000)
        assert _files(tmp_path) == []

        system.fails = set()
        async with spool.create() as file:
            await file.write(b"x")
            assert await file.finish() == 1


async def test_the_reserve_of_free_space_is_never_filled(tmp_path: Path) -> None:
    facts = os.statvfs(tmp_path)
    free = facts.f_bavail * facts.f_frsize
    async with DiskSpool(tmp_path, reserve_bytes=free * 2) as spool:
        with pytest.raises(ArchiveFull, match=r"storage\.reserve_bytes"):
            await _spool(spool, b"x" * (2 << 20))


async def test_a_large_file_reaches_the_disk_while_it_arrives(tmp_path: Path) -> None:
    system = RecordingSystem()
    async with (
        DiskSpool(tmp_path, reserve_bytes=0, system=system) as spool,
        spool.create() as file,
    ):
        for _ in range(130):
            await file.write(bytes(1 << 20))
        await file.finish()

    assert system.count("fdatasync") == 2


_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from hilum.adapters.storage.spool import DiskSpool

async def main():
    async with DiskSpool(Path(sys.argv[1]), reserve_bytes=0) as spool, spool.create() as file:
        await file.write(b"x" * 3_000_000)
        await file.finish()
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_start_removes_files_of_dead_processes_only(tmp_path: Path) -> None:
    async with (
        DiskSpool(tmp_path, reserve_bytes=0) as running,
        running.create() as alive,
    ):
        await alive.write(b"alive")
        await alive.finish()
        killed = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", _KILLED, str(tmp_path)], check=False, timeout=60
        )
        assert killed.returncode == -signal.SIGKILL
        assert sorted(path.stat().st_size for path in _files(tmp_path)) == [5, 3_000_000]

        async with DiskSpool(tmp_path, reserve_bytes=0):
            assert _files(tmp_path) == [alive.path]


async def _spool(spool: DiskSpool, data: bytes) -> None:
    async with spool.create() as file:
        await file.write(data)
        await file.finish()


async def _receive_half(spool: DiskSpool) -> None:
    async with spool.create() as file:
        await file.write(b"x" * 100_000)
        raise ConnectionError


def _exists(path: Path) -> bool:
    return path.exists()


def _files(folder: Path) -> list[Path]:
    """All but locks."""
    return [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]
