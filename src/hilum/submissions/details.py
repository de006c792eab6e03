"""What the event of the stage `validator` tells of the files: `validation_details`."""

from collections.abc import Mapping
from typing import Final

from hilum.dicom.attributes import keyword_of
from hilum.domain.findings import Finding, Severity
from hilum.domain.submissions import FileNote, FileState

MOST_ERRORS: Final = 50
"""The event tells that many; all of them are with the files."""
_MISSING: Final = frozenset({"attribute-missing", "value-missing", "required-attribute"})


class Details:
    """Gathered while files are judged."""

    def __init__(self) -> None:
        self._errors: dict[str, None] = {}
        self._missing: dict[str, None] = {}
        self._more = 0
        self._modality = self._study_date = ""

    def add(self, note: FileNote, modality: str = "", study_date: str = "") -> None:
        """Count in what is noted of one file. The first one that is valid gives the study's."""
        if note.state is FileState.VALID:
            self._modality = self._modality or modality
            self._study_date = self._study_date or study_date
        for finding in note.findings:
            if finding.severity is Severity.ERROR:
                self._add(note.number, finding)

    def _add(self, number: int, finding: Finding) -> None:
        if finding.code in _MISSING and finding.tag is not None:
            self._missing[keyword_of(finding.tag) or finding.tag_text] = None
        where = " ".join(part for part in (finding.code, finding.tag_text) if part)
        error = f"File {number}: {where}: {finding.text}"
        if len(self._errors) < MOST_ERRORS:
            self._errors[error] = None
        elif error not in self._errors:
            self._more += 1

    @property
    def errors(self) -> list[str]:
        """The first of them, and how many more there are."""
        more = [f"... and {self._more} more"] if self._more else []
        return [*self._errors, *more]

    def told(self, *, is_valid: bool, file_size: int) -> dict[str, object]:
        """As the event has it."""
        nothing = [] if is_valid else ["There is no file to keep."]
        return {
            "is_valid": is_valid,
            "errors": self.errors or nothing,
            "missing_tags": sorted(self._missing),
            "file_size": file_size,
            "modality": self._modality,
            "study_date": self._study_date,
        }


def in_words(counts: Mapping[FileState, int], words: Mapping[FileState, str]) -> str:
    """`3 valid, 1 in quarantine`: for the history."""
    told = [f"{counts[state]} {word}" for state, word in words.items() if counts.get(state)]
    return ", ".join(told)
