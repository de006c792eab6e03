"""Zip files in uploads: unpacked under their guards, and what cannot be is kept with a reason."""

import asyncio
import struct
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZIP_LZMA, ZIP_STORED

import pytest
from pydicom.data import get_testdata_file

from hilum.domain.errors import ArchiveFull
from hilum.domain.instances import Content, StorePolicy
from hilum.domain.submissions import FileState, SubmissionState
from hilum.ports.holding import Holding
from hilum.submissions.records import Submissions
from tests.instances import an_instance
from tests.integration.upload.stages import Uploads, uploads, zipped

CT = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Uploads]:
    settings = {"submissions.zip_free_bytes": 1 << 20, "submissions.memory_member_bytes": 50_000}
    async with uploads(tmp_path / "data", **settings) as found:
        yield found


async def test_members_become_files_of_the_submission(opened: Uploads) -> None:
    members = [an_instance() for _ in range(150)]
    archive = zipped(*((f"disc/{n // 10}/{n}.dcm", data) for n, data in enumerate(members)))

    study_id = await opened.through(("study.zip", archive), ("single.dcm", CT))

    notes = await opened.notes(study_id)
    assert [note.number for note in notes] == list(range(152))
    assert notes[0].state is FileState.UNPACKED
    assert {note.state for note in notes[1:]} == {FileState.ARCHIVED}
    assert {note.parent for note in notes[2:]} == {0}
    assert notes[2].name == "disc/0/0.dcm"
    assert await opened.instances() == 151
    assert await opened.held_places() == []
    assert (await opened.record(study_id)).files == 152


class GivesOut:
    """A holding with no space for one place, once."""

    def __init__(self, holding: Holding, place: str) -> None:
        self._holding = holding
        self._place = place

    def __getattr__(self, name: str) -> Any:
        return getattr(self._holding, name)

    async def keep(self, place: str, content: Content) -> None:
        if place == self._place:
            self._place = ""
            raise ArchiveFull("full")
        await self._holding.keep(place, content)


async def test_unpacking_goes_on_where_it_broke_off(opened: Uploads) -> None:
    zips = [zipped(*(an_instance() for _ in range(100))) for _ in range(2)]
    study_id = await opened.submit(*((f"{n}.zip", data) for n, data in enumerate(zips)))
    unpacking = opened.work.validating.unpacking
    holding = GivesOut(unpacking.holding, f"{study_id}/{2 + 100 + 80}")
    stage = replace(opened.work.validating, unpacking=replace(unpacking, holding=holding))

    with pytest.raises(ArchiveFull):
        await stage(study_id)
    broken_off = await opened.notes(study_id)
    await stage(study_id)

    notes = await opened.notes(study_id)
    assert len(broken_off) == 2 + 100 + 64
    assert [note.number for note in notes] == list(range(202))
    assert [note.parent for note in notes[2:]] == [0] * 100 + [1] * 100
    assert {note.state for note in notes} == {FileState.UNPACKED, FileState.VALID}


class Asked:
    """The memory of submissions; counts how often it was asked for files."""

    def __init__(self, submissions: Submissions) -> None:
        self._submissions = submissions
        self.times = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._submissions, name)

    async def files(self, *arguments: Any) -> Any:
        self.times += 1
        return await self._submissions.files(*arguments)


async def test_many_zip_files_are_not_looked_through_for_each_of_them(opened: Uploads) -> None:
    count = 150
    study_id = await opened.submit(*((f"{n}.zip", zipped(b"no")) for n in range(count)))
    asked = Asked(opened.archive.index.submissions)
    unpacking = replace(opened.work.validating.unpacking, submissions=asked)

    await replace(opened.work.validating, unpacking=unpacking)(study_id)

    assert len(await opened.notes(study_id)) == 2 * count
    assert asked.times == count


async def test_a_zip_file_is_known_by_its_bytes(opened: Uploads) -> None:
    study_id = await opened.through(("export.dcm", zipped(CT)))

    assert await opened.states(study_id) == [FileState.UNPACKED, FileState.ARCHIVED]


async def test_large_members_go_through_the_spool_and_come_out_the_same(opened: Uploads) -> None:
    large = an_instance(400_000)

    await opened.through(("z.zip", zipped(large)), policy=StorePolicy("standard"))

    assert [path.read_bytes() for path in opened.objects] == [large]


async def test_a_damaged_member_costs_only_itself(opened: Uploads) -> None:
    first, second = an_instance(), an_instance()
    archive = bytearray(zipped(("a.dcm", first), ("b.dcm", second), method=ZIP_STORED))
    archive[archive.index(first) + 200] ^= 0xFF

    study_id = await opened.through(("z.zip", bytes(archive)))

    assert await opened.states(study_id) == [
        FileState.QUARANTINED,
        FileState.QUARANTINED,
        FileState.ARCHIVED,
    ]
    assert await opened.codes(study_id) == {
        "z.zip": "zip-damaged",
        "a.dcm": "zip-damaged",
        "b.dcm": "",
    }
    (aside,) = await opened.quarantine(study_id)
    assert opened.archive.holding.path(aside.what.place).read_bytes() == bytes(archive)


def everything(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


async def test_a_member_whose_name_leads_out_is_kept_apart_and_nowhere_else(
    opened: Uploads, tmp_path: Path
) -> None:
    names = ["../../evil.dcm", "/etc/evil.dcm", "C:\\evil.dcm", "a\\..\\..\\evil.dcm"]
    archive = zipped(*((name, an_instance()) for name in names), ("good.dcm", CT))

    study_id = await opened.through(("z.zip", archive))

    states = await opened.states(study_id)
    assert states == [FileState.UNPACKED, *[FileState.QUARANTINED] * 4, FileState.ARCHIVED]
    assert [one.what.code for one in await opened.quarantine(study_id)] == ["zip-path"] * 4
    assert not any("evil" in str(path) for path in await asyncio.to_thread(everything, tmp_path))


async def test_a_zip_file_inside_is_not_unpacked_whatever_its_name(opened: Uploads) -> None:
    inner = zipped(CT)
    archive = zipped(("inner.zip", inner), ("image.dcm", inner))

    study_id = await opened.validated(("z.zip", archive))

    assert await opened.states(study_id) == [
        FileState.UNPACKED,
        FileState.QUARANTINED,
        FileState.QUARANTINED,
    ]
    assert [one.what.code for one in await opened.quarantine(study_id)] == ["zip-nested"] * 2
    assert (await opened.record(study_id)).state is SubmissionState.VALIDATION_FAILED


async def test_a_bomb_is_stopped_and_kept_as_it_came(opened: Uploads) -> None:
    archive = zipped(*((f"{n}.dcm", bytes(800_000)) for n in range(200)))

    study_id = await opened.validated(("bomb.zip", archive))

    notes = await opened.notes(study_id)
    assert (notes[0].state, notes[0].code) == (FileState.QUARANTINED, "zip-bomb")
    assert len(notes) < 201
    unpacked = sum(note.size_bytes for note in notes[1:] if note.place)
    assert unpacked <= max(1 << 20, 100 * len(archive))
    assert (await opened.record(study_id)).state is SubmissionState.VALIDATION_FAILED


async def test_all_zip_files_of_an_upload_together_have_a_bound(tmp_path: Path) -> None:
    image = an_instance()
    settings = {"submissions.zip_total_bytes": 5 * len(image)}
    async with uploads(tmp_path / "data", **settings) as opened:
        zips = [zipped(*(an_instance() for _ in range(2))) for _ in range(4)]
        study_id = await opened.submit(*((f"{n}.zip", data) for n, data in enumerate(zips)))
        unpacking = opened.work.validating.unpacking
        holding = GivesOut(unpacking.holding, f"{study_id}/6")
        stage = replace(opened.work.validating, unpacking=replace(unpacking, holding=holding))
        with pytest.raises(ArchiveFull):
            await stage(study_id)
        await stage(study_id)

        notes = await opened.notes(study_id)

    assert [note.state for note in notes[:4]] == [
        FileState.UNPACKED, FileState.UNPACKED, FileState.QUARANTINED, FileState.QUARANTINED,
    ]  # fmt: skip
    assert [note.code for note in notes[2:4]] == ["zip-bomb"] * 2
    kept = [note.state for note in notes[4:]].count(FileState.VALID)
    assert kept in {4, 5}, "members are unpacked side by side"


async def test_a_member_that_lies_about_its_size_is_counted(tmp_path: Path) -> None:
    settings = {"submissions.zip_member_bytes": 10_000}
    archive = bytearray(zipped(("a.dcm", an_instance(50_000)), ("b.dcm", an_instance())))
    struct.pack_into("<L", archive, archive.rindex(b"PK\x01\x02") + 24, 10)
    central = archive.index(b"PK\x01\x02")
    struct.pack_into("<L", archive, central + 24, 10)

    async with uploads(tmp_path / "data", **settings) as opened:
        study_id = await opened.validated(("z.zip", bytes(archive)))

        codes = await opened.codes(study_id)

    assert codes["a.dcm"] in {"zip-bomb", "zip-damaged"}


async def test_too_many_members_are_refused_before_any_is_unpacked(tmp_path: Path) -> None:
    async with uploads(tmp_path / "data", **{"submissions.zip_members": 5}) as opened:
        archive = zipped(*(an_instance() for _ in range(6)))

        study_id = await opened.validated(("z.zip", archive))

        assert await opened.codes(study_id) == {"z.zip": "zip-members"}


async def test_encrypted_members_and_strange_methods_are_named(opened: Uploads) -> None:
    plain = bytearray(zipped(("a.dcm", CT), ("b.dcm", an_instance())))
    plain[plain.index(b"PK\x01\x02") + 8] |= 0x1
    study_id = await opened.through(("z.zip", bytes(plain)))
    assert await opened.codes(study_id) == {
        "z.zip": "zip-encrypted",
        "a.dcm": "zip-encrypted",
        "b.dcm": "",
    }

    study_id = await opened.validated(("y.zip", zipped(("a.dcm", CT), method=ZIP_LZMA)))
    assert (await opened.codes(study_id))["a.dcm"] == "zip-compression"


@pytest.mark.parametrize("keep", [30, -10], ids=["only a beginning", "without its directory"])
async def test_a_damaged_zip_file_is_kept_apart(opened: Uploads, keep: int) -> None:
    study_id = await opened.validated(("z.zip", zipped(CT)[:keep]))

    assert await opened.codes(study_id) == {"z.zip": "zip-damaged"}
    assert len(await opened.quarantine(study_id)) == 1
    (error,) = (await opened.record(study_id)).data["validation_details"]["errors"]
    assert error.startswith("File 0: zip-damaged: ")


async def test_an_empty_zip_file_is_told(opened: Uploads) -> None:
    study_id = await opened.validated(("z.zip", zipped()))

    (note,) = await opened.notes(study_id)
    assert note.state is FileState.UNPACKED
    assert [found.code for found in note.findings] == ["zip-empty"]
    record = await opened.record(study_id)
    assert record.state is SubmissionState.VALIDATION_FAILED
    assert record.data["validation_details"]["errors"] == ["There is no file to keep."]
