"""What all forms of a validation report say in the same words."""

from hilum.foundation.counting import counted
from hilum.validation.findings import CODES, Finding, Severity
from hilum.validation.summary import UNREAD, StudyReport, Summary


def title(study: StudyReport) -> str:
    """The heading of what is told of one study."""
    return "Files without a study" if study.study == UNREAD else f"Study {study.study}"


def sentence(finding: Finding) -> str:
    """`expected ..., found ... [PS3.3 C.7.6.3]`, or what the code means."""
    if finding.expected:
        text = f"expected {finding.expected}; found {finding.found}"
    else:
        text = finding.found or CODES[finding.code].meaning
    return f"{text} [{finding.section}]" if finding.section else text


def total(summary: Summary, profile: str, skipped: int) -> str:
    """One line about everything."""
    counts = summary.counts
    text = (
        f"{counted(summary.files, 'file')}, {summary.files_with_errors:,} with errors; "
        f"{counted(counts[Severity.ERROR], 'error')}, "
        f"{counted(counts[Severity.WARNING], 'warning')}, "
        f"{counted(counts[Severity.INFO], 'remark')} (profile {profile})"
    )
    return f"{text}; {counted(skipped, 'file')} left out as no DICOM" if skipped else text
