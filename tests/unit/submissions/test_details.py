"""What the event of the stage `validator` tells of files."""

from pathlib import Path

from hilum.domain.findings import Finding, Severity
from hilum.domain.submissions import FileNote, FileState
from hilum.submissions.codes import FILE_CODES, file_finding
from hilum.submissions.details import MOST_ERRORS, Details, in_words


def a_note(number: int, state: FileState, *findings: Finding) -> FileNote:
    return FileNote(number, state, "name^of^patient.dcm", "", 1, findings=findings)


def missing(tag: int) -> Finding:
    return Finding("attribute-missing", Severity.ERROR, tag, "It is missing.")


def test_errors_name_number_code_and_tag_and_never_the_file() -> None:
    details = Details()

    details.add(a_note(3, FileState.QUARANTINED, missing(0x0020000D)))

    told = details.told(is_valid=False, file_size=7)
    assert told["errors"] == ["File 3: attribute-missing (0020,000d): It is missing."]
    assert told["missing_tags"] == ["StudyInstanceUID"]
    assert told["file_size"] == 7


def test_an_upload_without_a_single_file_to_keep_says_so() -> None:
    assert Details().told(is_valid=False, file_size=22)["errors"] == ["There is no file to keep."]


def test_warnings_are_no_errors() -> None:
    details = Details()
    warning = Finding("value-format", Severity.WARNING, 0x00080020, "Odd.")

    details.add(a_note(0, FileState.VALID, warning), "CT", "20240101")

    told = details.told(is_valid=True, file_size=7)
    assert told["errors"] == []
    assert (told["modality"], told["study_date"]) == ("CT", "20240101")


def test_a_thousand_errors_are_counted_and_some_told() -> None:
    details = Details()

    for number in range(1000):
        details.add(a_note(number, FileState.QUARANTINED, missing(0x0020000D)))

    errors = details.told(is_valid=False, file_size=0)["errors"]
    assert isinstance(errors, list)
    assert len(errors) == MOST_ERRORS + 1
    assert errors[-1] == f"... and {1000 - MOST_ERRORS} more"


def test_what_is_told_twice_of_a_file_counts_once() -> None:
    details = Details()

    for _ in range(2):
        details.add(a_note(0, FileState.QUARANTINED, missing(0x0020000D)))

    errors = details.told(is_valid=False, file_size=0)["errors"]
    assert isinstance(errors, list)
    assert len(errors) == 1


def test_counts_in_words_leave_out_what_there_is_none_of() -> None:
    words = {FileState.VALID: "valid", FileState.QUARANTINED: "in quarantine"}

    assert in_words({FileState.VALID: 3, FileState.QUARANTINED: 0}, words) == "3 valid"


def test_every_code_of_files_has_a_meaning_and_a_mend() -> None:
    for code, known in FILE_CODES.items():
        finding = file_finding(code)
        assert finding.code == code
        assert finding.severity is known.severity
        assert known.meaning.endswith(".")
        assert known.mend.endswith(".")


def test_the_page_of_findings_has_a_line_for_every_code_of_files() -> None:
    text = (Path(__file__).parents[3] / "docs" / "findings.md").read_text()

    for code, known in FILE_CODES.items():
        assert f"| `{code}` | {known.severity.value} | {known.meaning} | {known.mend} |" in text
