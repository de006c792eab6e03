"""What is particular to objects on a local disk."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from hilum.domain.instances import InMemory, Spooled
from hilum.ports.objects import LocalObjects
from tests.contract.storage.keys import a_key
from tests.contract.storage.systems import FailingSystem

_UIDS = st.from_regex(r"[0-9.]{0,63}[0-9]", fullmatch=True)


@given(st.integers(0, 2**40), _UIDS, _UIDS, _UIDS, st.integers(0, 2**60))
def test_every_key_has_a_path_of_its_own_below_the_root(
    partition: int, study: str, series: str, sop_instance: str, version: int
) -> None:
    uids = InstanceUIDs(
        StudyInstanceUID(study), SeriesInstanceUID(series), SOPInstanceUID(sop_instance)
    )
    key = object_key(PartitionKey(partition), uids, Version(version))

    path = DiskObjects(Path("/archive")).path(key)

    assert Path(os.path.normpath(path)).is_relative_to("/archive/objects")
    assert path.parts[3] == str(partition)
    assert path.parts[5:] == (study, series, f"{sop_instance}.{version}.dcm")


@given(
    st.text(max_size=60)
    | st.from_regex(r"[0-9./ \x00\-]{1,60}(\.dcm)?", fullmatch=True)
    | st.sampled_from(
        [
            "1/../../etc/passwd.1.dcm",
            "1/1.2/1.3/../1.dcm",
            "/1/1.2/1.3/1.4.1.dcm",
            "1/1.2/1.3/1.4.1.dcm/",
            "1/1.2 /1.3/1.4.1.dcm",
            "1/1.2\0/1.3/1.4.1.dcm",
            " 1/1.2/1.3/1.4.1.dcm",
            "1_0/1.2/1.3/1.4.1.dcm",
            "1/1.2/1.3/1.4.01.dcm",
            "1/1.2/1.3/1.4.1.dcm\n",
        ]
    )
)
def test_any_other_text_never_becomes_a_path(text: str) -> None:
    store = DiskObjects(Path("/archive"))
    try:
        path = store.path(ObjectKey(text))
    except ValueError:
        return
    # Only what object_key would write is let through.
    partition, study, series, name = text.split("/")
    assert path.parts[3:] == (partition, path.parts[4], study, series, name)
    assert ".." not in path.parts


async def test_path_is_an_ability_that_can_be_asked_for(tmp_path: Path) -> None:
    async with DiskObjects(tmp_path, reserve_bytes=0) as objects:
        await objects.put_once(a_key(), InMemory(b"bytes"))

        assert isinstance(objects, LocalObjects)
        assert objects.path(a_key()).read_bytes() == b"bytes"


async def test_a_spooled_file_is_moved_not_copied(tmp_path: Path) -> None:
    spooled = tmp_path / "arrived"
    spooled.write_bytes(b"bytes")
    file_number = spooled.stat().st_ino
    async with DiskObjects(tmp_path, reserve_bytes=0) as objects:
        await objects.put_once(a_key(), Spooled(spooled, 5))

        assert objects.path(a_key()).stat().st_ino == file_number
        assert not spooled.exists()


@pytest.fixture
def on_another_disk(tmp_path: Path) -> Iterator[Path]:
    """A file of 3 MB on another file system than `tmp_path`."""
    other_disk = Path("/dev/shm")
    if not other_disk.is_dir() or other_disk.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system at /dev/shm")
    file = other_disk / f"hilum-test-{os.getpid()}"
    file.write_bytes(b"x" * 3_000_000)
    yield file
    file.unlink(missing_ok=True)


async def test_a_spooled_file_of_another_disk_is_copied(
    tmp_path: Path, on_another_disk: Path
) -> None:
    async with DiskObjects(tmp_path, reserve_bytes=0) as objects:
        await objects.put_once(a_key(), Spooled(on_another_disk, 3_000_000))

        assert objects.path(a_key()).stat().st_size == 3_000_000
    assert _is_gone(on_another_disk)


async def test_a_spooled_file_that_cannot_be_kept_stays_where_it_is(tmp_path: Path) -> None:
    spooled = tmp_path / "arrived"
    spooled.write_bytes(b"bytes")
    system = FailingSystem(fails={"link"})
    async with DiskObjects(tmp_path, reserve_bytes=0, system=system) as objects:
        with pytest.raises(ArchiveFull):
            await objects.put_once(a_key(), Spooled(spooled, 5))

    assert spooled.read_bytes() == b"bytes"


async def test_a_spooled_file_that_is_gone_leaves_nothing(tmp_path: Path) -> None:
    async with DiskObjects(tmp_path, reserve_bytes=0) as objects:
        with pytest.raises(ArchiveUnavailable):
            await objects.put_once(a_key(), Spooled(tmp_path / "gone", 5))

        assert [stored async for stored in objects.list()] == []


async def test_deleting_removes_the_folders_it_empties(tmp_path: Path) -> None:
    async with DiskObjects(tmp_path, reserve_bytes=0) as objects:
        await objects.put_once(a_key(1, series=1), InMemory(b""))
        await objects.put_once(a_key(2, series=2), InMemory(b""))

        await objects.delete(a_key(1, series=1))
        assert not objects.path(a_key(1, series=1)).parent.exists()
        assert objects.path(a_key(2, series=2)).exists()

        await objects.delete(a_key(2, series=2))
        assert not objects.path(a_key(2, series=2)).parent.parent.exists()


async def test_two_stores_on_one_root_do_not_lose_what_the_other_put(tmp_path: Path) -> None:
    """As `hilum import` beside a server: one removes folders that the other has open."""
    async with (
        DiskObjects(tmp_path, reserve_bytes=0) as one,
        DiskObjects(tmp_path, reserve_bytes=0) as other,
    ):

        async def come_and_go(objects: DiskObjects, number: int) -> None:
            for _ in range(25):
                await objects.put_once(a_key(number), InMemory(b"%d" % number))
                assert await one.read(a_key(number), 0, 10) == b"%d" % number
                await objects.delete(a_key(number))

        await asyncio.gather(
            *(come_and_go(one, number) for number in range(4)),
            *(come_and_go(other, number) for number in range(4, 8)),
        )

        assert [stored async for stored in one.list()] == []


async def test_many_folders_are_used_with_few_open_descriptors(tmp_path: Path) -> None:
    async with DiskObjects(tmp_path, reserve_bytes=0) as objects:
        keys = [a_key(1, series=series, study=series % 40) for series in range(400)]
        before = _open_descriptors()
        await asyncio.gather(*(objects.put_once(key, InMemory(b"x")) for key in keys))

        assert _open_descriptors() - before < 160
        assert sum([1 async for _ in objects.list()]) == 400


async def test_foreign_files_are_not_listed(tmp_path: Path) -> None:
    async with DiskObjects(tmp_path, reserve_bytes=0) as objects:
        await objects.put_once(a_key(), InMemory(b"x"))
        (objects.path(a_key()).parent / "notes.txt").touch()
        (tmp_path / "objects" / "lost+found").mkdir()

        assert [stored.key async for stored in objects.list()] == [a_key()]


async def test_an_abandoned_stream_closes_its_file(tmp_path: Path) -> None:
    async with DiskObjects(tmp_path, chunk_bytes=1000, reserve_bytes=0) as objects:
        await objects.put_once(a_key(), InMemory(b"x" * 100_000))
        before = _open_descriptors()
        stream = objects.stream(a_key())
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined] - it is an async generator

    assert _open_descriptors() < before


async def test_a_stream_of_a_file_that_is_cut_short_does_not_end_well(tmp_path: Path) -> None:
    async with DiskObjects(tmp_path, chunk_bytes=1000, reserve_bytes=0) as objects:
        await objects.put_once(a_key(), InMemory(b"x" * 100_000))
        stream = objects.stream(a_key())
        await anext(stream)
        os.truncate(objects.path(a_key()), 5_000)

        with pytest.raises(ArchiveUnavailable, match="ended before"):
            async for _ in stream:
                pass


async def test_a_deleted_object_streams_on_for_who_opened_it(tmp_path: Path) -> None:
    async with DiskObjects(tmp_path, chunk_bytes=1000, reserve_bytes=0) as objects:
        await objects.put_once(a_key(), InMemory(b"x" * 10_000))
        stream = objects.stream(a_key())
        first = await anext(stream)
        await objects.delete(a_key())

        assert first + b"".join([chunk async for chunk in stream]) == b"x" * 10_000
        with pytest.raises(ObjectMissing):
            await objects.read(a_key(), 0, 1)


def _open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _is_gone(path: Path) -> bool:
    return not path.exists()
