"""Objects put in batches: the same promises as one by one."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hilum.adapters.storage.disk import DiskObjects
from hilum.adapters.storage.disk_batch import DiskBatches
from hilum.adapters.storage.system import PosixSystem
from hilum.domain.errors import ArchiveFull, ArchiveUnavailable, ObjectExists
from hilum.domain.identifiers import ObjectKey
from hilum.domain.instances import InMemory
from tests.contract.storage.keys import a_key
from tests.contract.storage.systems import FailingSystem, RecordingSystem


@pytest.fixture
async def store(tmp_path: Path) -> DiskObjects:
    async with DiskObjects(tmp_path, reserve_bytes=0) as objects:
        pass
    return objects


def _opened(root: Path, system: PosixSystem) -> DiskBatches:
    return DiskBatches(root, reserve_bytes=0, system=system)


@pytest.fixture
def system() -> RecordingSystem:
    return RecordingSystem()


@pytest.fixture
def batches(tmp_path: Path, store: DiskObjects, system: RecordingSystem) -> Iterator[DiskBatches]:
    opened = _opened(tmp_path, system)
    system.calls.clear()
    yield opened
    opened.close()


def _objects(*keys: ObjectKey, data: bytes = b"x" * 1000) -> list[tuple[ObjectKey, memoryview]]:
    return [(key, memoryview(data)) for key in keys]


def test_every_file_is_flushed_before_one_is_named_and_its_folder_flushed_after(
    batches: DiskBatches, system: RecordingSystem, store: DiskObjects
) -> None:
    keys = [a_key(1), a_key(2), a_key(3, series=2)]

    assert list(batches.put(_objects(*keys))) == [None] * 3

    inodes = [store.path(key).stat().st_ino for key in keys]
    order = [call for call in system.calls if call[0] in {"fdatasync", "link"}]
    assert order == [("fdatasync", each) for each in inodes] + [("link", each) for each in inodes]
    for key, inode in zip(keys, inodes, strict=True):
        series = store.path(key).parent.stat().st_ino
        named = system.calls.index(("link", inode))
        assert ("fsync", series) in system.calls[named:]
    assert system.count("unlink") == 0


def test_what_was_put_is_what_was_given(
    batches: DiskBatches, store: DiskObjects, tmp_path: Path
) -> None:
    contents = {a_key(number): os.urandom(number * 7919) for number in range(200)}

    faults = batches.put([(key, memoryview(data)) for key, data in contents.items()])

    assert set(faults) == {None}
    assert {key: store.path(key).read_bytes() for key in contents} == contents
    left = [file.name for file in (tmp_path / "incoming").rglob("*") if file.is_file()]
    assert left == [".exclusive"]


def test_what_a_trial_killed_in_the_middle_left_goes_with_the_next(
    store: DiskObjects, tmp_path: Path
) -> None:
    assert store is not None
    left = tmp_path / "incoming" / ".keeper-1"
    left.touch()

    _opened(tmp_path, PosixSystem()).close()

    assert not left.exists()


async def test_the_same_bytes_again_are_no_error_and_others_are_refused(
    batches: DiskBatches, store: DiskObjects, tmp_path: Path
) -> None:
    async with DiskObjects(tmp_path, reserve_bytes=0) as beside:
        await beside.put_once(a_key(1), InMemory(b"x" * 1000))

    again, other, fresh = batches.put(
        [*_objects(a_key(1)), *_objects(a_key(1), data=b"y" * 1000), *_objects(a_key(2))]
    )

    assert again is None
    assert isinstance(other, ObjectExists)
    assert fresh is None
    assert store.path(a_key(1)).read_bytes() == b"x" * 1000


@pytest.mark.parametrize("call", ["create", "write", "fdatasync", "link", "fsync", "mkdir"])
def test_a_failing_disk_is_told_and_leaves_no_name(
    call: str, tmp_path: Path, store: DiskObjects
) -> None:
    system = FailingSystem()
    batches = _opened(tmp_path, system)
    system.fails = {call}

    full = batches.put(_objects(a_key(1), a_key(2), data=b"x" * 2000))
    system.number = errno.EIO
    broken = batches.put(_objects(a_key(3), data=b"x" * 2000))
    left = [file for file in (tmp_path / "objects").rglob("*") if file.is_file()]
    system.fails = set()
    healed = batches.put(_objects(a_key(1), a_key(3), data=b"x" * 2000))
    batches.close()

    assert {type(fault) for fault in full} == {ArchiveFull}
    assert {type(fault) for fault in broken} == {ArchiveUnavailable}
    assert left == []
    assert list(healed) == [None, None]


def test_one_object_that_fails_spoils_no_other(tmp_path: Path, store: DiskObjects) -> None:
    class FullForLargeOnes(PosixSystem):
        def write(self, fd: int, data: memoryview) -> int:
            if len(data) > 5000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(fd, data)

    batches = _opened(tmp_path, FullForLargeOnes())
    faults = batches.put(
        [
            *_objects(a_key(1)),
            *_objects(a_key(2), data=b"x" * 6000),
            *_objects(a_key(3)),
        ]
    )
    batches.close()

    assert [type(fault) for fault in faults] == [type(None), ArchiveFull, type(None)]
    assert store.path(a_key(3)).exists()
    assert not store.path(a_key(2)).exists()


def test_the_reserve_of_free_space_is_kept(tmp_path: Path, store: DiskObjects) -> None:
    batches = DiskBatches(tmp_path, reserve_bytes=1 << 60)

    (fault,) = batches.put(_objects(a_key()))
    batches.close()

    assert isinstance(fault, ArchiveFull)


def test_a_folder_removed_by_somebody_else_is_made_again(
    batches: DiskBatches, store: DiskObjects
) -> None:
    batches.put(_objects(a_key(1)))
    store.path(a_key(1)).unlink()
    store.path(a_key(1)).parent.rmdir()

    assert list(batches.put(_objects(a_key(2)))) == [None]

    assert store.path(a_key(2)).read_bytes() == b"x" * 1000


def test_a_file_system_without_nameless_files_is_noticed_at_once(
    tmp_path: Path, store: DiskObjects
) -> None:
    system = FailingSystem()
    system.fails, system.number = {"create"}, errno.EOPNOTSUPP

    with pytest.raises(OSError, match="not supported"):
        _opened(tmp_path, system)
