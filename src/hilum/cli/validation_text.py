"""The report of `hilum validate` as text."""

from collections.abc import Iterator

from hilum.cli.console import counted
from hilum.validation.findings import CODES, Finding, Severity
from hilum.validation.summary import UNREAD, Shared, StudyReport, Summary, place_text


def lines(study: StudyReport) -> Iterator[str]:
    """Yield the lines about one study."""
    yield f"{title(study)}: {counted(study.files, 'file')}"
    for finding in study.across:
        yield from _finding(finding, "in the whole study")
    for shared in study.shared:
        yield from _finding(shared.finding, _files(shared, study.files))
    if not study.across and not study.shared:
        yield "  nothing to tell"
    yield ""


def title(study: StudyReport) -> str:
    return "Files without a study" if study.study == UNREAD else f"Study {study.study}"


def _finding(finding: Finding, where: str) -> Iterator[str]:
    place = place_text(finding)
    yield f"  {finding.severity.value:<8} {finding.code}{': ' if place else ''}{place}"
    yield f"           {sentence(finding)}"
    yield f"           {where}; mend: {CODES[finding.code].mend}"


def sentence(finding: Finding) -> str:
    """`expected ..., found ... [PS3.3 C.7.6.3]`, or what the code means."""
    if finding.expected:
        text = f"expected {finding.expected}; found {finding.found}"
    else:
        text = finding.found or CODES[finding.code].meaning
    return f"{text} [{finding.section}]" if finding.section else text


def _files(shared: Shared, all_files: int) -> str:
    names = ", ".join(shared.files)
    more = shared.count - len(shared.files)
    rest = f" and {more:,} more" if more else ""
    return f"in {shared.count:,} of {counted(all_files, 'file')}: {names}{rest}"


def total(summary: Summary, profile: str, skipped: int) -> str:
    """The last line."""
    counts = summary.counts
    text = (
        f"{counted(summary.files, 'file')}, {summary.files_with_errors:,} with errors; "
        f"{counted(counts[Severity.ERROR], 'error')}, "
        f"{counted(counts[Severity.WARNING], 'warning')}, "
        f"{counted(counts[Severity.INFO], 'remark')} (profile {profile})"
    )
    return f"{text}; {counted(skipped, 'file')} left out as no DICOM" if skipped else text
