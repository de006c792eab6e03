"""`ViewFolders` on a disk: turns, marks, copies from a bucket, a full disk, foreign files."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hilum.adapters.storage.archive_view import DiskViewFolders
from hilum.adapters.storage.disk import DiskObjects
from hilum.domain.errors import ArchiveFull, ArchiveUnavailable, ObjectMissing
from hilum.domain.identifiers import (
    InstanceUIDs,
    ObjectKey,
    PartitionKey,
    SeriesInstanceUID,
    SOPInstanceUID,
    StudyInstanceUID,
    Version,
    object_key,
)
from hilum.domain.instances import InMemory
from hilum.domain.submissions import StudyId
from hilum.ports.archive_view import StudyOfView, ViewFile, ViewFolder
from tests.contract.storage.systems import FailingSystem
from tests.twins import MemoryObjects

ONE = StudyId("11111111-1111-4111-8111-111111111111")
TWO = StudyId("22222222-2222-4222-8222-222222222222")
STUDY = StudyOfView(PartitionKey(1), StudyInstanceUID("1.2.3"))


def key(number: int) -> ObjectKey:
    uids = InstanceUIDs(STUDY.study, SeriesInstanceUID("1.2.3.4"), SOPInstanceUID(f"1.2.{number}"))
    return object_key(STUDY.partition, uids, Version(number))


def folder(*numbers: int, stands: bool = False) -> ViewFolder:
    """A folder of a study with these objects of a thousand bytes each."""
    files = [ViewFile(f"{number:05d}.dcm", key(number), 1000, stands) for number in numbers]
    return ViewFolder(STUDY.study, files, b"{}\n")


@pytest.fixture
def bucket() -> MemoryObjects:
    held = MemoryObjects()
    for number in (1, 2):
        held.held[key(number)] = bytes([number]) * 1000
    return held


@pytest.fixture
async def folders(tmp_path: Path, bucket: MemoryObjects) -> AsyncIterator[DiskViewFolders]:
    async with DiskViewFolders(tmp_path, bucket, files="copy", reserve_bytes=0) as opened:
        yield opened


def below(root: Path) -> list[Path]:
    return list(root.rglob("*"))


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def incoming(root: Path) -> list[Path]:
    return list((root / ".hilum" / "incoming").glob("*/[0-9]*"))


async def test_objects_of_a_bucket_are_copied_once(
    folders: DiskViewFolders, bucket: MemoryObjects, tmp_path: Path
) -> None:
    await folders.publish(ONE, [folder(1, 2)])
    of_study = tmp_path / ONE / "1.2.3"
    assert (of_study / "00001.dcm").read_bytes() == b"\x01" * 1000
    assert (of_study / "00002.dcm").read_bytes() == b"\x02" * 1000
    bucket.held.clear()  # what stands is not asked for again

    await folders.publish(ONE, [folder(2, stands=True)])

    assert names_in(of_study) == ["00002.dcm", "metadata.json"]
    assert incoming(tmp_path) == []


async def test_an_object_that_is_gone_is_told_and_nothing_is_left(
    folders: DiskViewFolders, tmp_path: Path
) -> None:
    with pytest.raises(ObjectMissing):
        await folders.publish(ONE, [folder(1, 7)])
    assert not (tmp_path / ONE).exists()
    assert incoming(tmp_path) == []


async def test_copies_leave_the_reserve_of_free_space_alone(
    bucket: MemoryObjects, tmp_path: Path
) -> None:
    async with DiskViewFolders(tmp_path, bucket, files="copy", reserve_bytes=1 << 60) as folders:
        with pytest.raises(ArchiveFull):
            await folders.publish(ONE, [folder(1)])
    assert not (tmp_path / ONE).exists()


@pytest.mark.parametrize("call", ["create", "write", "fdatasync", "fsync"])
async def test_a_failing_disk_is_told_and_heals(
    bucket: MemoryObjects, tmp_path: Path, call: str
) -> None:
    system = FailingSystem()
    async with DiskViewFolders(
        tmp_path, bucket, files="copy", reserve_bytes=0, system=system
    ) as folders:
        system.fails = {call}
        with pytest.raises((ArchiveFull, ArchiveUnavailable)):
            await folders.publish(ONE, [folder(1)])
        system.fails = set()
        await folders.publish(ONE, [folder(1)])
    assert names_in(tmp_path / ONE / "1.2.3") == ["00001.dcm", "metadata.json"]


async def test_one_is_inside_at_a_time_in_any_process(
    bucket: MemoryObjects, tmp_path: Path
) -> None:
    inside = 0

    async def enter(folders: DiskViewFolders) -> None:
        nonlocal inside
        for _ in range(10):
            async with folders.turn(ONE):
                inside += 1
                assert inside == 1
                await asyncio.sleep(0.001)
                inside -= 1

    async with (
        DiskViewFolders(tmp_path, bucket) as first,
        DiskViewFolders(tmp_path, bucket) as second,
    ):
        await asyncio.gather(*(enter(each) for each in (first, second, first, second)))


async def test_a_turn_that_is_cut_short_is_the_next_ones(folders: DiskViewFolders) -> None:
    async def stay() -> None:
        async with folders.turn(ONE):
            await asyncio.sleep(60)

    staying = asyncio.create_task(stay())
    await asyncio.sleep(0.05)
    staying.cancel()
    async with asyncio.timeout(5), folders.turn(ONE):
        pass


async def test_views_are_found_by_study_and_partition(folders: DiskViewFolders) -> None:
    other = StudyOfView(PartitionKey(2), STUDY.study)
    longer = StudyOfView(PartitionKey(1), StudyInstanceUID("1.2.3.4"))
    await folders.announce(ONE, [STUDY, longer])
    await folders.announce(TWO, [STUDY, other])
    await folders.announce(TWO, [STUDY])

    assert sorted(await folders.views_of(STUDY)) == [ONE, TWO]
    assert await folders.views_of(other) == [TWO]
    assert await folders.views_of(longer) == [ONE]
    assert await folders.views_of(StudyOfView(PartitionKey(9), STUDY.study)) == []


async def test_sweeping_takes_old_marks_without_a_view(
    folders: DiskViewFolders, tmp_path: Path
) -> None:
    await folders.announce(ONE, [STUDY])
    await folders.publish(ONE, [folder(1)])
    await folders.announce(TWO, [STUDY])
    assert await folders.sweep() == 0  # its view may be about to come
    for mark in (tmp_path / ".hilum" / "studies").glob("*/*"):
        os.utime(mark, (time.time() - 7200,) * 2)

    assert await folders.sweep() == 1
    assert await folders.views_of(STUDY) == [ONE]


async def test_what_others_put_beside_the_views_is_not_listed_and_stays(
    folders: DiskViewFolders, tmp_path: Path
) -> None:
    await folders.publish(ONE, [folder(1)])
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "notes.txt").write_text("mine")

    assert [each async for each in folders.list()] == [ONE]
    await folders.sweep()
    assert (tmp_path / "notes.txt").read_text() == "mine"


async def test_leftovers_of_a_dead_process_go_at_the_next_start(
    bucket: MemoryObjects, tmp_path: Path
) -> None:
    async with DiskViewFolders(tmp_path, bucket):
        dead = tmp_path / ".hilum" / "incoming" / "1-dead"
        dead.mkdir()
        (dead / "5-0").write_bytes(b"patient")
        (dead / "lock").touch()
    async with DiskViewFolders(tmp_path, bucket):
        assert not dead.exists()


async def test_only_owner_and_group_may_look(folders: DiskViewFolders, tmp_path: Path) -> None:
    await folders.publish(ONE, [folder(1)])
    modes = {path.stat().st_mode & 0o007 for path in below(tmp_path)}
    assert modes == {0}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system: one of memory."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other file system")
    folder = memory / f"hilum-view-{os.getpid()}"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def test_objects_on_another_file_system_are_copied(tmp_path: Path, elsewhere: Path) -> None:
    async with DiskObjects(tmp_path, reserve_bytes=0) as objects:
        await objects.put_once(key(1), InMemory(b"\x01" * 1000))
        async with DiskViewFolders(elsewhere, objects, reserve_bytes=0) as folders:
            await folders.publish(ONE, [folder(1)])
    copied = elsewhere / ONE / "1.2.3" / "00001.dcm"
    assert copied.read_bytes() == b"\x01" * 1000
    assert copied.stat().st_nlink == 1
