"""What somebody handed in to be validated and kept, and is answered later: its files, its states.

A submission is what one upload brought: any number of files, of any number of studies. It is named
by a UUID, its `study_id`, as the callers of the upload know it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

from hilum.domain.findings import Finding
from hilum.domain.identifiers import InstanceUIDs, SOPClassUID, Version
from hilum.domain.instances import StorePolicy
from hilum.domain.origins import Origin
from hilum.domain.records import FeedKind

StudyId = NewType("StudyId", str)
"""UUID (version 4) of a submission, in lower case with hyphens. No Study Instance UID."""


class SubmissionState(StrEnum):
    """Where a submission stands; the value is in rows and answers. Never goes back in a round."""

    UPLOADED = "uploaded"
    """Its files are on stable storage; nothing was read of them yet."""
    VALIDATING = "validating"
    VALIDATED = "validated"
    """Every file was judged, and at least one may be kept."""
    PROCESSING = "processing"
    """What may be kept is described and archived."""
    ARCHIVED = "archived"
    """At least one file is held; the counts say what became of the others."""
    VALIDATION_FAILED = "validation_failed"
    """None of its files may be kept; they are in quarantine."""
    FAILED = "failed"
    """Given up for a reason that is not in its files."""

    @property
    def rank(self) -> int:
        """A change of state within one round must raise it."""
        return _RANKS[self]


_RANKS: Final = {
    SubmissionState.UPLOADED: 0,
    SubmissionState.VALIDATING: 1,
    SubmissionState.VALIDATED: 2,
    SubmissionState.PROCESSING: 3,
    SubmissionState.ARCHIVED: 4,
    SubmissionState.VALIDATION_FAILED: 4,
    SubmissionState.FAILED: 4,
}
SUBMISSION_WORKED_ON: Final = frozenset({SubmissionState.VALIDATING, SubmissionState.PROCESSING})
"""States that a stage brings a submission to when it begins, each time it does."""
SUBMISSION_SETTLED: Final = frozenset(
    {SubmissionState.ARCHIVED, SubmissionState.VALIDATION_FAILED, SubmissionState.FAILED}
)
"""States in which nothing happens until somebody releases or repairs a file: a new round."""
HISTORY_KEPT: Final = 200
"""Newest lines of a history that are remembered."""

EVENT_OF_STATE: Final[Mapping[SubmissionState, str]] = {
    SubmissionState.UPLOADED: "study.uploaded",
    SubmissionState.VALIDATED: "study.validated",
    SubmissionState.VALIDATION_FAILED: "study.validation.failed",
    SubmissionState.ARCHIVED: "study.archived",
    SubmissionState.FAILED: "study.processing.failed",
}
"""Type of the event that tells of reaching a state; the others are in the history only."""
FEED_KIND_OF_STATE: Final[Mapping[SubmissionState, FeedKind]] = {
    SubmissionState.UPLOADED: FeedKind.STUDY_UPLOADED,
    SubmissionState.VALIDATED: FeedKind.STUDY_VALIDATED,
    SubmissionState.VALIDATION_FAILED: FeedKind.STUDY_VALIDATION_FAILED,
    SubmissionState.ARCHIVED: FeedKind.STUDY_ARCHIVED,
    SubmissionState.FAILED: FeedKind.PROCESSING_FAILED,
}
"""The entries of the feed that these events are made of."""


class FileState(StrEnum):
    """What became of one file of a submission."""

    RECEIVED = "received"
    UNPACKED = "unpacked"
    """A zip file, whose members are files of the submission by themselves."""
    IGNORED = "ignored"
    """Not meant to be kept, such as a DICOMDIR."""
    VALID = "valid"
    ARCHIVED = "archived"
    ALREADY_HELD = "already_held"
    """The archive had these bytes before."""
    QUARANTINED = "quarantined"
    DISCARDED = "discarded"
    """Taken out of quarantine for good."""
    FAILED = "failed"

    @property
    def rank(self) -> int:
        """A note of another state must raise it: one that comes late tells of what was."""
        return _FILE_RANKS[self]


_FILE_RANKS: Final = {
    FileState.RECEIVED: 0,
    FileState.VALID: 1,
    FileState.UNPACKED: 2,
    FileState.IGNORED: 2,
    FileState.QUARANTINED: 2,
    FileState.ARCHIVED: 3,
    FileState.ALREADY_HELD: 3,
    FileState.DISCARDED: 3,
    FileState.FAILED: 3,
}


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file as it was received."""

    number: int
    """Counts from 0 within the submission."""
    name: str
    """As the sender calls it; may tell of a patient, so it is shown to callers only."""
    place: str
    """Its name in `hilum.ports.holding`."""
    size_bytes: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class NewSubmission:
    """What a door received and put on stable storage."""

    study_id: StudyId
    origin: Origin
    policy: StorePolicy
    files: Sequence[NewFile]
    file_path: str = ""
    """Where its file lies, or the folder of its files, as its first event tells it."""

    @property
    def data(self) -> Mapping[str, object]:
        """What its first event tells."""
        size = sum(file.size_bytes for file in self.files)
        return {
            "file_path": self.file_path,
            "original_filename": self.files[0].name if self.files else "",
            "file_size": size,
            "files": len(self.files),
            "bytes": size,
        }


@dataclass(frozen=True, slots=True)
class FileNote:
    """What is known of one file now; replaces what was known of this number."""

    number: int
    state: FileState
    name: str
    place: str
    """Empty when there is nothing to hold any more."""
    size_bytes: int
    parent: int | None = None
    """Number of the zip file it is a member of."""
    uids: InstanceUIDs | None = None
    sop_class_uid: SOPClassUID | None = None
    version: Version | None = None
    """Of the instance, once archived."""
    code: str = ""
    """Why it is not kept: code of the first error among `findings`, or of an error."""
    findings: Sequence[Finding] = ()


@dataclass(frozen=True, slots=True)
class Advance:
    """A change of state."""

    to: SubmissionState
    text: str = ""
    """For the history; no patient data."""
    data: Mapping[str, object] = field(default_factory=dict)
    """What the event of this state tells, as JSON can hold it."""
    new_round: bool = False
    """Begin another round: allowed from a settled state only, and only this leads out of one."""


@dataclass(frozen=True, slots=True)
class SubmissionStep:
    """One line of a history."""

    time: datetime
    round: int
    state: SubmissionState
    text: str


@dataclass(frozen=True, slots=True)
class SubmissionRecord:
    """A submission as it stands."""

    key: int
    """Row key: newest highest."""
    study_id: StudyId
    state: SubmissionState
    round: int
    """Counts from 1; releasing or repairing a file of it begins another."""
    origin: Origin
    policy: StorePolicy
    created: datetime
    changed: datetime
    files: int
    """All of them: received, and unpacked from those."""
    size_bytes: int
    """As received."""
    counts: Mapping[FileState, int]
    data: Mapping[str, object]
    """Of the last event: a state without one keeps that of the state before."""
    attempts: int = 0
    """That began in its state and neither ended in order nor got anywhere: one may be going on,
    the others died with their processes."""
    history: Sequence[SubmissionStep] = ()
    """Oldest first; filled when one submission is asked for."""

    @property
    def is_partial(self) -> bool:
        """Some of it is held and some is not."""
        return self.state is SubmissionState.ARCHIVED and any(
            self.counts.get(state, 0)
            for state in (FileState.QUARANTINED, FileState.FAILED, FileState.DISCARDED)
        )


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A submission that nobody seems to work on although there is work."""

    study_id: StudyId
    state: SubmissionState
    correlation_id: str
