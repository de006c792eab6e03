"""Validation by profile; names of Azure rules follow sections 2.2 and 2.3 of their description."""

import io
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from hilum.dicom.header import HeaderLimits
from hilum.domain.findings import Severity
from hilum.domain.identifiers import StudyInstanceUID
from hilum.domain.instances import StorePolicy
from hilum.ingest.describe import WANTED_TAGS
from hilum.ingest.examine import read_header
from hilum.ingest.profiles import PROFILES
from hilum.ingest.short_rules import SHORT_RULES
from hilum.ingest.validate import (
    ATTRIBUTE_MISSING,
    CODES,
    NOTICES,
    STUDY_MISMATCH,
    VALUE_INVALID,
    VALUE_MISSING,
    VR_MISMATCH,
    Verdict,
    validate,
)
from hilum.submissions.codes import FILE_CODES
from tests.instances import a_dataset

_STUDY_UID = 0x0020000D
_PATIENT_ID = 0x00100020
_ALL = sorted(PROFILES)


def _verdict(
    dataset: Dataset,
    profile: str,
    *,
    study: str | None = None,
    syntax: str = ExplicitVRLittleEndian,
) -> Verdict:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom minds what we plant
        dataset.preamble = bytes(128)
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
        file = io.BytesIO()
        dcmwrite(file, dataset)
    header = read_header(file.getvalue(), limits=HeaderLimits(), wanted=WANTED_TAGS)
    policy = StorePolicy(profile, study=None if study is None else StudyInstanceUID(study))
    return validate(header, policy)


def _planted(keyword: str, vr: str, value: Any) -> Dataset:
    """A data set with a value that pydicom would not let through by itself."""
    dataset = a_dataset(**{keyword: None})
    element = Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        element.add_new(keyword, vr, value)
    dataset.update(element)
    return dataset


def _told(verdict: Verdict) -> list[tuple[str, Severity, int | None]]:
    return [(finding.code, finding.severity, finding.tag) for finding in verdict.findings]


@pytest.mark.parametrize("profile", _ALL)
def test_a_good_instance_passes_every_profile(profile: str) -> None:
    verdict = _verdict(a_dataset(), profile)

    assert verdict.findings == ()
    assert verdict.notices == frozenset()
    assert verdict.uids is not None


@pytest.mark.parametrize("profile", _ALL)
@pytest.mark.parametrize(
    "keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"]
)
@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, ATTRIBUTE_MISSING),
        ("", VALUE_MISSING),
        ("1.2.x", VALUE_INVALID),
        ("1." * 32 + "1", VALUE_INVALID),
        ("1.2.", VALUE_INVALID),
    ],
)
def test_every_profile_demands_the_four_uids(
    profile: str, keyword: str, value: str | None, code: str
) -> None:
    dataset = a_dataset(**{keyword: None}) if value is None else _planted(keyword, "UI", value)
    verdict = _verdict(dataset, profile)

    assert verdict.is_refused
    assert code in [finding.code for finding in verdict.findings]
    assert (verdict.uids is None) == (keyword != "SOPClassUID")
    for finding in verdict.findings:
        assert not value or value not in finding.text


@pytest.mark.parametrize("profile", ["azure-v1", "azure-v2", "standard", "minimal"])
def test_leading_zeros_and_padding_of_uids_are_accepted(profile: str) -> None:
    verdict = _verdict(_planted("StudyInstanceUID", "UI", "1.02.003"), profile)

    assert not verdict.is_refused
    assert verdict.findings == ()
    assert verdict.uids is not None
    assert verdict.uids.study == "1.02.003"


@pytest.mark.parametrize("profile", _ALL)
def test_an_instance_of_another_study_than_the_policy_names_is_refused(profile: str) -> None:
    verdict = _verdict(a_dataset(StudyInstanceUID="1.2.3"), profile, study="1.2.4")

    assert _told(verdict) == [(STUDY_MISMATCH, Severity.ERROR, _STUDY_UID)]
    assert not _verdict(a_dataset(StudyInstanceUID="1.2.3"), profile, study="1.2.3").findings


@pytest.mark.parametrize(
    ("profile", "absent", "empty", "illegal"),
    [
        ("azure-v1", Severity.ERROR, Severity.ERROR, Severity.ERROR),
        ("azure-v2", Severity.ERROR, Severity.WARNING, Severity.ERROR),
        ("standard", Severity.WARNING, None, Severity.WARNING),
        ("strict", Severity.ERROR, None, Severity.ERROR),
        ("minimal", None, None, None),
    ],
)
def test_patient_id_is_demanded_as_the_profile_says(
    profile: str, absent: Severity | None, empty: Severity | None, illegal: Severity | None
) -> None:
    cases = [
        (a_dataset(PatientID=None), absent),
        (a_dataset(PatientID=""), empty),
        (_planted("PatientID", "LO", "A\tB"), illegal),
    ]
    for dataset, severity in cases:
        severities = [finding.severity for finding in _verdict(dataset, profile).findings]
        assert severities == ([] if severity is None else [severity])


@pytest.mark.parametrize("profile", ["azure-v1", "azure-v2"])
def test_nul_padding_of_patient_id_is_tolerated(profile: str) -> None:
    assert _verdict(_planted("PatientID", "LO", "ABC\0"), profile).findings == ()


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [
        ("PatientName", "PN", "A^B^C^D^E^F"),
        ("PatientName", "PN", "x" * 65),
        ("PatientBirthDate", "DA", "19701341"),
        ("StudyDate", "DA", "2024.02.29"),
        ("StudyDescription", "LO", "x" * 65),
        ("StudyDescription", "LO", "a\x01b"),
        ("AccessionNumber", "SH", "x" * 17),
        ("Modality", "CS", "X" * 17),
        ("PerformedProcedureStepStartDate", "DA", "today"),
        ("ManufacturerModelName", "LO", "x" * 65),
        ("ReferringPhysicianName", "PN", "a\x07b"),
    ],
)
def test_azure_v1_refuses_an_invalid_value_of_an_indexed_attribute(
    keyword: str, vr: str, value: str
) -> None:
    verdict = _verdict(_planted(keyword, vr, value), "azure-v1")

    assert [finding.code for finding in verdict.findings] == [VALUE_INVALID]
    assert verdict.is_refused
    assert value not in verdict.findings[0].text


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [
        ("StudyTime", "TM", "noon"),
        ("InstanceCreationDate", "DA", "never"),
        ("Modality", "CS", "lower"),
    ],
)
def test_azure_v1_looks_at_no_other_attribute_and_is_lax(keyword: str, vr: str, value: str) -> None:
    assert _verdict(_planted(keyword, vr, value), "azure-v1").findings == ()


def test_azure_v1_refuses_another_vr_than_is_indexed() -> None:
    verdict = _verdict(_planted("StudyDescription", "SH", "Abdomen"), "azure-v1")

    assert _told(verdict) == [(VR_MISMATCH, Severity.ERROR, 0x00081030)]


def test_azure_v1_checks_the_first_value_only() -> None:
    verdict = _verdict(_planted("StudyDate", "DA", ["20240101", "junk"]), "azure-v1")

    assert verdict.findings == ()
    assert verdict.notices == {"multiple-values"}


@pytest.mark.parametrize(
    ("profile", "severity"),
    [
        ("azure-v2", Severity.WARNING),
        ("standard", Severity.WARNING),
        ("strict", Severity.ERROR),
    ],
)
def test_other_profiles_tell_the_first_problem_of_each_attribute(
    profile: str, severity: Severity
) -> None:
    dataset = _planted("StudyTime", "TM", "noon")
    item = _planted("StudyDate", "DA", "never")
    item.update(_planted("StudyTime", "TM", "never"))
    dataset.ReferencedStudySequence = [item, item]
    verdict = _verdict(dataset, profile)

    assert _told(verdict) == [
        (VALUE_INVALID, severity, 0x00080030),
        (VALUE_INVALID, severity, 0x00081110),
    ]
    assert verdict.is_refused == (profile == "strict")
    assert not any(
        word in finding.text for finding in verdict.findings for word in ("noon", "never")
    )


def test_minimal_tells_nothing_of_values() -> None:
    assert _verdict(_planted("StudyTime", "TM", "noon"), "minimal").findings == ()


def test_implicit_vr_and_multiple_values_are_notices() -> None:
    dataset = a_dataset(ManufacturerModelName=["A", "B"])
    verdict = _verdict(dataset, "azure-v2", syntax=ImplicitVRLittleEndian)

    assert verdict.notices == {"implicit-vr", "multiple-values"}
    assert verdict.findings == ()


def test_an_unknown_profile_names_those_there_are() -> None:
    with pytest.raises(KeyError, match="azure-v1, azure-v2, standard, strict, minimal"):
        _verdict(a_dataset(), "azure-v3")


@pytest.mark.parametrize(
    ("vr", "good", "bad"),
    [
        ("AE", ["", "A" * 16], ["A" * 17]),
        ("AS", ["042Y"], ["42Y", "00042Y"]),
        ("CS", ["any thing"], ["A" * 17]),
        ("DA", ["20240229"], ["2024", "20240230x", "20241301"]),
        ("DT", ["2024", "20240229", "20240229101112.123456+0100", "2024022910"],
         ["24", "20240229abc", "2024022925"]),
        ("IS", [5, "5", "-2147483648"], ["five", 2**31, "1.5"]),
        ("LO", ["x" * 64, "a\x1bb"], ["x" * 65, "a\nb", "a\\b"]),
        ("PN", [{"Alphabetic": "A^B^C^D^E"}, {}, {"Ideographic": "山田^太郎"}],
         [{"Alphabetic": "A^B^C^D^E^F"}, {"Phonetic": "x" * 65}, {"Alphabetic": "a\tb"}]),
        ("SH", ["x" * 16], ["x" * 17]),
        ("TM", ["10", "101112.5"], ["25", "noon"]),
        ("UI", ["1.2.3", "1.02"], ["1.2.", "x", "1" * 65]),
    ],
)  # fmt: skip
def test_short_rules(vr: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert SHORT_RULES[vr](value) is None, value
    for value in bad:
        assert SHORT_RULES[vr](value) is not None, value


def test_the_document_of_findings_names_every_code_profile_and_notice() -> None:
    text = (Path(__file__).parents[3] / "docs" / "findings.md").read_text()
    told = set(re.findall(r"^\| `([a-z0-9-]+)`", text, re.MULTILINE))

    assert told == {*CODES, *NOTICES, *PROFILES, *FILE_CODES}


@pytest.mark.parametrize("offset", ["+9999", "-0000", "+1401", "-1201", "+1", "Z"])
@pytest.mark.parametrize(
    ("profile", "severity"),
    [("standard", Severity.WARNING), ("azure-v2", Severity.WARNING), ("strict", Severity.ERROR)],
)
def test_an_offset_from_utc_that_is_none_is_found(
    profile: str, severity: Severity, offset: str
) -> None:
    verdict = _verdict(_planted("TimezoneOffsetFromUTC", "SH", offset), profile)

    (finding,) = [each for each in verdict.findings if each.tag == 0x00080201]
    assert (finding.code, finding.severity) == (VALUE_INVALID, severity)


@pytest.mark.parametrize("offset", ["+0000", "-1200", "+1400", "+0530", "", "+0100 "])
def test_an_offset_from_utc_is_let_through(offset: str) -> None:
    verdict = _verdict(_planted("TimezoneOffsetFromUTC", "SH", offset), "strict")

    assert 0x00080201 not in {each.tag for each in verdict.findings}


@pytest.mark.parametrize("date", ["00000101", "19000229", "20230229", "20260431"])
def test_a_day_that_the_calendar_does_not_have_is_found(date: str) -> None:
    for profile, severity in (
        ("standard", Severity.WARNING),
        ("azure-v1", Severity.ERROR),
        ("azure-v2", Severity.WARNING),
    ):
        verdict = _verdict(_planted("StudyDate", "DA", date), profile)

        found = {(each.code, each.severity) for each in verdict.findings if each.tag == 0x00080020}
        assert found == {(VALUE_INVALID, severity)}
