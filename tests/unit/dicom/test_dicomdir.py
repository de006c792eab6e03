import io
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import datadict, fileset, uid
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from hilum.dicom.dicomdir import Dicomdir, NotInDicomdir
from hilum.dicom.directory_records import LEAF_KEYS, LEAF_NAMES, leaf_type
from hilum.dicom.header import Memo, read_header
from hilum.dicom.json_values import as_written
from hilum.domain.identifiers import InstanceUIDs
from tests.filesets import file_set
from tests.instances import a_dataset, part10

ROOT = "1.2.826.0.1.3680043.10.20"
CLASSES = {
    "IMAGE": uid.CTImageStorage,
    "RADIOTHERAPY": "1.2.840.10008.5.1.4.1.1.481.12",
    "PLAN": "1.2.840.10008.5.1.4.34.7",
    "ENCAP DOC": uid.EncapsulatedPDFStorage,
    "RT PLAN": uid.RTPlanStorage,
    **{kind: sop_class for sop_class, kind in fileset._FOUR_LEVEL_SOP_CLASSES.items()},
}


def an_item(**elements: Any) -> Dataset:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def a_code(meaning: str) -> Sequence:
    return Sequence([an_item(CodeValue="1", CodingSchemeDesignator="99HILUM", CodeMeaning=meaning)])


def whole(number: int = 1, **elements: Any) -> Dataset:
    """An instance with every key that some record has."""
    values: dict[str, Any] = {
        "StudyInstanceUID": f"{ROOT}.1",
        "SeriesInstanceUID": f"{ROOT}.1.1",
        "SOPInstanceUID": f"{ROOT}.1.1.{number}",
        "StudyTime": "101500",
        "StudyDescription": "Knee",
        "StudyID": "S1",
        "AccessionNumber": "A1",
        "SeriesNumber": 4,
        "InstanceNumber": number,
        "InstanceCreationDate": "20260102",
        "InstanceCreationTime": "101500",
        "ContentDate": "20260101",
        "ContentTime": "101600",
        "ContentLabel": "LABEL",
        "ContentDescription": "described",
        "ContentCreatorName": "Creator^A",
        "DoseSummationType": "PLAN",
        "StructureSetLabel": "set",
        "StructureSetDate": "20260101",
        "StructureSetTime": "101700",
        "RTPlanDate": "20260101",
        "RTPlanTime": "101700",
        "TreatmentDate": "20260101",
        "TreatmentTime": "101700",
        "PresentationCreationDate": "20260101",
        "PresentationCreationTime": "101700",
        "ReferencedSeriesSequence": Sequence([an_item(SeriesInstanceUID=f"{ROOT}.1.9")]),
        "CompletionFlag": "COMPLETE",
        "VerificationFlag": "UNVERIFIED",
        "ConceptNameCodeSequence": a_code("Report"),
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "NumberOfFrames": 1,
        "DataPointRows": 1,
        "DataPointColumns": 2,
        "DocumentTitle": "title",
        "MIMETypeOfEncapsulatedDocument": "application/pdf",
    }
    return a_dataset(**values | elements)


def listing(*datasets: Dataset) -> tuple[Dicomdir, list[tuple[str, bytes]]]:
    """The directory of instances, and their files by name."""
    directory, files = Dicomdir(), []
    for dataset in datasets:
        content = part10(dataset)
        header = read_header(content, memo=Memo(0))
        uids = InstanceUIDs(
            dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID
        )
        syntax = str(dataset.file_meta.TransferSyntaxUID)
        listed = directory.add(uids, dataset.SOPClassUID, syntax, as_written(header.json))
        files.append((str(listed.name), content))
    return directory, files


def records(directory: Dicomdir) -> list[Dataset]:
    written = b"".join(directory.chunks())
    assert len(written) == directory.size_bytes
    read = pydicom.dcmread(io.BytesIO(written))
    assert read.file_meta.MediaStorageSOPClassUID == uid.MediaStorageDirectoryStorage
    return list(read.DirectoryRecordSequence)


@pytest.mark.parametrize(("sop_class", "kind"), fileset._FOUR_LEVEL_SOP_CLASSES.items())
def test_sop_classes_have_the_record_that_pydicom_gives_them(sop_class: str, kind: str) -> None:
    assert leaf_type(sop_class, has_pixels=False) == kind


def test_every_type_of_record_has_keys_and_a_name_of_its_own() -> None:
    assert LEAF_NAMES.keys() == LEAF_KEYS.keys() == CLASSES.keys()
    assert len(set(LEAF_NAMES.values())) == len(LEAF_NAMES)


@pytest.mark.parametrize("kind", list(CLASSES))
def test_records_have_the_keys_that_pydicom_gives_them(kind: str) -> None:
    more = {"RTPlanLabel": "plan"} if kind == "RT PLAN" else {}
    dataset = whole(SOPClassUID=CLASSES[kind], **more)

    patient, study, series, leaf = records(listing(dataset)[0])

    for record, level in ((patient, "PATIENT"), (study, "STUDY"), (series, "SERIES"), (leaf, kind)):
        assert record.DirectoryRecordType == level
        for element in fileset.DIRECTORY_RECORDERS[level](dataset):
            if element.keyword not in {"OffsetOfTheNextDirectoryRecord", "RecordInUseFlag"}:
                assert record[element.tag] == element, element.keyword
    assert leaf.ReferencedSOPClassUIDInFile == CLASSES[kind]
    assert leaf.ReferencedSOPInstanceUIDInFile == dataset.SOPInstanceUID
    assert leaf.ReferencedTransferSyntaxUIDInFile == dataset.file_meta.TransferSyntaxUID


def test_pydicom_finds_the_files_of_several_patients_and_studies(tmp_path: Path) -> None:
    datasets = [
        whole(
            number,
            PatientID=f"P{number % 2}",
            StudyInstanceUID=f"{ROOT}.{number % 2}",
            SeriesInstanceUID=f"{ROOT}.{number % 2}.{number % 3}",
            SOPClassUID=sop_class,
            RTPlanLabel="plan",
        )
        for number, sop_class in enumerate(CLASSES.values())
    ]

    directory, files = listing(*datasets)

    for name, content in [*files, ("DICOMDIR", b"".join(directory.chunks()))]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    with file_set(tmp_path / "DICOMDIR") as found:
        assert {Path(each.path).read_bytes() for each in found} == {each for _, each in files}
        assert len(found) == len(CLASSES)
        assert sorted(found.find_values("PatientID")) == ["P0", "P1"]


def test_what_type_1_keys_lack_is_made_up() -> None:
    dataset = whole(PatientID=None, StudyDate=None, StudyTime="", StudyID=None, Modality=None)
    dataset.SeriesNumber = dataset.InstanceNumber = None

    patient, study, series, leaf = records(listing(dataset)[0])

    assert patient.PatientID == "UNKNOWN"
    assert (study.StudyDate, study.StudyTime, study.StudyID) == ("19000101", "000000", "1")
    assert (series.Modality, series.SeriesNumber, leaf.InstanceNumber) == ("OT", 1, 1)


def test_a_verified_report_tells_when_and_what_modifies_its_title() -> None:
    content = Sequence(
        [
            an_item(RelationshipType="HAS CONCEPT MOD", ConceptNameCodeSequence=a_code("Language")),
            an_item(RelationshipType="CONTAINS", ConceptNameCodeSequence=a_code("Findings")),
        ]
    )
    observers = [
        an_item(VerificationDateTime=moment) for moment in ("20260101100000", "20260102100000")
    ]
    dataset = whole(
        SOPClassUID=uid.BasicTextSRStorage,
        VerificationFlag="VERIFIED",
        VerifyingObserverSequence=Sequence(observers),
        ContentSequence=content,
    )

    *_, leaf = records(listing(dataset)[0])

    assert leaf.VerificationDateTime == "20260102100000"
    (modifier,) = leaf.ContentSequence
    assert modifier.ConceptNameCodeSequence[0].CodeMeaning == "Language"


def test_the_transfer_syntax_of_a_file_may_change_until_it_is_written() -> None:
    dataset = whole()
    directory = Dicomdir()
    header = read_header(part10(dataset), memo=Memo(0))
    uids = InstanceUIDs(dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
    listed = directory.add(uids, dataset.SOPClassUID, "1.2.840.10008.1.2", as_written(header.json))

    listed.transfer_syntax_uid = uid.RLELossless

    assert records(directory)[-1].ReferencedTransferSyntaxUIDInFile == uid.RLELossless


def test_a_class_without_record_is_not_listed() -> None:
    with pytest.raises(NotInDicomdir, match="SOP class"):
        listing(whole(SOPClassUID="1.2.3.4", Rows=None))


@pytest.mark.parametrize("keyword", ["PatientName", "StudyDescription", "InstanceNumber"])
def test_an_instance_that_cannot_be_listed_leaves_nothing_behind(keyword: str) -> None:
    directory = Dicomdir()
    dataset = dict(as_written(read_header(part10(whole()), memo=Memo(0)).json))
    tag = f"{datadict.tag_for_keyword(keyword):08X}"
    longest = dataset | {tag: {"vr": "LO", "Value": ["x" * 70_000]}}

    def add(number: int, metadata: dict[str, Any]) -> None:
        uids = InstanceUIDs(f"{ROOT}.1", f"{ROOT}.1.1", f"{ROOT}.1.1.{number}")
        directory.add(uids, uid.CTImageStorage, uid.ExplicitVRLittleEndian, metadata)

    with pytest.raises(NotInDicomdir, match="ValueError"):
        add(1, longest)
    assert records(directory) == []

    add(2, dataset)
    kinds = [record.DirectoryRecordType for record in records(directory)]
    assert kinds == ["PATIENT", "STUDY", "SERIES", "IMAGE"]


def test_an_empty_directory_can_be_read() -> None:
    assert records(Dicomdir()) == []


# What pydicom strips, or takes apart, and no DICOM text of these VRs may hold.
_CHARACTERS = st.characters(
    blacklist_categories=("Cs", "Cc", "Zl", "Zp", "Zs"), blacklist_characters="\\^="
)
_TEXT = st.text(_CHARACTERS, min_size=1, max_size=20)


@settings(deadline=None)
@given(_TEXT, _TEXT, _TEXT)
def test_any_text_can_be_read_back(name: str, identifier: str, description: str) -> None:
    dataset = whole(
        PatientName=f"{name}^{name}={name}",
        PatientID=identifier,
        StudyDescription=description,
        SpecificCharacterSet="ISO_IR 192",
    )

    patient, study, *_ = records(listing(dataset)[0])

    assert patient.PatientName == f"{name}^{name}={name}"
    assert (patient.PatientID, study.StudyDescription) == (identifier, description)


@pytest.mark.parametrize(
    ("name", "character_set"),
    [("Muller", None), ("Müller", "ISO_IR 100"), ("Müller=山田", "ISO_IR 192")],
)
def test_texts_are_in_the_narrowest_character_set(name: str, character_set: str | None) -> None:
    dataset = whole(PatientName=name, SpecificCharacterSet="ISO_IR 192")

    patient, study, *_ = records(listing(dataset)[0])

    assert patient.get("SpecificCharacterSet") == character_set
    assert "SpecificCharacterSet" not in study
