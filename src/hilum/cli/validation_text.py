"""The report of `hilum validate` as text."""

from collections.abc import Iterator

from hilum.foundation.counting import counted
from hilum.validation.findings import CODES, Finding
from hilum.validation.summary import Shared, StudyReport, place_text
from hilum.wire.validation_words import sentence, title


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


def _finding(finding: Finding, where: str) -> Iterator[str]:
    place = place_text(finding)
    yield f"  {finding.severity.value:<8} {finding.code}{': ' if place else ''}{place}"
    yield f"           {sentence(finding)}"
    yield f"           {where}; mend: {CODES[finding.code].mend}"


def _files(shared: Shared, all_files: int) -> str:
    names = ", ".join(shared.files)
    more = shared.count - len(shared.files)
    rest = f" and {more:,} more" if more else ""
    return f"in {shared.count:,} of {counted(all_files, 'file')}: {names}{rest}"
