"""Deep findings as every door tells them."""

from collections.abc import Iterable
from typing import Final

from hilum.domain import findings as domain
from hilum.validation.findings import CODES, Finding, Severity, keyword_of

MOST_TOLD: Final = 500
"""Of one instance, the worst: what is kept in rows and goes through queues has to be bounded."""
_ORDER: Final = {severity: place for place, severity in enumerate(Severity)}


def told(findings: Iterable[Finding]) -> tuple[domain.Finding, ...]:
    """Return findings of one instance in words, the worst first."""
    ordered = sorted(findings, key=lambda finding: _ORDER[finding.severity])
    return tuple(_told(finding) for finding in ordered[:MOST_TOLD])


def _told(finding: Finding) -> domain.Finding:
    path = finding.path
    return domain.Finding(
        finding.code,
        finding.severity,
        None if path is None else path.top_level_tag,
        sentence(finding),
        path="" if path is None else str(path),
        expected=finding.expected,
        found=finding.found,
        section=finding.section,
    )


def sentence(finding: Finding) -> str:
    """`PatientID: An attribute ... is absent (expected ...; found ...).`."""
    known = CODES.get(finding.code)
    text = finding.code if known is None else known.meaning.rstrip(".")
    keyword = "" if finding.path is None else keyword_of(finding.path.tag)
    if keyword:
        text = f"{keyword}: {text}"
    if finding.expected:
        return f"{text} (expected {finding.expected}; found {finding.found})."
    return f"{text}: {finding.found.rstrip('.')}." if finding.found else f"{text}."
