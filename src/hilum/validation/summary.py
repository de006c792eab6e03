"""Findings of many files put together, study by study, with bounded memory."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from hilum.validation.findings import Finding, Severity, keyword_of
from hilum.validation.instance import Examination
from hilum.validation.profiles import DeepProfile
from hilum.validation.study import Studies

FILES_NAMED: Final = 5
"""Files that are named of those that share a finding."""
UNREAD: Final = ""
"""Stands for the study of files that cannot be read or name none."""
_ORDER: Final = {severity: place for place, severity in enumerate(Severity)}


@dataclass(slots=True)
class Shared:
    """One finding and the files that have it; places in sequences do not tell findings apart."""

    finding: Finding
    files: list[str] = field(default_factory=list)
    """The first of them."""
    count: int = 0
    """Of files."""


@dataclass(slots=True)
class StudyReport:
    """What is wrong with one study."""

    study: str
    files: int = 0
    shared: list[Shared] = field(default_factory=list)
    """The worst first."""
    across: tuple[Finding, ...] = ()
    """What is wrong across its instances."""


class Summary:
    """Collects examinations; what it keeps grows with kinds of findings, not with files.

    Of each instance it keeps some hundred bytes to judge its study by.
    """

    def __init__(self) -> None:
        self.files = 0
        self.files_with_errors = 0
        self.counts: Counter[Severity] = Counter()
        self._sizes: Counter[str] = Counter()
        self._shared: dict[str, dict[tuple[object, ...], Shared]] = {}
        self._studies = Studies()

    def add(self, name: str, examination: Examination, findings: Iterable[Finding]) -> None:
        """Count one file; `findings` are those that the profile tells."""
        facts = examination.facts
        study = UNREAD if facts is None else facts.study
        if facts is not None:
            self._studies.add(facts)
        self.files += 1
        self._sizes[study] += 1
        kinds = self._shared.setdefault(study, {})
        severities = set()
        seen = set()
        for finding in findings:
            self.counts[finding.severity] += 1
            severities.add(finding.severity)
            key = (finding.code, _tags(finding), finding.expected, finding.found)
            shared = kinds.setdefault(key, Shared(finding))
            if key not in seen:
                seen.add(key)
                shared.count += 1
                if len(shared.files) < FILES_NAMED:
                    shared.files.append(name)
        self.files_with_errors += Severity.ERROR in severities

    def studies(self, profile: DeepProfile) -> Iterator[StudyReport]:
        """Yield a report of each study, and count what is wrong across them."""
        across = {}
        for study, _, findings in self._studies.findings():
            across[study] = profile.apply(findings) if study else ()
            self.counts.update(finding.severity for finding in across[study])
        for study, kinds in self._shared.items():
            ordered = sorted(kinds.values(), key=lambda shared: _ORDER[shared.finding.severity])
            yield StudyReport(study, self._sizes[study], ordered, across.get(study, ()))


def _tags(finding: Finding) -> tuple[int, ...]:
    path = finding.path
    return () if path is None else (*(tag for tag, _ in path.items), path.tag)


def place_text(finding: Finding) -> str:
    """`Keyword > Keyword (gggg,eeee)`; nothing when no attribute is meant."""
    if finding.path is None:
        return ""
    around = [keyword_of(tag) or f"{tag:08X}" for tag, _ in finding.path.items]
    keyword = keyword_of(finding.path.tag)
    tag = finding.path.tag
    own = f"{keyword} ({tag >> 16:04x},{tag & 0xFFFF:04x})".strip()
    return " > ".join([*around, own])
