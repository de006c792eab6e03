"""Deep findings on the wires: which reason, how many, with what to do about them."""

from typing import Any

import pytest
from pydicom.datadict import tag_for_keyword

from hilum.domain.findings import Finding, Severity
from hilum.domain.instances import Disposition
from hilum.inbound.folder.report import why_not_held
from hilum.inbound.orthanc.tally import failure_of_outcome
from hilum.ingest.validate import CODES as SHORT_CODES
from hilum.submissions.codes import FILE_CODES, ZIP_EMPTY, file_finding
from hilum.validation.findings import CODES, NOT_UNDERSTOOD
from hilum.wire.dimse_status import CANNOT_UNDERSTAND, DATASET_DOES_NOT_MATCH, status_of
from hilum.wire.finding_documents import finding_document, mend
from hilum.wire.store_rules import DOES_NOT_MATCH
from hilum.wire.surfaces import AZURE_V2, STANDARD, SURFACES, Surface
from tests.unit.wire.test_store_response import answer, dataset, outcome

_FAILED, _STORED, _REASON, _WARNING = "00081198", "00081199", "00081197", "00081196"
_ATTRIBUTES, _COMMENT = "00741048", "00000902"


def _deep(code: str, keyword: str, severity: Severity = Severity.ERROR) -> Finding:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return Finding(
        code, severity, tag, f"{keyword}: {CODES[code].meaning}",
        path=f"({tag >> 16:04x},{tag & 0xFFFF:04x})", section="PS3.3 C.7",
    )  # fmt: skip


_MISSING = _deep("attribute-missing", "FrameOfReferenceUID")
_LENGTH = _deep("pixel-length", "PixelData")
_MILD = _deep("value-not-defined", "Modality", Severity.WARNING)
_REMARK = _deep("attribute-retired", "ImageDimensions", Severity.INFO)


def _item(surface: Surface, disposition: Disposition, *findings: Finding) -> dict[str, Any]:
    told = dataset(answer(surface, outcome(disposition, 1, *findings)))
    (item,) = told[_FAILED if disposition is Disposition.REFUSED else _STORED]["Value"]
    return item


def _comments(item: dict[str, Any]) -> list[str]:
    return [each[_COMMENT]["Value"][0] for each in item.get(_ATTRIBUTES, {}).get("Value", [])]


@pytest.mark.parametrize(
    ("findings", "reason"),
    [
        ((_MISSING,), DATASET_DOES_NOT_MATCH),
        ((_LENGTH,), CANNOT_UNDERSTAND),
        ((_LENGTH, _MISSING), DATASET_DOES_NOT_MATCH),
        ((_LENGTH, _MILD), CANNOT_UNDERSTAND),
    ],
)
def test_what_cannot_be_made_sense_of_has_another_reason_than_what_breaks_the_rules(
    findings: tuple[Finding, ...], reason: int
) -> None:
    assert status_of(outcome(Disposition.REFUSED, 1, *findings)).code == reason
    assert _item(STANDARD, Disposition.REFUSED, *findings)[_REASON]["Value"] == [reason]
    azure = _item(AZURE_V2, Disposition.REFUSED, *findings)
    assert azure[_REASON]["Value"] == [DOES_NOT_MATCH]


def test_a_comment_says_where_what_and_how_to_mend_it() -> None:
    item = _item(STANDARD, Disposition.REFUSED, _MISSING)

    assert _comments(item) == [
        "DICOM100: (0020,0052) - FrameOfReferenceUID: A required attribute is absent."
        " Add it; type 2 may be empty."
    ]


def test_a_remark_alone_is_no_warning() -> None:
    for surface in SURFACES:
        item = _item(surface, Disposition.CREATED, _REMARK)

        assert _WARNING not in item
        assert _comments(item) == []


def test_of_hundreds_of_deep_findings_the_first_are_told_and_the_others_counted() -> None:
    item = _item(STANDARD, Disposition.CREATED, *([_MILD] * 3), *[_deep_at(n) for n in range(200)])

    comments = _comments(item)
    assert len(comments) == 51
    assert comments[-1] == "DICOM100: 153 more findings."


def _deep_at(number: int) -> Finding:
    return Finding(
        "multiplicity", Severity.WARNING, 0x00080008, "Too many.",
        path=f"(0008,1140)[{number}](0008,0008)", section="PS3.6 6",
    )  # fmt: skip


def test_an_import_and_a_dead_letter_name_some_errors_and_count_the_others() -> None:
    errors = [
        Finding("multiplicity", Severity.ERROR, n, f"Text {n}.", path="x") for n in range(1, 31)
    ]
    refused = outcome(Disposition.REFUSED, 1, *errors)

    assert why_not_held(refused).endswith("; and 25 more errors")
    findings = failure_of_outcome("a", refused).findings
    assert len(findings) == 21
    assert findings[-1] == "and 10 more errors"


@pytest.mark.parametrize("code", sorted(NOT_UNDERSTOOD))
def test_codes_that_cannot_be_understood_are_codes(code: str) -> None:
    assert code in CODES


def test_every_finding_says_what_to_do() -> None:
    for code in (*CODES, *SHORT_CODES):
        assert mend(Finding(code, Severity.ERROR, 0x00100010, "x", path="y")), code
    for code in FILE_CODES:
        assert mend(file_finding(code)) == FILE_CODES[code].mend


def test_a_finding_as_a_document_has_everything_that_is_known_of_it() -> None:
    assert finding_document(_MISSING) == {
        "code": "attribute-missing",
        "severity": "error",
        "tag": "(0020,0052)",
        "path": "(0020,0052)",
        "expected": "",
        "found": "",
        "section": "PS3.3 C.7",
        "text": "FrameOfReferenceUID: A required attribute is absent.",
        "mend": "Add it; type 2 may be empty.",
    }
    assert finding_document(file_finding(ZIP_EMPTY))["tag"] is None
