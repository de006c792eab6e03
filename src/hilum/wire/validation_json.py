"""A validation report as JSON, written while files are looked at."""

import json
from collections.abc import Sequence
from typing import Any

from hilum.domain.identifiers import InstanceUIDs
from hilum.validation.findings import CODES, Finding, Severity
from hilum.validation.instance import Examination
from hilum.validation.summary import StudyReport, Summary


class JsonReport:
    """One object: `files` with the findings of each, then `studies`, then totals.

    Each method returns the next piece of the text.
    """

    def __init__(self) -> None:
        self._files = 0

    def start(self) -> str:
        return '{"files": ['

    def file(
        self,
        path: str | None,
        examination: Examination,
        findings: Sequence[Finding],
        held: InstanceUIDs | None = None,
    ) -> str:
        """What is wrong with one file.

        `held` names an instance of the archive, which may be too damaged to name itself.
        """
        facts = examination.facts
        row = {
            "path": path,
            "study": facts.study if facts else held and held.study,
            "series": facts.series if facts else held and held.series,
            "sop_instance": facts.sop_instance if facts else held and held.sop_instance,
            "findings": [finding_document(finding) for finding in findings],
        }
        self._files += 1
        return ("," if self._files > 1 else "") + "\n" + json.dumps(row, ensure_ascii=False)

    def close(
        self, studies: Sequence[StudyReport], summary: Summary, profile: str, skipped: int
    ) -> str:
        """The rest."""
        rest = {
            "studies": [
                {
                    "study": study.study,
                    "files": study.files,
                    "findings": [finding_document(finding) for finding in study.across],
                }
                for study in studies
            ],
            "profile": profile,
            "errors": summary.counts[Severity.ERROR],
            "warnings": summary.counts[Severity.WARNING],
            "remarks": summary.counts[Severity.INFO],
            "files_with_errors": summary.files_with_errors,
            "files_left_out": skipped,
        }
        return "\n], " + json.dumps(rest, ensure_ascii=False)[1:] + "\n"


def finding_document(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON tells it."""
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "path": None if finding.path is None else str(finding.path),
        "where": finding.where,
        "expected": finding.expected,
        "found": finding.found,
        "section": finding.section,
        "mend": CODES[finding.code].mend,
    }
