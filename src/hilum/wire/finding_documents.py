"""Findings of one instance as JSON documents tell them, with what to do about each."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hilum.domain.findings import Finding, Severity
from hilum.ingest.validate import MENDS
from hilum.submissions.codes import FILE_CODES
from hilum.validation.findings import mend_of

_ORDER: Final = {severity: place for place, severity in enumerate(Severity)}


def finding_document(finding: Finding) -> Mapping[str, Any]:
    """One finding as JSON; no value of it can name a patient."""
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "tag": finding.tag_text or None,
        "path": finding.path or finding.tag_text or None,
        "expected": finding.expected,
        "found": finding.found,
        "section": finding.section,
        "text": finding.text,
        "mend": mend(finding),
    }


def mend(finding: Finding) -> str:
    """What to do about it, in a sentence; empty when nothing general can be said."""
    of_file = FILE_CODES.get(finding.code)
    if of_file is not None and not finding.path:
        return of_file.mend
    return mend_of(finding.code) or MENDS.get(finding.code, "")


def worst_first(findings: Sequence[Finding]) -> Sequence[Finding]:
    """The same findings, errors before warnings before remarks, otherwise in their order."""
    return sorted(findings, key=lambda finding: _ORDER[finding.severity])
