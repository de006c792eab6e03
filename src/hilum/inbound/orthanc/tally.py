"""What became of the instances of one study, and which failures count how."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from hilum.domain.errors import ArchiveFault, HilumError, LimitExceeded
from hilum.domain.findings import Severity
from hilum.domain.instances import Disposition, Outcome
from hilum.inbound.orthanc.errors import SourceFailed, SourceUnavailable, UnknownAtSource

METADATA: Final = "Metadata parsing failure"
DATABASE: Final = "DB write failure"
STORAGE: Final = "Storage write failure"
SCHEMA: Final = "Schema validation failure"
"""Reasons of a dead letter, in the words of the `dicom.metadata.dlq` contract. A fetch that failed
is filed as `METADATA`, as that contract has it; the stage tells it apart."""

_FAILURES_REMEMBERED: Final = 100
_FINDINGS_REMEMBERED: Final = 20
"""Of one instance."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One instance that could not be kept, or a study that could not be read at all."""

    source_id: str
    reason: str
    stage: str
    """fetch, read, validate, storage, database."""
    error_class: str
    message: str
    passing: bool
    """Another attempt may succeed."""
    ours: bool = False
    """The archive could not: never a reason to give an instance up."""
    findings: Sequence[str] = ()


@dataclass(slots=True)
class Tally:
    """Counts, and the first failures; bounded however many instances there are."""

    failed: int = 0
    passing: int = 0
    """Of those that failed."""
    ours: int = 0
    failures: list[Failure] = field(default_factory=list)
    series: set[str] = field(default_factory=set)
    """Those with a failure."""

    def fail(self, failure: Failure) -> None:
        self.failed += 1
        self.passing += failure.passing
        self.ours += failure.ours
        if len(self.failures) < _FAILURES_REMEMBERED:
            self.failures.append(failure)

    @property
    def digest(self) -> str:
        """Equal for the same failures, whatever their order; empty without any."""
        if not self.failures:
            return ""
        lines = sorted(f"{one.source_id} {one.reason} {one.error_class}" for one in self.failures)
        text = "\n".join([str(self.failed), *lines])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def failure_of_outcome(source_id: str, outcome: Outcome) -> Failure:
    """Why the pipeline did not keep an instance; values of the data set stay out."""
    if outcome.disposition is Disposition.REFUSED:
        findings = [
            f"{each.tag_text} {each.code}: {each.text}".strip()
            for each in outcome.findings
            if each.severity is Severity.ERROR
        ]
        more = len(findings) - _FINDINGS_REMEMBERED
        if more > 0:
            findings = [*findings[:_FINDINGS_REMEMBERED], f"and {more} more errors"]
        message = "Validation refused the instance."
        return Failure(source_id, SCHEMA, "validate", "refused", message, False, False, findings)
    if outcome.disposition is Disposition.CONFLICT:
        message = "Other bytes are held under the same UIDs, and the policy refuses these."
        return Failure(source_id, SCHEMA, "validate", "conflict", message, passing=False)
    return failure_of_error(source_id, outcome.error, fetching=False)


def failure_of_error(source_id: str, error: Exception | None, *, fetching: bool) -> Failure:
    """Why an instance or a study could not be fetched, read or kept."""
    name = error.code if isinstance(error, HilumError) else type(error).__name__
    message = str(error) if isinstance(error, HilumError) else "An unexpected error."
    if isinstance(error, ArchiveFault):
        if error.engine == "objects":
            return Failure(source_id, STORAGE, "storage", name, message, passing=True, ours=True)
        return Failure(source_id, DATABASE, "database", name, message, passing=True, ours=True)
    if isinstance(error, SourceFailed | SourceUnavailable | UnknownAtSource):
        # An instance that was listed and is not known any more was removed meanwhile: the next
        # attempt lists anew.
        return Failure(source_id, METADATA, "fetch", name, message, passing=True)
    if isinstance(error, LimitExceeded) and fetching:
        return Failure(source_id, METADATA, "fetch", name, message, passing=False)
    return Failure(
        source_id, METADATA, "read", name, message, passing=not isinstance(error, HilumError)
    )
