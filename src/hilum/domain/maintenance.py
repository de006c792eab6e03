"""What the index says about itself to those who check and mend it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hilum.domain.identifiers import (
    InstanceUIDs,
    ObjectKey,
    PartitionKey,
    TransferSyntaxUID,
    Version,
)
from hilum.domain.origins import Origin


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """One version of an instance, with what is needed to prove its object."""

    key: int
    """Orders the walk; pass the last one seen as `after`."""
    instance_key: int
    partition: PartitionKey
    uids: InstanceUIDs
    version: Version
    transfer_syntax_uid: TransferSyntaxUID
    object_key: ObjectKey
    size_bytes: int
    dataset_offset: int
    head_sha256: bytes
    dataset_sha256: bytes
    origin: Origin
    created: datetime
    live: bool
    """False for a superseded version: its object was queued for deletion and may be gone."""
    original: bool = False
    """Superseded by a revision, and kept beside it."""


class ProblemKind(StrEnum):
    """What can be wrong inside an index."""

    DAMAGED_FILE = "damaged-file"
    """The database file itself is broken; restore a copy or rebuild."""
    WRONG_AGGREGATE = "wrong-aggregate"
    """A count, sum, modality list or newest pointer disagrees with the rows: `recount` mends it."""
    WRONG_NAMES = "wrong-names"
    """The full-text table of names disagrees with the studies: `recount` mends it."""
    EMPTY_PARENT = "empty-parent"
    """A study or series without instances: `recount` removes it."""
    MISSING_DESCRIPTION = "missing-description"
    """An instance without its stored metadata: describe the object again."""
    MISSING_VERSION = "missing-version"
    """An instance whose live version has no row: describe the object again."""
    MISSING_FEED_ENTRY = "missing-feed-entry"
    """A live version that the feed never announced."""
    REPEATED_FEED_ENTRY = "repeated-feed-entry"
    """A version that the feed announced more than once."""
    ORPHANED_ROW = "orphaned-row"
    """A row whose owner is gone: `recount` removes it."""


@dataclass(frozen=True, slots=True)
class IndexProblem:
    """One finding. `text` names tables, keys and UIDs, never a patient."""

    kind: ProblemKind
    text: str
    rows: int = 1
    """How many rows are concerned; `text` names one of them."""
