"""An instance on its way through the pipeline: Arrival -> Description -> Kept -> Outcome."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from hilum.domain.extended_tags import NO_EXTENDED_VALUES, ExtendedValues
from hilum.domain.external_metadata import ExternalAttribute
from hilum.domain.findings import Finding
from hilum.domain.identifiers import (
    DEFAULT_PARTITION,
    InstanceUIDs,
    ObjectKey,
    PartitionKey,
    SOPClassUID,
    SOPInstanceUID,
    StudyInstanceUID,
    TransferSyntaxUID,
    Version,
)
from hilum.domain.origins import Origin


class OnConflict(StrEnum):
    """What a door wants when other bytes are held under the same three UIDs (law 3)."""

    REFUSE = "refuse"
    NEW_VERSION = "new-version"


@dataclass(frozen=True, slots=True)
class InMemory:
    """A small instance as it came, whole."""

    data: bytes

    @property
    def size_bytes(self) -> int:
        return len(self.data)


@dataclass(frozen=True, slots=True)
class Spooled:
    """A large instance as it came, in a file of the spool that the pipeline may move away."""

    path: Path
    size_bytes: int


Content = InMemory | Spooled


@dataclass(frozen=True, slots=True)
class StorePolicy:
    """How a door wants its instances treated."""

    profile: str
    """Name of the validation profile (`hilum.ingest.profiles`)."""
    on_conflict: OnConflict = OnConflict.REFUSE
    partition: PartitionKey = DEFAULT_PARTITION
    study: StudyInstanceUID | None = None
    """When set, the instance must belong to this study (STOW-RS with a study in the URL)."""
    sop_class: SOPClassUID | None = None
    """When set, the data set must be of this SOP class (a C-STORE command names it)."""
    sop_instance: SOPInstanceUID | None = None
    """When set, the data set must carry this SOP Instance UID (likewise)."""
    depth: str = ""
    """Name of the deep profile (`hilum.validation.profiles`) that is applied, too; empty: none."""
    decode: bool = False
    """Decode every compressed frame, too, and judge what comes of it by the deep profile."""
    quarantine: bool | None = None
    """Keep apart what is refused; None: as the settings have it for the door."""
    expires: datetime | None = None
    """When its study is to be deleted; None: never. The last store decides for all of a study."""
    external: Sequence[ExternalAttribute] = ()
    """What is said of its study beside; attributes that are not named stay as they are."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a door hands in: bytes, where they came from, and how to treat them."""

    content: Content
    origin: Origin
    policy: StorePolicy


@dataclass(frozen=True, slots=True)
class SequenceItemValue:
    """A value inside a sequence item that can be matched on (PS3.4 section C.2.2.2.6)."""

    path: str
    """`SSSSSSSSTTTTTTTT`: hexadecimal tag of the sequence, then of the attribute in its item."""
    item: int
    """Counts from 0. Keys of one sequence must match within one item."""
    value: str
    """Folded like the column of a top-level attribute."""


@dataclass(frozen=True, slots=True)
class LevelDescription:
    """What one instance says about its study, its series or itself."""

    keys: Mapping[str, str | int | None]
    """Values to match on, by keyword, already folded (`hilum.dicom.attributes.fold`)."""
    attributes: bytes
    """DICOM JSON object with the attributes a search can return from the index alone."""
    items: Sequence[SequenceItemValue] = ()


@dataclass(frozen=True, slots=True)
class Metadata:
    """The DICOM JSON of an instance, compressed so that it can be joined.

    Of bulk data it holds small values at most (`hilum.dicom.bulk_table` tells of the others).

    `deflated` is a raw DEFLATE stream (RFC 1951) that ends on a byte boundary with a full flush
    and no final block: streams can be put one after another inside one gzip member.
    """

    deflated: bytes
    crc32: int
    """CRC-32 of the JSON text, for joining checksums."""
    size_bytes: int
    """Length of the JSON text."""

    def text(self) -> bytes:
        """The JSON text. Raises `zlib.error` or `ValueError` when it is damaged."""
        text = zlib.decompressobj(wbits=-zlib.MAX_WBITS).decompress(self.deflated)
        if len(text) != self.size_bytes:
            message = "stored metadata is damaged"
            raise ValueError(message)
        return text


@dataclass(frozen=True, slots=True)
class Description:
    """Everything the archive derives from an instance; it can be made again from the object."""

    uids: InstanceUIDs
    sop_class_uid: SOPClassUID
    transfer_syntax_uid: TransferSyntaxUID
    study: LevelDescription
    series: LevelDescription
    instance: LevelDescription
    metadata: Metadata
    frame_table: bytes
    """`hilum.dicom.frames.FrameTable.pack()`; empty when there is no pixel data."""
    dataset_offset: int
    """Bytes before the data set: preamble, prefix and file meta; 0 when there are none."""
    invalid_tags: Sequence[int] = ()
    """Top-level attributes whose value breaks its VR; the strict Azure surface leaves them out."""
    bulk_table: bytes = b""
    """`hilum.dicom.bulk_table.BulkTable.pack()`; empty when `metadata` has no gaps for bulk data
    and was made without regard to it."""
    extended: ExtendedValues = NO_EXTENDED_VALUES
    """Made anew by the commit where the tags have changed since."""


@dataclass(frozen=True, slots=True)
class Revision:
    """That a version was made here, by changing attributes of a former one."""

    of: Version | None
    """The version that was changed, which must be live still; None: that is known no more."""
    original: Version
    """Number in the object key of what there was before the first change: it is kept beside."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """What a store says of when the study is to be deleted."""

    at: datetime | None
    """None: never."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An instance whose object is on stable storage and whose rows are not yet committed."""

    partition: PartitionKey
    description: Description
    version: Version
    object_key: ObjectKey
    size_bytes: int
    head_sha256: bytes
    """Digest of the bytes before the data set; with the next one it covers the whole object."""
    dataset_sha256: bytes
    """Digest of the data set: equal digests and syntax mean the same instance (law 3)."""
    on_conflict: OnConflict
    origin: Origin
    warned: bool = False
    """Its sender was told that it holds values that are not valid: those are not indexed, and not
    noted as errors of an extended query tag either."""
    revision: Revision | None = None
    expiry: Expiry | None = None
    """None: the study's stays as it is."""
    external: Sequence[ExternalAttribute] = ()
    """As in `StorePolicy`."""


class Disposition(StrEnum):
    """What became of an Arrival. The value is a metric label."""

    CREATED = "created"
    NEW_VERSION = "new-version"
    ALREADY_HELD = "already-held"
    """The same bytes were held before: a no-op."""
    CONFLICT = "conflict"
    """Other bytes are held under the same UIDs and the door's policy refuses."""
    REFUSED = "refused"
    """Validation said no."""
    UNREADABLE = "unreadable"
    """Not a DICOM data set we can read."""
    FAILED = "failed"
    """The archive could not keep it now; sending it again may succeed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The pipeline's answer for one Arrival; what is known of the instance is filled in."""

    disposition: Disposition
    sop_class_uid: SOPClassUID | None = None
    sop_instance_uid: SOPInstanceUID | None = None
    uids: InstanceUIDs | None = None
    version: Version | None = None
    findings: Sequence[Finding] = ()
    error: Exception | None = None
    """For `UNREADABLE` and `FAILED`: the `HilumError` that says why."""
    warnings: frozenset[str] = field(default_factory=frozenset)
    """Codes of notices that are no finding: `implicit-vr`, `multiple-values`."""
    dataset_sha256: bytes | None = None
    """Of what was held or came in conflict; None when it did not come so far."""
    quarantined: int | None = None
    """Number in quarantine of what was refused, when it was kept apart."""

    @property
    def held(self) -> bool:
        """True when the archive holds these bytes now."""
        return self.disposition in {
            Disposition.CREATED,
            Disposition.NEW_VERSION,
            Disposition.ALREADY_HELD,
        }
