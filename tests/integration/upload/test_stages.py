"""What the stages make of files: kept, refused with reasons, ignored; and what they leave."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import NoReturn

import pydicom
import pytest
from pydicom.data import get_testdata_file

from hilum.domain.errors import ArchiveFull
from hilum.domain.findings import Severity
from hilum.domain.instances import StorePolicy
from hilum.domain.submissions import FileState, StudyId, SubmissionState
from tests.instances import a_dataset, an_instance, part10
from tests.integration.upload.stages import Uploads, read, uploads, zipped

CT = read(get_testdata_file("CT_small.dcm"))
NO_DEPTH = StorePolicy("standard")


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Uploads]:
    async with uploads(tmp_path / "data") as found:
        yield found


async def test_a_complete_file_is_archived_and_nothing_is_left_of_it(opened: Uploads) -> None:
    study_id = await opened.through(("ct.dcm", CT))

    record = await opened.record(study_id)
    (note,) = await opened.notes(study_id)
    assert record.state is SubmissionState.ARCHIVED
    assert [step.state for step in record.history] == [
        SubmissionState.UPLOADED,
        SubmissionState.VALIDATING,
        SubmissionState.VALIDATED,
        SubmissionState.PROCESSING,
        SubmissionState.ARCHIVED,
    ]
    assert note.state is FileState.ARCHIVED
    assert note.version is not None
    assert await opened.held_places() == []
    assert await opened.instances() == 1
    assert opened.objects[0].read_bytes() == CT


async def test_the_archived_event_names_the_view_whose_original_is_the_file(
    opened: Uploads,
) -> None:
    study_id = await opened.through(("ct.dcm", CT))

    data = (await opened.record(study_id)).data
    folder = Path(str(data["archive_path"]))
    assert folder == opened.data_dir / "archive" / study_id
    assert (folder / "original.dcm").read_bytes() == CT
    assert json.loads(read(data["metadata_file"]))["study_id"] == study_id
    assert data["studies"] == [pydicom.dcmread(BytesIO(CT)).StudyInstanceUID]
    assert data["files"] == {"archived": 1, "already_held": 0, "quarantined": 0, "failed": 0}


async def test_the_validated_event_tells_modality_date_and_size(opened: Uploads) -> None:
    study_id = await opened.validated(("ct.dcm", CT))

    record = await opened.record(study_id)
    assert record.data["validation_details"] == {
        "is_valid": True,
        "errors": [],
        "missing_tags": [],
        "file_size": len(CT),
        "modality": "CT",
        "study_date": "20040119",
    }
    assert read(record.data["file_path"]) == CT
    assert record.data["files"] == {"valid": 1, "quarantined": 0, "ignored": 0}


@pytest.mark.parametrize(
    ("data", "code", "tag"),
    [
        (b"no DICOM at all, however long it may be" * 9, "not-dicom", None),
        (b"", "empty-file", None),
        (CT[:20_000], "truncated-instance", 0x7FE00010),
        (part10(a_dataset(StudyInstanceUID=None)), "attribute-missing", 0x0020000D),
        (part10(a_dataset(SOPInstanceUID="1.2.x")), "value-invalid", 0x00080018),
    ],
    ids=["text", "empty", "truncated", "no study", "bad UID"],
)
async def test_what_may_not_be_kept_is_in_quarantine_with_the_tag(
    opened: Uploads, data: bytes, code: str, tag: int | None
) -> None:
    study_id = await opened.validated(("bad.dcm", data), policy=NO_DEPTH)

    record = await opened.record(study_id)
    (note,) = await opened.notes(study_id)
    (aside,) = await opened.quarantine(study_id)
    errors = [found for found in note.findings if found.severity is Severity.ERROR]
    assert record.state is SubmissionState.VALIDATION_FAILED
    assert (note.state, note.code) == (FileState.QUARANTINED, code)
    assert (errors[0].code, errors[0].tag) == (code, tag)
    assert (aside.what.code, aside.what.number, aside.what.place) == (code, 0, note.place)
    assert opened.archive.holding.path(note.place).read_bytes() == data
    assert await opened.instances() == 0
    details = record.data["validation_details"]
    assert isinstance(details, dict)
    assert details["is_valid"] is False
    assert code in details["errors"][0]


async def test_uids_of_file_meta_that_contradict_the_data_set_are_refused(
    opened: Uploads,
) -> None:
    uid = pydicom.dcmread(BytesIO(CT)).SOPInstanceUID.encode()
    other = uid[:-1] + (b"1" if uid[-1:] != b"1" else b"2")

    study_id = await opened.validated(("odd.dcm", CT.replace(uid, other, 1)))

    (note,) = await opened.notes(study_id)
    assert note.state is FileState.QUARANTINED
    assert note.code == "meta-mismatch"


async def test_the_good_files_of_an_upload_are_archived_without_the_bad_ones(
    opened: Uploads,
) -> None:
    study_id = await opened.through(CT, ("notes.txt", b"x" * 300), ("cut.dcm", CT[:9000]))

    record = await opened.record(study_id)
    assert await opened.states(study_id) == [
        FileState.ARCHIVED,
        FileState.QUARANTINED,
        FileState.QUARANTINED,
    ]
    assert record.state is SubmissionState.ARCHIVED
    assert record.is_partial
    assert await opened.held_places() == [f"{study_id}/1", f"{study_id}/2"]


async def test_missing_tags_are_named_in_the_event(opened: Uploads) -> None:
    data = part10(a_dataset(StudyInstanceUID=None, SeriesInstanceUID=None))

    study_id = await opened.validated(data, policy=NO_DEPTH)

    details = (await opened.record(study_id)).data["validation_details"]
    assert isinstance(details, dict)
    assert details["missing_tags"] == ["SeriesInstanceUID", "StudyInstanceUID"]


async def test_a_dicomdir_and_what_systems_leave_are_ignored(opened: Uploads) -> None:
    directory = read(get_testdata_file("DICOMDIR"))
    archive = zipped(
        ("cd/DICOMDIR", b"whatever it holds"),
        ("cd/index.dcm", directory),
        ("__MACOSX/cd/._1.dcm", b"\0\5\x16\7" + bytes(90)),
        ("cd/.DS_Store", b""),
        ("cd/1.dcm", CT),
    )

    study_id = await opened.through(("cd.zip", archive))

    notes = await opened.notes(study_id)
    assert [note.state for note in notes] == [
        FileState.UNPACKED,
        *[FileState.IGNORED] * 4,
        FileState.ARCHIVED,
    ]
    assert [note.code for note in notes[1:5]] == [
        "index-file",
        "index-file",
        "system-file",
        "system-file",
    ]
    assert not (await opened.record(study_id)).is_partial
    assert await opened.held_places() == []


async def test_the_same_file_twice_in_an_upload_is_held_once(opened: Uploads) -> None:
    study_id = await opened.through(CT, CT)

    states = await opened.states(study_id)
    assert sorted(states) == [FileState.ALREADY_HELD, FileState.ARCHIVED]
    assert await opened.instances() == 1


async def test_of_two_files_with_one_sop_instance_uid_the_second_is_refused(
    opened: Uploads,
) -> None:
    one = an_instance(SOPInstanceUID="1.2.3.4", PatientID="P-1")
    other = an_instance(SOPInstanceUID="1.2.3.4", PatientID="P-2")

    study_id = await opened.through(one, other, policy=NO_DEPTH)

    assert await opened.states(study_id) == [FileState.ARCHIVED, FileState.QUARANTINED]
    (aside,) = await opened.quarantine(study_id)
    assert aside.what.code == "sop-instance-twice"
    assert opened.objects[0].read_bytes() == one


async def test_several_patients_in_one_study_refuse_all_of_it_but_no_other_study(
    opened: Uploads,
) -> None:
    def slices(study: str, *patients: str) -> list[bytes]:
        series = f"{study}.1"
        return [
            an_instance(StudyInstanceUID=study, SeriesInstanceUID=series, PatientID=patient)
            for patient in patients
        ]

    mixed, clean = slices("1.2.3.1", "A", "B", "A"), slices("1.2.3.2", "A", "A")
    study_id = await opened.through(*mixed, *clean)

    states = await opened.states(study_id)
    assert states == [FileState.QUARANTINED] * 3 + [FileState.ARCHIVED] * 2
    codes = [note.code for note in await opened.notes(study_id)]
    assert codes[:3] == ["study-patient-differs"] * 3


async def test_what_is_wrong_in_a_study_keeps_its_doubled_files_too(opened: Uploads) -> None:
    first, second = (an_instance(StudyInstanceUID="1.2.3.1", PatientID=one) for one in "AB")

    study_id = await opened.through(first, second, first)

    assert await opened.states(study_id) == [FileState.QUARANTINED] * 3
    assert await opened.instances() == 0


async def test_a_gap_between_slices_is_told_with_the_first_file(opened: Uploads) -> None:
    heights = (0, 1, 2, 3, 7, 8)
    files = [
        an_instance(
            ImagePositionPatient=[0, 0, height],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            InstanceNumber=height,
        )
        for height in heights
    ]

    study_id = await opened.through(*files)

    notes = await opened.notes(study_id)
    assert [note.state for note in notes] == [FileState.ARCHIVED] * 6
    told = [[found.code for found in note.findings] for note in notes]
    assert "slices-missing" in told[0]
    assert not any("slices-missing" in codes for codes in told[1:])


async def test_other_bytes_than_are_held_go_into_quarantine_as_a_conflict(
    opened: Uploads,
) -> None:
    held = an_instance(SOPInstanceUID="1.2.3.4", PatientName="One")
    await opened.through(held, policy=NO_DEPTH)

    study_id = await opened.through(
        an_instance(SOPInstanceUID="1.2.3.4", PatientName="Two"), policy=NO_DEPTH
    )

    record = await opened.record(study_id)
    (aside,) = await opened.quarantine(study_id)
    assert record.state is SubmissionState.VALIDATION_FAILED
    assert aside.what.code == "conflict"
    details = record.data["validation_details"]
    assert isinstance(details, dict)
    assert details["is_valid"] is False
    assert [error.split(": ")[:2] for error in details["errors"]] == [["File 0", "conflict"]]
    assert aside.what.uids is not None
    assert [path.read_bytes() for path in opened.objects] == [held]


async def test_stages_do_nothing_for_what_is_unknown_or_settled(opened: Uploads) -> None:
    study_id = await opened.through(CT)
    before = await opened.record(study_id)

    assert await opened.work.validating(study_id) is None
    assert await opened.work.archiving(study_id) is None
    assert await opened.work.validating(StudyId("no-such-submission")) is None
    assert await opened.record(study_id) == before


@pytest.mark.parametrize("files", [(CT, b"x"), (zipped(CT, an_instance()),)], ids=["files", "zip"])
async def test_an_outage_is_told_as_what_it_is(opened: Uploads, files: tuple[bytes, ...]) -> None:
    study_id = await opened.submit(*files)

    async def full(place: str, content: object) -> None:
        raise ArchiveFull("full")

    async def away(content: object, policy: object) -> NoReturn:
        raise ArchiveFull("full")

    work = opened.work.validating
    holding = opened.archive.holding
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(holding, "keep", full)
        failing = replace(work, judging=replace(work.judging, examine=away))
        with pytest.raises(ArchiveFull):
            await failing(study_id)

    assert await opened.work.validating(study_id) is SubmissionState.VALIDATED


async def test_archiving_waits_for_validation(opened: Uploads) -> None:
    study_id = await opened.submit(CT)

    assert await opened.work.archiving(study_id) is None
    assert (await opened.record(study_id)).state is SubmissionState.UPLOADED
    assert await opened.instances() == 0


async def test_a_file_that_is_still_held_beside_the_archive_stays_when_its_submission_settles(
    opened: Uploads,
) -> None:
    study_id = await opened.validated(("notes.txt", b"no DICOM" * 50))
    (note,) = await opened.notes(study_id)
    repaired = replace(note, state=FileState.ARCHIVED, code="")

    await opened.work.returning(study_id, repaired)

    record = await opened.record(study_id)
    assert (record.state, record.round) == (SubmissionState.ARCHIVED, 2)
    assert await opened.held_places() == [note.place]


async def test_a_conflict_that_is_released_leads_to_another_round(opened: Uploads) -> None:
    await opened.through(an_instance(SOPInstanceUID="1.2.3.4", PatientName="One"), policy=NO_DEPTH)
    other = an_instance(SOPInstanceUID="1.2.3.4", PatientName="Two")
    study_id = await opened.through(other, policy=NO_DEPTH)
    (aside,) = await opened.quarantine(study_id)

    decided = await opened.quarantined.release(aside.key, "somebody")

    record = await opened.record(study_id)
    assert decided.outcome is not None
    assert decided.outcome.held
    assert (record.state, record.round) == (SubmissionState.ARCHIVED, 2)
    assert await opened.states(study_id) == [FileState.ARCHIVED]
    assert await opened.held_places() == []
    assert await opened.instances() == 1
    assert read(opened.data_dir / "archive" / study_id / "original.dcm") == other
