"""What an import did: counts, and every refusal grouped by its reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from hilum.domain.findings import Severity
from hilum.domain.instances import Disposition, Outcome
from hilum.inbound.folder.candidates import Refused, Skip, Skipped

_EXAMPLES: Final = 5
_FINDINGS: Final = 5
"""Errors of one file that its reason names."""
_GROUPS: Final = 1_000
_OTHER: Final = "other reasons (there are too many to list)"


@dataclass(slots=True)
class RefusalGroup:
    """Files that share a reason; a few of them by name."""

    reason: str
    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ImportReport:
    """Grows while the import runs; its size is bounded whatever the import's."""

    created: int = 0
    new_versions: int = 0
    already_held: int = 0
    skipped_accepted_before: int = 0
    """Files that an earlier run of the same import had brought in and that are still held."""
    not_dicom: int = 0
    index_files: int = 0
    refused: int = 0
    quarantined: int = 0
    """Those of the refused that are kept apart."""
    failed: int = 0
    new_bytes: int = 0
    """Size of what this run brought in."""
    already_held_bytes: int = 0
    """Size of files that were read and whose bytes the archive held; of skipped ones none is."""
    seen_weight_bytes: int = 0
    """Share of the work that is done, in the unit of the survey: bytes on the disk."""
    stopped_because: str | None = None
    """Set when the import gave up before its end, in words for the person who started it."""
    groups: dict[str, RefusalGroup] = field(default_factory=dict)

    @property
    def held(self) -> int:
        """Files whose bytes the archive holds now, thanks to this run or before."""
        return self.created + self.new_versions + self.already_held + self.skipped_accepted_before

    @property
    def seen(self) -> int:
        """Files met so far."""
        return self.held + self.not_dicom + self.index_files + self.refused + self.failed

    @property
    def complete(self) -> bool:
        """True when everything that is DICOM is held."""
        return self.refused == 0 and self.failed == 0 and self.stopped_because is None

    def skipped(self, skipped: Skipped) -> None:
        self.seen_weight_bytes += skipped.weight_bytes
        match skipped.kind:
            case Skip.NOT_DICOM:
                self.not_dicom += 1
            case Skip.INDEX_FILE:
                self.index_files += 1
            case _:
                self.refuse(skipped.name, skipped.reason)

    def passed_over(self, name: str, refused: Refused) -> None:
        """A candidate that turned out to be nothing for the pipeline."""
        self.skipped(Skipped(name, refused.kind, refused.reason))

    def count(self, name: str, outcome: Outcome, size_bytes: int) -> None:
        """Add the pipeline's answer for one file."""
        self.quarantined += outcome.quarantined is not None
        match outcome.disposition:
            case Disposition.CREATED:
                self.created += 1
                self.new_bytes += size_bytes
            case Disposition.NEW_VERSION:
                self.new_versions += 1
                self.new_bytes += size_bytes
            case Disposition.ALREADY_HELD:
                self.already_held += 1
                self.already_held_bytes += size_bytes
            case Disposition.FAILED:
                self.fail(name, why_not_held(outcome))
            case _:
                self.refuse(name, why_not_held(outcome))

    def refuse(self, name: str, reason: str) -> None:
        """The file is at fault."""
        self.refused += 1
        self._group(name, reason)

    def fail(self, name: str, reason: str) -> None:
        """The archive is at fault."""
        self.failed += 1
        self._group(name, reason)

    def largest_groups(self) -> Sequence[RefusalGroup]:
        """Most frequent reason first."""
        return sorted(self.groups.values(), key=lambda group: (-group.count, group.reason))

    def _group(self, name: str, reason: str) -> None:
        key = reason if reason in self.groups or len(self.groups) < _GROUPS else _OTHER
        group = self.groups.setdefault(key, RefusalGroup(key))
        group.count += 1
        if len(group.examples) < _EXAMPLES:
            group.examples.append(name)


def why_not_held(outcome: Outcome) -> str:
    """A reason to group by: the same for all files with the same fault."""
    if outcome.disposition is Disposition.CONFLICT:
        return (
            "other bytes are held under the same UIDs "
            "(--on-conflict new-version replaces them and keeps a trace in the feed)"
        )
    errors = [finding for finding in outcome.findings if finding.severity is Severity.ERROR]
    if errors:
        return _few(sorted({f"{e.text} {e.tag_text}".strip() for e in errors}))
    return str(outcome.error) if outcome.error else outcome.disposition.value


def _few(texts: Sequence[str]) -> str:
    more = len(texts) - _FINDINGS
    named = "; ".join(texts[:_FINDINGS])
    return f"{named}; and {more} more errors" if more > 0 else named
