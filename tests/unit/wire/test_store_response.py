import json
from typing import Any

import pydicom
import pytest

from hilum.domain.errors import ArchiveFull, ArchiveUnavailable, UnreadableInstance
from hilum.domain.findings import Finding, Severity
from hilum.domain.identifiers import (
    InstanceUIDs,
    SeriesInstanceUID,
    SOPClassUID,
    SOPInstanceUID,
    StudyInstanceUID,
    Version,
)
from hilum.domain.instances import Disposition, OnConflict, Outcome
from hilum.ingest.validate import IMPLICIT_VR, MULTIPLE_VALUES, STUDY_MISMATCH, VALUE_INVALID
from hilum.wire.store_response import StoreAnswer, StoreRequest, store_answer
from hilum.wire.surfaces import AZURE_V1, AZURE_V2, STANDARD, SURFACES, Surface

BASE = "https://pacs.example.org:8443/hilum"
CT = SOPClassUID("1.2.840.10008.5.1.4.1.1.2")
AZURE = (AZURE_V1, AZURE_V2)
WARNING = Finding(VALUE_INVALID, Severity.WARNING, 0x00080020, "StudyDate is no date.")
ERROR = Finding(VALUE_INVALID, Severity.ERROR, 0x00100020, "PatientID is no LO.")
MISMATCH = Finding(STUDY_MISMATCH, Severity.ERROR, 0x0020000D, "Another study.")


def outcome(
    disposition: Disposition,
    number: int = 1,
    *findings: Finding,
    study: str = "1.2",
    warnings: frozenset[str] = frozenset(),
    error: Exception | None = None,
) -> Outcome:
    uids = InstanceUIDs(
        StudyInstanceUID(study), SeriesInstanceUID("1.2.3"), SOPInstanceUID(f"1.2.3.{number}")
    )
    return Outcome(disposition, CT, uids.sop_instance, uids, Version(1), findings, error, warnings)


CREATED = outcome(Disposition.CREATED)
UNREADABLE = Outcome(Disposition.UNREADABLE, error=UnreadableInstance("It is no DICOM data set."))
FULL = Outcome(Disposition.FAILED, error=ArchiveFull("No space is left."))


def answer(
    surface: Surface, *outcomes: Outcome, study: str | None = None, upsert: bool = False
) -> StoreAnswer:
    request = StoreRequest(
        f"{BASE}{surface.prefix}",
        None if study is None else StudyInstanceUID(study),
        OnConflict.NEW_VERSION if upsert else OnConflict.REFUSE,
    )
    return store_answer(outcomes, request, surface)


def dataset(answer: StoreAnswer) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(answer.body)
    return content


def only_item(answer: StoreAnswer, sequence: str) -> dict[str, Any]:
    [item] = dataset(answer)[sequence]["Value"]
    assert isinstance(item, dict)
    return item


def reason_of(answer: StoreAnswer, sequence: str = "00081198") -> int:
    reason = only_item(answer, sequence)["00081197"]
    assert reason["vr"] == "US"
    return int(reason["Value"][0])


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_a_stored_instance_is_named_with_its_class_and_an_absolute_url(surface: Surface) -> None:
    stored = answer(surface, CREATED)

    item = only_item(stored, "00081199")
    assert stored.status == 200
    assert item["00081150"] == {"vr": "UI", "Value": [CT]}
    assert item["00081155"] == {"vr": "UI", "Value": ["1.2.3.1"]}
    url = f"{BASE}{surface.prefix}/studies/1.2/series/1.2.3/instances/1.2.3.1"
    assert item["00081190"] == {"vr": "UR", "Value": [url]}
    assert "00081196" not in item
    assert "Warning" not in stored.headers


def test_the_sequence_of_failed_attributes_is_always_there_on_v2_and_empty_when_clean() -> None:
    assert only_item(answer(AZURE_V2, CREATED), "00081199")["00741048"] == {"vr": "SQ"}
    assert "00741048" not in only_item(answer(AZURE_V1, CREATED), "00081199")
    assert "00741048" not in only_item(answer(STANDARD, CREATED), "00081199")


@pytest.mark.parametrize("surface", AZURE, ids=lambda surface: surface.name)
def test_azure_names_the_study_only_when_the_url_does_and_something_was_stored(
    surface: Surface,
) -> None:
    url = {"vr": "UR", "Value": [f"{BASE}{surface.prefix}/studies/1.2"]}

    assert dataset(answer(surface, CREATED, study="1.2"))["00081190"] == url
    assert "00081190" not in dataset(answer(surface, CREATED))
    assert "00081190" not in dataset(answer(surface, UNREADABLE, study="1.2"))


def test_the_standard_names_the_study_unless_there_are_several() -> None:
    other = outcome(Disposition.CREATED, 2, study="1.9")

    one = dataset(answer(STANDARD, CREATED, outcome(Disposition.ALREADY_HELD, 2)))
    two = dataset(answer(STANDARD, CREATED, other))

    assert one["00081190"]["Value"] == [f"{BASE}/dicom-web/studies/1.2"]
    assert two["00081190"] == {"vr": "UR"}
    assert dataset(answer(STANDARD, UNREADABLE))["00081190"] == {"vr": "UR"}


@pytest.mark.parametrize(
    ("disposition", "azure", "standard"),
    [
        (Disposition.CREATED, None, None),
        (Disposition.NEW_VERSION, None, None),
        (Disposition.ALREADY_HELD, 45070, None),
        (Disposition.CONFLICT, 45070, 45070),
        (Disposition.REFUSED, 43264, 43264),
        (Disposition.UNREADABLE, 272, 0xC000),
    ],
)
def test_each_disposition_has_its_failure_reason(
    disposition: Disposition, azure: int | None, standard: int | None
) -> None:
    for surface, expected in ((AZURE_V1, azure), (AZURE_V2, azure), (STANDARD, standard)):
        said = answer(surface, outcome(disposition))

        assert said.status == (200 if expected is None else 409)
        if expected is not None:
            assert reason_of(said) == expected
            assert only_item(said, "00081198")["00081155"]["Value"] == ["1.2.3.1"]


@pytest.mark.parametrize("surface", AZURE, ids=lambda surface: surface.name)
def test_an_upsert_of_the_same_bytes_is_stored(surface: Surface) -> None:
    assert answer(surface, outcome(Disposition.ALREADY_HELD), upsert=True).status == 200


def test_an_instance_of_another_study_has_the_reason_of_the_surface() -> None:
    refused = outcome(Disposition.REFUSED, 1, MISMATCH)

    assert reason_of(answer(AZURE_V1, refused)) == 43264
    assert reason_of(answer(AZURE_V2, refused)) == 43264
    assert reason_of(answer(STANDARD, refused)) == 43265
    both = outcome(Disposition.REFUSED, 1, MISMATCH, ERROR)
    assert reason_of(answer(STANDARD, both)) == 43264


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_a_refused_instance_says_which_attribute_is_wrong_and_why(surface: Surface) -> None:
    refused = answer(surface, outcome(Disposition.REFUSED, 1, WARNING, ERROR))

    [comment] = only_item(refused, "00081198")["00741048"]["Value"]
    assert comment == {
        "00000902": {"vr": "LO", "Value": ["DICOM100: (0010,0020) - PatientID is no LO."]}
    }


def test_an_unreadable_part_has_only_a_reason_on_azure_and_a_sequence_of_its_own_else() -> None:
    azure = answer(AZURE_V2, UNREADABLE)
    standard = answer(STANDARD, UNREADABLE)

    assert only_item(azure, "00081198") == {"00081197": {"vr": "US", "Value": [272]}}
    assert "00081198" not in dataset(standard)
    assert reason_of(standard, "0008119A") == 0xC000
    [comment] = only_item(standard, "0008119A")["00741048"]["Value"]
    assert comment["00000902"]["Value"] == ["It is no DICOM data set."]


def test_a_duplicate_is_explained_on_the_standard_surface() -> None:
    duplicate = answer(STANDARD, outcome(Disposition.CONFLICT))

    [comment] = only_item(duplicate, "00081198")["00741048"]["Value"]
    assert "same UIDs is held" in comment["00000902"]["Value"][0]


def test_a_stored_instance_with_findings_is_a_warning() -> None:
    stored = outcome(Disposition.CREATED, 1, WARNING)

    v1, v2, standard = (answer(surface, stored) for surface in SURFACES)

    assert (v1.status, v2.status, standard.status) == (200, 202, 200)
    assert "00081196" not in only_item(v1, "00081199")
    assert only_item(v2, "00081199")["00081196"] == {"vr": "US", "Value": [1]}
    assert only_item(standard, "00081199")["00081196"] == {"vr": "US", "Value": [45063]}
    for said in (v2, standard):
        [comment] = only_item(said, "00081199")["00741048"]["Value"]
        assert comment["00000902"]["Value"] == ["DICOM100: (0008,0020) - StudyDate is no date."]


def test_implicit_vr_is_a_warning_on_azure_only_and_wins_the_one_reason() -> None:
    stored = outcome(Disposition.CREATED, 1, WARNING, warnings=frozenset({IMPLICIT_VR}))
    clean = outcome(Disposition.CREATED, warnings=frozenset({IMPLICIT_VR}))

    v1, v2 = answer(AZURE_V1, stored), answer(AZURE_V2, stored)

    assert (v1.status, v2.status) == (200, 202)
    assert only_item(v1, "00081199")["00081196"]["Value"] == [45063]
    assert only_item(v2, "00081199")["00081196"]["Value"] == [45063]
    assert len(only_item(v2, "00081199")["00741048"]["Value"]) == 1
    assert answer(AZURE_V2, clean).status == 202
    assert "00081196" not in only_item(answer(STANDARD, clean), "00081199")


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_more_values_than_are_indexed_are_a_warning_of_the_whole_answer(surface: Surface) -> None:
    several = frozenset({MULTIPLE_VALUES})

    stored = answer(surface, outcome(Disposition.CREATED, warnings=several))
    refused = answer(surface, outcome(Disposition.REFUSED, 1, ERROR, warnings=several))

    assert stored.headers["Warning"] == (
        '299 pacs.example.org:8443: "One or more indexed Dicom tag(s) have multiple values, '
        'only first value is indexed."'
    )
    assert stored.status == 200
    assert "Warning" not in refused.headers


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_the_status_tells_all_some_and_none_apart(surface: Surface) -> None:
    refused = outcome(Disposition.REFUSED, 2, ERROR)

    assert answer(surface, CREATED, outcome(Disposition.CREATED, 3)).status == 200
    assert answer(surface, CREATED, refused).status == 202
    assert answer(surface, refused, UNREADABLE).status == 409
    assert answer(surface).status == 204
    assert answer(surface).body == b""


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_the_order_of_the_parts_is_kept(surface: Surface) -> None:
    outcomes = [outcome(Disposition.CREATED, number) for number in (5, 3, 9, 1)]

    items = dataset(answer(surface, *outcomes))["00081199"]["Value"]

    assert [item["00081155"]["Value"][0] for item in items] == [
        "1.2.3.5", "1.2.3.3", "1.2.3.9", "1.2.3.1",
    ]  # fmt: skip


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_an_archive_that_could_keep_nothing_fails_the_whole_request(surface: Surface) -> None:
    unavailable = outcome(Disposition.FAILED, error=ArchiveUnavailable("The disk does not answer."))

    with pytest.raises(ArchiveFull):
        answer(surface, FULL, unavailable)


def test_an_archive_that_could_keep_some_fails_the_others_one_by_one() -> None:
    failed = outcome(Disposition.FAILED, 2, error=ArchiveFull("No space is left."))

    azure, standard = answer(AZURE_V2, CREATED, failed), answer(STANDARD, CREATED, failed)

    assert (azure.status, standard.status) == (202, 202)
    assert (reason_of(azure), reason_of(standard)) == (272, 0xA700)
    assert reason_of(answer(STANDARD, CREATED, FULL), "0008119A") == 0xA700
    [comment] = only_item(standard, "00081198")["00741048"]["Value"]
    assert comment["00000902"]["Value"] == ["No space is left."]
    assert answer(STANDARD, outcome(Disposition.REFUSED, 1, ERROR), failed).status == 409


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_pydicom_reads_every_answer_as_a_data_set(surface: Surface) -> None:
    said = answer(
        surface,
        outcome(Disposition.CREATED, 1, WARNING),
        outcome(Disposition.REFUSED, 2, ERROR),
        UNREADABLE,
        outcome(Disposition.CONFLICT, 4),
    )

    read = pydicom.Dataset.from_json(said.body.decode())

    assert read.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "1.2.3.1"
    assert read.FailedSOPSequence[0].FailureReason == 43264
