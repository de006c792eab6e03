"""What the index answers about instances, the feed and the archive as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from hilum.domain.errors import HilumError
from hilum.domain.identifiers import (
    InstanceUIDs,
    ObjectKey,
    PartitionKey,
    SOPClassUID,
    TransferSyntaxUID,
    Version,
)
from hilum.domain.instances import Disposition, Metadata


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """The live version of an instance and where its bytes are."""

    key: int
    """Row key: grows with insertion, so it also orders a page."""
    uids: InstanceUIDs
    sop_class_uid: SOPClassUID
    transfer_syntax_uid: TransferSyntaxUID
    version: Version
    object_key: ObjectKey
    size_bytes: int
    dataset_offset: int


_TOLD_BYTES: Final = 8
"""Text that tells of a bulk value, for each byte of its place in a table."""


@dataclass(frozen=True, slots=True)
class MetadataRecord:
    """Stored metadata of one instance."""

    key: int
    metadata: Metadata
    invalid_tags: Sequence[int]
    bulk_table: bytes = b""
    """`hilum.dicom.bulk_table.BulkTable.pack()`; empty for what was described before there was
    one."""

    @property
    def size_bytes(self) -> int:
        """About how long the text is when every element of the table stands in it."""
        return self.metadata.size_bytes + _TOLD_BYTES * len(self.bulk_table)


@dataclass(frozen=True, slots=True)
class FramesRecord:
    """The live version of an instance, and where its frames lie in its bytes."""

    instance: InstanceRecord
    dataset_sha256: bytes
    """Digest of the data set: names its content, and cannot be written inside it."""
    frame_table: bytes
    """`hilum.dicom.frames.FrameTable.pack()`; empty when there is no pixel data."""


@dataclass(frozen=True, slots=True)
class BulkRecord:
    """The live version of an instance, and where its bulk data lies in its bytes."""

    instance: InstanceRecord
    dataset_sha256: bytes
    frame_table: bytes
    """See `FramesRecord`."""
    bulk_table: bytes
    """See `MetadataRecord`."""


@dataclass(frozen=True, slots=True)
class VersionedMetadata:
    """Stored metadata of the live version of an instance, and which version that is."""

    version: Version
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class ScopeSummary:
    """Enough to make an ETag and to decide on transcoding before anything is read."""

    instances: int
    newest_version: Version
    """Version of an instance. For a study or series a number that grows with every change inside,
    deletes too: that of the newest instance, or a fresh one when that would not grow."""


@dataclass(frozen=True, slots=True)
class Committed:
    """The index's decision on one `Kept`, in the order they were given."""

    disposition: Disposition
    """CREATED, NEW_VERSION, ALREADY_HELD, CONFLICT, or FAILED when no row can hold this item."""
    version: Version
    """The version that is live now: the new one, or the one held before. A new version that is
    numbered below the live one (reserved earlier, committed later) gets a fresh number here."""
    error: HilumError | None = None
    """Why it FAILED; the other items of the batch are not touched by that."""


class FeedKind(StrEnum):
    """What happened: to an instance, to a study, or to something that could not be kept."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    STUDY_STABLE = "study-stable"
    INGESTION_FAILED = "ingestion-failed"
    STUDY_UPLOADED = "study-uploaded"
    """Of a submission, as are those below (`hilum.domain.submissions`); names no instance."""
    STUDY_VALIDATED = "study-validated"
    STUDY_VALIDATION_FAILED = "study-refused"
    STUDY_ARCHIVED = "study-archived"
    PROCESSING_FAILED = "study-failed"

    @property
    def of_instance(self) -> bool:
        """Whether series, instance and version say which instance it happened to."""
        return self in _OF_INSTANCE

    @property
    def of_submission(self) -> bool:
        """Whether the payload names a submission that reached a state."""
        return self in _OF_SUBMISSION


_OF_INSTANCE: Final = frozenset({FeedKind.CREATED, FeedKind.UPDATED, FeedKind.DELETED})
_OF_SUBMISSION: Final = frozenset(
    {
        FeedKind.STUDY_UPLOADED,
        FeedKind.STUDY_VALIDATED,
        FeedKind.STUDY_VALIDATION_FAILED,
        FeedKind.STUDY_ARCHIVED,
        FeedKind.PROCESSING_FAILED,
    }
)


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One row of the feed: append-only, sequence strictly increasing, gaps possible."""

    sequence: int
    time: datetime
    partition: PartitionKey
    kind: FeedKind
    uids: InstanceUIDs
    """Of a study's fact only the study is named, of a failed ingestion perhaps nothing."""
    version: Version
    """Of a study that is stable: the newest inside it."""
    correlation_id: str
    payload: str | None = None
    """JSON of a study's or submission's fact (`hilum.ports.announcing.Announcements`,
    `hilum.ports.submissions.SubmissionNotes`); may hold patient data."""
    position: int | None = None
    """Of an entry about an instance: numbers without gaps, in the order of the feed. The time never
    decreases along them."""
    partition_name: str = ""


@dataclass(frozen=True, slots=True)
class DueDeletion:
    """An object nobody may see any more and whose space is to be freed."""

    key: int
    object_key: ObjectKey
    attempts: int


@dataclass(frozen=True, slots=True)
class NewestStudy:
    """One line of the landing page; no patient data."""

    study_instance_uid: str
    modalities: Sequence[str]
    series: int
    instances: int
    received: datetime


@dataclass(frozen=True, slots=True)
class ArchiveCounts:
    studies: int
    series: int
    instances: int
    size_bytes: int
    feed_sequence: int
    awaiting_deletion: int = 0
    """Objects that nothing refers to any more and whose space is not yet freed."""
