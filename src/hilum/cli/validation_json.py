"""The report of `hilum validate` as JSON, written while files are looked at."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hilum.validation.findings import Finding, Severity
from hilum.validation.instance import Examination
from hilum.validation.summary import StudyReport, Summary


class JsonReport:
    """One object: `files` with the findings of each, then `studies`, then totals."""

    def __init__(self) -> None:
        self._files = 0
        sys.stdout.write('{"files": [')

    def file(self, path: Path, examination: Examination, findings: Sequence[Finding]) -> None:
        """Write what is wrong with one file."""
        facts = examination.facts
        row = {
            "path": str(path),
            "study": facts.study if facts else None,
            "series": facts.series if facts else None,
            "sop_instance": facts.sop_instance if facts else None,
            "findings": [finding_document(finding) for finding in findings],
        }
        sys.stdout.write(",\n" if self._files else "\n")
        json.dump(row, sys.stdout, ensure_ascii=False)
        self._files += 1

    def close(
        self, studies: Sequence[StudyReport], summary: Summary, profile: str, skipped: int
    ) -> None:
        """Write the rest."""
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
        sys.stdout.write("\n], " + json.dumps(rest, ensure_ascii=False)[1:] + "\n")


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
    }
