"""The order of flushes, and what a failing disk leaves: nothing half kept."""

import asyncio
import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hilum.adapters.storage import free_space
from hilum.adapters.storage.disk import DiskObjects
from hilum.adapters.storage.lock import hold_data_folder
from hilum.domain.errors import ArchiveFull, ArchiveUnavailable
from hilum.domain.instances import InMemory, Spooled
from hilum.domain.occupancy import Hold
from tests.contract.storage.keys import a_key
from tests.contract.storage.systems import FailingSystem, HeldSystem, RecordingSystem


async def test_bytes_are_flushed_then_named_then_the_folders_are_flushed(tmp_path: Path) -> None:
    system = RecordingSystem()
    async with DiskObjects(tmp_path, reserve_bytes=0, system=system) as objects:
        system.calls.clear()
        await objects.put_once(a_key(), InMemory(b"x" * 1000))

        file = objects.path(a_key())
        inode, folders = file.stat().st_ino, [parent.stat().st_ino for parent in file.parents[:5]]
    steps = [call for call in system.calls if call[0] not in {"unlink", "fsync begins", "mkdir"}]
    assert steps == [
        ("create", inode),
        ("write", inode),
        ("fdatasync", inode),
        ("link", inode),
        # Series, study, shard, partition and root: each was new, so each one's parent is flushed.
        *(("fsync", folder) for folder in folders),
    ]


async def test_a_folder_known_to_be_durable_is_flushed_alone(tmp_path: Path) -> None:
    system = RecordingSystem()
    async with DiskObjects(tmp_path, reserve_bytes=0, system=system) as objects:
        await objects.put_once(a_key(1), InMemory(b"x"))
        system.calls.clear()
        await objects.put_once(a_key(2), InMemory(b"x"))

    assert system.count("fsync") == 1


async def test_a_folder_somebody_else_made_is_flushed_up_to_the_root(tmp_path: Path) -> None:
    async with DiskObjects(tmp_path, reserve_bytes=0) as objects:
        objects.path(a_key()).parent.mkdir(parents=True)
    system = RecordingSystem()
    async with DiskObjects(tmp_path, reserve_bytes=0, system=system) as objects:
        system.calls.clear()
        await objects.put_once(a_key(), InMemory(b"x"))

    assert system.count("mkdir") == 0
    assert system.count("fsync") == 5


async def test_a_put_that_finds_its_key_held_is_durable_too(tmp_path: Path) -> None:
    system = RecordingSystem()
    async with DiskObjects(tmp_path, reserve_bytes=0, system=system) as objects:
        await objects.put_once(a_key(), InMemory(b"x"))
        system.calls.clear()
        await objects.put_once(a_key(), InMemory(b"x"))

    assert system.count("link") == 0
    assert system.count("fsync") == 1


async def test_one_folder_flush_serves_every_put_that_linked_before_it_began(
    tmp_path: Path,
) -> None:
    system = HeldSystem()
    async with DiskObjects(tmp_path, writers=10, reserve_bytes=0, system=system) as objects:
        await objects.put_once(a_key(0), InMemory(b"x"))
        system.calls.clear()
        system.holds = True
        first = asyncio.create_task(objects.put_once(a_key(1), InMemory(b"x")))
        await asyncio.to_thread(system.arrived.acquire)
        others = [
            asyncio.create_task(objects.put_once(a_key(number), InMemory(b"x")))
            for number in range(2, 10)
        ]
        await _links(system, 10)
        assert not any(task.done() for task in others)

        system.may_go.release(2)
        await asyncio.gather(first, *others)

    assert system.count("fsync") == 2


async def test_a_put_does_not_trust_a_flush_that_began_before_it_linked(tmp_path: Path) -> None:
    system = HeldSystem()
    async with DiskObjects(tmp_path, reserve_bytes=0, system=system) as objects:
        await objects.put_once(a_key(0), InMemory(b"x"))
        system.holds = True
        first = asyncio.create_task(objects.put_once(a_key(1), InMemory(b"x")))
        await asyncio.to_thread(system.arrived.acquire)
        second = asyncio.create_task(objects.put_once(a_key(2), InMemory(b"x")))
        await _links(system, 3)

        system.may_go.release()
        await first
        await asyncio.to_thread(system.arrived.acquire)
        assert not second.done()
        system.may_go.release()
        await second


async def test_a_spooled_file_is_flushed_before_it_is_named(tmp_path: Path) -> None:
    system = RecordingSystem()
    spooled = tmp_path / "arrived"
    spooled.write_bytes(b"x")
    inode = spooled.stat().st_ino
    async with DiskObjects(tmp_path, reserve_bytes=0, system=system) as objects:
        system.calls.clear()
        await objects.put_once(a_key(), Spooled(spooled, 1))

    assert [call for call in system.calls if call[1] == inode] == [
        ("fdatasync", inode),
        ("link", inode),
    ]


@pytest.mark.parametrize("call", ["create", "write", "fdatasync", "mkdir", "link", "fsync"])
@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, ArchiveFull),
        (errno.EDQUOT, ArchiveFull),
        (errno.EFBIG, ArchiveFull),
        (errno.EIO, ArchiveUnavailable),
        (errno.EROFS, ArchiveUnavailable),
        (errno.EACCES, ArchiveUnavailable),
        (errno.EMFILE, ArchiveUnavailable),
    ],
)
async def test_a_failing_disk_leaves_nothing_and_heals(
    tmp_path: Path, call: str, number: int, error: type[Exception]
) -> None:
    system = FailingSystem(number=number)
    async with DiskObjects(tmp_path, reserve_bytes=0, system=system) as objects:
        system.fails = {call}
        with pytest.raises(error) as raised:
            await objects.put_once(a_key(), InMemory(b"x" * 5000))

        assert str(tmp_path) not in str(raised.value)
        assert _files(tmp_path / "objects") == []
        assert [path.name for path in _files(tmp_path / "incoming") if path.name.isdigit()] == []

        system.fails = set()
        await objects.put_once(a_key(), InMemory(b"x" * 5000))
        assert await objects.read(a_key(), 0, 9000) == b"x" * 5000


async def test_a_failed_flush_fails_every_put_that_waited_for_it(tmp_path: Path) -> None:
    system = _FailingOnce()
    async with DiskObjects(tmp_path, writers=8, reserve_bytes=0, system=system) as objects:
        await objects.put_once(a_key(0), InMemory(b"x"))
        system.armed = True
        results = await asyncio.gather(
            *(objects.put_once(a_key(number), InMemory(b"x")) for number in range(1, 6)),
            return_exceptions=True,
        )
        kept = {stored.key async for stored in objects.list()}

    failed = [result for result in results if isinstance(result, ArchiveUnavailable)]
    assert failed
    assert len(kept) == 1 + len(results) - len(failed)


class _FailingOnce(HeldSystem):
    """The first flush after it was armed fails."""

    armed = False

    def fsync(self, fd: int) -> None:
        if self.armed:
            self.armed = False
            raise OSError(errno.EIO, "Input/output error")
        super().fsync(fd)


async def test_the_reserve_of_free_space_is_never_filled(tmp_path: Path) -> None:
    facts = os.statvfs(tmp_path)
    free = facts.f_bavail * facts.f_frsize
    async with DiskObjects(tmp_path, reserve_bytes=free * 2) as objects:
        with pytest.raises(ArchiveFull, match=r"storage\.reserve_bytes"):
            await objects.put_once(a_key(), InMemory(b"x"))

        assert [stored async for stored in objects.list()] == []
        await objects.delete(a_key())  # deleting goes on


def test_freed_space_counts_for_the_very_next_instance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 100
    monkeypatch.setattr(free_space, "free_bytes", lambda _folder: free)
    space = free_space.FreeSpace(tmp_path, reserve_bytes=0)
    space.demand(90)

    free = 1000

    space.demand(90)
    with pytest.raises(ArchiveFull):
        space.demand(1001)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_file_system_leaves_nothing_and_heals(small_disk: Path) -> None:
    async with DiskObjects(small_disk, reserve_bytes=0) as objects:
        await objects.put_once(a_key(1), InMemory(b"x" * 700_000))
        with pytest.raises(ArchiveFull):
            await objects.put_once(a_key(2), InMemory(b"x" * 700_000))
        assert [stored.key async for stored in objects.list()] == [a_key(1)]

        await objects.delete(a_key(1))
        await objects.put_once(a_key(2), InMemory(b"x" * 700_000))
        assert [stored.key async for stored in objects.list()] == [a_key(2)]


async def test_a_read_only_file_system_is_unavailable_and_heals(small_disk: Path) -> None:
    async with DiskObjects(small_disk, reserve_bytes=0) as objects:
        await objects.put_once(a_key(1), InMemory(b"x"))
        if not _remount(small_disk, "ro"):
            pytest.skip("this kernel does not remount a file system in use")
        refused = await asyncio.gather(
            *(objects.put_once(a_key(number), InMemory(b"x")) for number in range(2, 18)),
            return_exceptions=True,
        )
        assert {type(error) for error in refused} == {ArchiveUnavailable}
        assert all("read-only" in str(error) for error in refused)
        assert await objects.read(a_key(1), 0, 1) == b"x"

        assert _remount(small_disk, "rw")
        await asyncio.gather(
            *(objects.put_once(a_key(number), InMemory(b"x")) for number in range(2, 18))
        )


_LIMITED = """
import asyncio, resource, sys
from pathlib import Path
from hilum.adapters.storage.disk import DiskObjects
from hilum.adapters.storage.lock import hold_data_folder
from hilum.domain.errors import ArchiveFull
from hilum.domain.instances import InMemory
from tests.contract.storage.keys import a_key

async def main():
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    async with DiskObjects(Path(sys.argv[1]), reserve_bytes=0) as objects:
        try:
            await objects.put_once(a_key(1), InMemory(b"x" * 20_000))
        except ArchiveFull:
            print("full", len([stored async for stored in objects.list()]))
        await objects.put_once(a_key(2), InMemory(b"x" * 9_000))
        print("kept", len([stored async for stored in objects.list()]))

asyncio.run(main())
"""


def test_a_file_larger_than_the_system_allows_is_refused_whole(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ran.stdout.split() == ["full", "0", "kept", "1"]


async def test_a_folder_without_permission_stops_the_start_with_a_clear_line(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveUnavailable, match="opening the object store"):
        async with DiskObjects(tmp_path / "file" / "data"):
            pass


async def test_the_loop_runs_on_while_flushes_take_their_time(tmp_path: Path) -> None:
    system = HeldSystem()
    async with DiskObjects(tmp_path, reserve_bytes=0, system=system) as objects:
        system.holds = True
        put = asyncio.create_task(objects.put_once(a_key(), InMemory(b"x")))
        await asyncio.to_thread(system.arrived.acquire)
        assert threading.current_thread() is threading.main_thread()
        assert not put.done()
        system.holds = False
        system.may_go.release()
        await put


async def _links(system: RecordingSystem, count: int) -> None:
    """Wait until so many links were made since the system was made."""
    for _ in range(count):
        await asyncio.to_thread(system.linked.acquire)


def _remount(folder: Path, mode: str) -> bool:
    command = ["mount", "-o", f"remount,{mode}", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_replaced_object_is_named_then_its_folder_is_flushed(tmp_path: Path) -> None:
    system = RecordingSystem()
    async with DiskObjects(tmp_path, reserve_bytes=0, system=system) as objects:
        await objects.put_once(a_key(1, version=2), InMemory(b"x"))
        system.calls.clear()
        await objects.replace(a_key(1, version=1), a_key(1, version=2))
        folder = objects.path(a_key(1, version=1)).parent.stat().st_ino

    assert system.calls[-1] == ("fsync", folder)


def test_a_new_data_folder_is_entered_durably_in_every_folder_above(tmp_path: Path) -> None:
    system = RecordingSystem()

    with hold_data_folder(tmp_path / "a" / "b" / "data", Hold.SHARED, system=system):
        pass

    above = [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]
    assert [call for call in system.calls if call[0] == "fsync"] == [
        ("fsync", folder.stat().st_ino) for folder in above
    ]


async def test_a_data_folder_that_exists_is_entered_durably_too(tmp_path: Path) -> None:
    """Whoever made it may have died before it flushed."""
    (tmp_path / "data").mkdir()
    system = RecordingSystem()

    async with DiskObjects(tmp_path / "data", reserve_bytes=0, system=system):
        pass

    assert ("fsync", tmp_path.stat().st_ino) in system.calls  # noqa: ASYNC240
