"""The archive view: what is in it, whose bytes they are, and that what is deleted leaves it."""

import asyncio
import io
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pydicom
import pytest

from hilum.adapters.storage.archive_view import DiskViewFolders
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.identifiers import PartitionKey, Scope, StudyInstanceUID
from hilum.domain.submissions import StudyId
from hilum.ports.archive_view import StudyOfView
from tests.buckets import an_s3_bucket
from tests.instances import SERIES, STUDY, an_instance, new_sop_instance_uid
from tests.integration.upload.views import ORIGIN, Viewed, a_view

OTHER = "1.2.826.0.1.3680043.10.1.2"


@pytest.fixture
async def viewed(tmp_path: Path) -> AsyncIterator[Viewed]:
    async with a_view(tmp_path) as opened:
        yield opened


def stored(document: dict[str, Any]) -> Path:
    """The object that the first instance of a description names."""
    return Path(document["instances"][0]["location"].removeprefix("file://"))


def study(uid: str = STUDY) -> StudyOfView:
    return StudyOfView(PartitionKey(1), StudyInstanceUID(uid))


async def test_one_file_becomes_original_dcm_with_its_description(viewed: Viewed) -> None:
    data = an_instance(
        2000,
        PatientBirthDate="19700101",
        AccessionNumber="A-1",
        KVP="120.5",
        InstitutionName="General",
        StudyDescription="Head",
    )
    study_id = await viewed.submit(data)

    written = await viewed.viewing.write(study_id)

    assert written is not None
    assert written.folder == str(viewed.folder / study_id)
    assert written.metadata_file == str(viewed.folder / study_id / "metadata.json")
    assert viewed.tree(study_id)["original.dcm"] == data
    assert set(viewed.tree(study_id)) == {"original.dcm", "metadata.json"}
    told = viewed.document(study_id)
    assert told["study_id"] == study_id
    assert told["patient_info"] == {
        "patient_id": "P-1",
        "patient_name": "Phantom^Test",
        "patient_name_readable": "Test Phantom",
        "patient_birth_date": "19700101",
        "patient_sex": None,
        "patient_age": None,
    }
    assert told["study_info"]["accession_number"] == "A-1"
    assert told["study_info"]["study_description"] == "Head"
    assert told["modality_info"]["modality"] == "CT"
    assert told["exposure_info"]["kvp"] == 120.5
    assert told["location_info"]["institution_name"] == "General"
    assert told["validation_details"]["is_valid"] is True
    assert told["validation_details"]["file_size"] == len(data)
    assert told["processing_time"] is not None
    (instance,) = told["instances"]
    assert instance["file"] == "original.dcm"
    assert instance["size_bytes"] == len(data)
    assert stored(told).read_bytes() == data


async def test_several_files_lie_in_a_folder_for_each_study(viewed: Viewed) -> None:
    first, second = an_instance(), an_instance()
    other = an_instance(StudyInstanceUID=OTHER, SeriesInstanceUID=f"{OTHER}.1")
    study_id = await viewed.submit(first, other, second)

    written = await viewed.viewing.write(study_id)

    assert viewed.tree(study_id).keys() == {
        f"{STUDY}/00000.dcm", f"{STUDY}/00002.dcm", f"{STUDY}/metadata.json",
        f"{OTHER}/00001.dcm", f"{OTHER}/metadata.json",
    }  # fmt: skip
    assert viewed.tree(study_id)[f"{STUDY}/00002.dcm"] == second
    assert written is not None
    assert written.metadata_files == [
        str(viewed.folder / study_id / uid / "metadata.json") for uid in (STUDY, OTHER)
    ]
    assert viewed.document(study_id, OTHER)["study_info"]["study_instance_uid"] == OTHER


async def test_its_files_are_further_names_of_the_objects(viewed: Viewed) -> None:
    study_id = await viewed.submit(an_instance(5000))
    await viewed.viewing.write(study_id)

    original = viewed.folder / study_id / "original.dcm"
    kept = stored(viewed.document(study_id))
    assert original.samefile(kept)
    assert original.stat().st_mode & 0o777 == kept.stat().st_mode & 0o777
    assert (viewed.folder / study_id).stat().st_mode & 0o007 == 0


async def test_on_another_file_system_they_are_copies(
    viewed: Viewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, os.strerror(18))  # EXDEV

    data = an_instance(3 << 20)
    study_id = await viewed.submit(data)
    monkeypatch.setattr(os, "link", refuse)
    await viewed.viewing.write(study_id)

    original = viewed.folder / study_id / "original.dcm"
    assert original.read_bytes() == data
    assert original.stat().st_nlink == 1


async def test_without_files_it_tells_where_the_objects_are(tmp_path: Path) -> None:
    async with a_view(tmp_path, files="none") as viewed:
        study_id = await viewed.submit(an_instance())
        await viewed.viewing.write(study_id)

        assert set(viewed.tree(study_id)) == {"metadata.json"}
        (instance,) = viewed.document(study_id)["instances"]
        assert instance["file"] is None
        assert instance["location"].endswith(".dcm")


async def test_a_copy_is_no_name_of_the_object(tmp_path: Path) -> None:
    async with a_view(tmp_path, files="copy") as viewed:
        study_id = await viewed.submit(an_instance())
        await viewed.viewing.write(study_id)

        assert (viewed.folder / study_id / "original.dcm").stat().st_nlink == 1


async def test_with_a_bucket_s3_it_tells_urls_and_copies_only_when_asked(tmp_path: Path) -> None:
    bucket = an_s3_bucket(tmp_path).settings()
    data = an_instance(5000)
    async with a_view(tmp_path / "data", bucket) as viewed:
        study_id = await viewed.submit(data)
        await viewed.viewing.write(study_id)
        assert set(viewed.tree(study_id)) == {"metadata.json"}
        assert viewed.document(study_id)["instances"][0]["location"].startswith("s3://")
    async with a_view(tmp_path / "data", bucket, files="copy") as viewed:
        await viewed.viewing.write(study_id)
        assert viewed.tree(study_id)["original.dcm"] == data


async def test_names_are_told_in_their_own_script(viewed: Viewed) -> None:
    data = an_instance(SpecificCharacterSet="ISO_IR 192", PatientName="Yamada^Tarou=山田^太郎")
    latin = an_instance(
        SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg^^Dr.", StudyInstanceUID=OTHER
    )
    for file, name, readable in (
        (data, "Yamada^Tarou=山田^太郎", "Tarou Yamada"),
        (latin, "Müller^Jörg^^Dr.", "Dr. Jörg Müller"),
    ):
        study_id = await viewed.submit(file)
        await viewed.viewing.write(study_id)
        patient = viewed.document(study_id)["patient_info"]
        assert patient["patient_name"] == name
        assert patient["patient_name"] == str(pydicom.dcmread(io.BytesIO(file)).PatientName)
        assert patient["patient_name_readable"] == readable


async def test_fields_can_be_changed_added_and_left_out(tmp_path: Path) -> None:
    fields = {
        "patient_id": "AccessionNumber",
        "patient_info.issuer": "IssuerOfPatientID",
        "body_part": "(0018,0015)",
        "patient_age": "",
    }
    async with a_view(tmp_path, fields=fields) as viewed:
        data = an_instance(AccessionNumber="A-7", IssuerOfPatientID="Ward", BodyPartExamined="HEAD")
        study_id = await viewed.submit(data)
        await viewed.viewing.write(study_id)

        told = viewed.document(study_id)
        assert told["patient_info"]["patient_id"] == "A-7"
        assert told["patient_info"]["issuer"] == "Ward"
        assert told["additional_info"] == {"body_part": "HEAD"}
        assert "patient_age" not in told["patient_info"]


async def test_writing_again_changes_nothing(viewed: Viewed) -> None:
    study_id = await viewed.submit(an_instance(), an_instance())
    first = await viewed.viewing.write(study_id)
    times = {path: path.stat().st_ctime_ns for path in viewed.folder.rglob("*.json")}
    again = await viewed.viewing.write(study_id)

    assert again == first
    assert {path: path.stat().st_ctime_ns for path in viewed.folder.rglob("*.json")} == times


async def test_an_unknown_submission_has_no_view(viewed: Viewed) -> None:
    unknown = StudyId("11111111-1111-4111-8111-111111111111")
    assert await viewed.viewing.write(unknown) is None
    assert viewed.tree() == {}


@pytest.mark.parametrize("name", ["../evil", "", "a/b", "11111111-1111-4111-8111-11111111111X"])
async def test_only_a_uuid_becomes_a_folder(viewed: Viewed, name: str) -> None:
    with pytest.raises(ValueError, match="not a study_id"):
        await viewed.viewing.write(StudyId(name))


async def test_what_is_deleted_leaves_the_view(viewed: Viewed) -> None:
    gone, stays = new_sop_instance_uid(), new_sop_instance_uid()
    study_id = await viewed.submit(
        an_instance(SOPInstanceUID=gone, StationName="Old"), an_instance(SOPInstanceUID=stays)
    )
    await viewed.viewing.write(study_id)

    await viewed.delete(STUDY, SERIES, gone)
    await viewed.viewing.departed(study())

    assert set(viewed.tree(study_id)) == {f"{STUDY}/00001.dcm", f"{STUDY}/metadata.json"}
    text = viewed.tree(study_id)[f"{STUDY}/metadata.json"]
    assert gone.encode() not in text
    assert json.loads(text)["modality_info"]["station_name"] is None

    await viewed.delete(STUDY)
    await viewed.viewing.departed(study())
    assert not (viewed.folder / study_id).exists()
    assert viewed.tree() == {}


async def test_a_superseded_version_leaves_the_view_of_who_brought_it(viewed: Viewed) -> None:
    uid = new_sop_instance_uid()
    former = await viewed.submit(an_instance(SOPInstanceUID=uid))
    await viewed.viewing.write(former)
    latter = await viewed.submit(an_instance(SOPInstanceUID=uid, StationName="New"))
    await viewed.viewing.write(latter)

    await viewed.viewing.departed(study())

    assert not (viewed.folder / former).exists()
    assert viewed.document(latter)["modality_info"]["station_name"] == "New"


async def test_a_view_that_its_submission_outlived_still_loses_what_is_deleted(
    tmp_path: Path,
) -> None:
    """The rows of a submission are pruned one day; what is deleted must leave all the same."""
    async with a_view(tmp_path) as viewed:
        study_id = await viewed.submit(an_instance())
        await viewed.viewing.write(study_id)
    async with a_view(tmp_path / "other", folder=tmp_path / "archive") as forgetful:
        assert (forgetful.folder / study_id).is_dir()
        await forgetful.viewing.departed(study())
        assert not (forgetful.folder / study_id).exists()


async def test_an_instance_deleted_while_its_view_is_written_is_in_no_view(
    viewed: Viewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The delete commits after the look at the index and before the view is there."""
    study_id = await viewed.submit(an_instance())
    publish = DiskViewFolders.publish
    follower: list[asyncio.Task[None]] = []

    async def after_a_delete(self: DiskViewFolders, *arguments: object) -> object:
        if not follower:
            await viewed.archive.index.delete(Scope(StudyInstanceUID(STUDY)), ORIGIN)
            follower.append(asyncio.create_task(viewed.viewing.departed(study())))
            await asyncio.sleep(0)
        return await publish(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(DiskViewFolders, "publish", after_a_delete)
    await viewed.viewing.write(study_id)
    await follower[0]

    assert not (viewed.folder / study_id).exists()


async def test_a_repaired_file_joins_the_view(viewed: Viewed) -> None:
    study_id = await viewed.submit(an_instance(), an_instance())
    await viewed.viewing.write(study_id)
    mended = an_instance(StationName="Mended")
    await viewed.note(study_id, 1, await viewed.store(mended), len(mended))
    late = an_instance()
    await viewed.note(study_id, 2, await viewed.store(late), len(late))

    await viewed.viewing.write(study_id)

    tree = viewed.tree(study_id)
    assert tree[f"{STUDY}/00001.dcm"] == mended
    assert tree[f"{STUDY}/00002.dcm"] == late


async def test_rebuilding_gives_what_was_there(viewed: Viewed) -> None:
    single = await viewed.submit(an_instance(100))
    several = await viewed.submit(an_instance(), an_instance())
    for study_id in (single, several):
        await viewed.viewing.write(study_id)
    before = viewed.tree()
    (viewed.folder / single / "original.dcm").unlink()
    (viewed.folder / several / STUDY / "metadata.json").write_text("{")
    (viewed.folder / several / "stray.txt").write_text("?")
    stray = viewed.folder / "22222222-2222-4222-8222-222222222222"
    stray.mkdir()
    (stray / "original.dcm").write_bytes(b"?")

    rebuilt = await viewed.viewing.rebuild()

    assert viewed.tree() == before
    assert (rebuilt.submissions, rebuilt.kept, rebuilt.removed) == (2, 0, 1)


async def test_rebuilding_follows_settings_that_were_changed(tmp_path: Path) -> None:
    async with a_view(tmp_path) as viewed:
        study_id = await viewed.submit(an_instance(), an_instance())
        await viewed.viewing.write(study_id)
        file = viewed.folder / study_id / STUDY / "00001.dcm"
        assert file.stat().st_nlink == 2
    async with a_view(tmp_path, files="copy") as viewed:
        await viewed.viewing.rebuild()
        assert file.stat().st_nlink == 1
    async with a_view(tmp_path, files="none", fields={"patient_id": ""}) as viewed:
        await viewed.viewing.rebuild()
        assert set(viewed.tree(study_id)) == {f"{STUDY}/metadata.json"}
        assert "patient_id" not in viewed.document(study_id, STUDY)["patient_info"]


@pytest.mark.parametrize("after", range(1, 40, 3))
async def test_a_crash_between_two_steps_is_mended_by_the_next_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Killed at the n-th call that changes something, then opened and written again."""
    async with a_view(tmp_path) as viewed:
        study_id = await viewed.submit(an_instance(), an_instance())
        await viewed.viewing.write(study_id)
        wanted = viewed.tree(study_id)
        await viewed.note(study_id, 1, await viewed.store(new := an_instance()), len(new))
        with monkeypatch.context() as patch:
            _dies_after(patch, after)
            with suppress(ArchiveUnavailable):
                await viewed.viewing.write(study_id)
    async with a_view(tmp_path) as viewed:
        await viewed.viewing.write(study_id)
        tree = viewed.tree(study_id)
        assert tree.keys() == wanted.keys()
        assert tree[f"{STUDY}/00001.dcm"] == new
        assert not list((viewed.folder / ".hilum" / "incoming").glob("*/[0-9]*"))


def _dies_after(patch: pytest.MonkeyPatch, calls: int) -> None:
    left = [calls]

    def dying(original: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            left[0] -= 1
            if left[0] <= 0:
                raise OSError(5, "killed")
            return original(*arguments, **named)

        return call

    for owner, name in (
        (os, "link"), (os, "utime"), (os, "fsync"), (os, "fdatasync"), (os, "write"),
        (Path, "rename"), (Path, "replace"), (Path, "mkdir"), (Path, "unlink"),
    ):  # fmt: skip
        patch.setattr(owner, name, dying(getattr(owner, name)))


async def test_one_that_is_new_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_view(tmp_path) as viewed:
        for after in range(1, 30):
            study_id = await viewed.submit(an_instance(), an_instance())
            with monkeypatch.context() as patch:
                _dies_after(patch, after)
                with suppress(ArchiveUnavailable):
                    await viewed.viewing.write(study_id)
            tree = viewed.tree(study_id)
            assert not tree or len(tree) == 3, after
