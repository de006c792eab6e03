"""Extended query tags: what operators do with them, and what indexing by them needs.

Each call is one transaction, durable on return; an outage raises `ArchiveUnavailable`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hilum.domain.extended_tags import (
    ExtendedTag,
    ExtendedTags,
    ExtendedValues,
    NewExtendedTag,
    TagError,
)
from hilum.domain.identifiers import PartitionKey, StudyInstanceUID, Version
from hilum.domain.instances import Metadata
from hilum.domain.jobs import JobId, NewJob


class ReadsExtendedTags(Protocol):
    async def extended_tags(self) -> ExtendedTags:
        """Those that index now."""
        ...


class ExtendedTagList(ReadsExtendedTags, Protocol):
    """For those who manage them."""

    async def page(self, limit: int, offset: int) -> Sequence[ExtendedTag]:
        """In the order in which they were added, those that are being deleted too."""
        ...

    async def get(self, path: str) -> ExtendedTag | None:
        """The one that indexes, or else one that is being deleted."""
        ...

    async def add(
        self, new: Sequence[NewExtendedTag], job: NewJob, maximum: int
    ) -> Sequence[ExtendedTag]:
        """Add them all, and the job that indexes what is held, or none.

        Raises `ExtendedTagExists`, `TooManyExtendedTags` above `maximum`, and `JobActive`.
        """
        ...

    async def enable(self, path: str, *, enabled: bool) -> ExtendedTag | None:
        """Allow queries by it, or not; None when there is none."""
        ...

    async def delete(self, path: str) -> bool:
        """Index by it no more, and let `sweep` remove what it has; False when there is none."""
        ...

    async def sweep(self, limit: int) -> int:
        """Remove up to `limit` values of what is being deleted, and then that; 0: all is done."""
        ...

    async def errors(self, path: str, limit: int, offset: int) -> Sequence[TagError]:
        """Why instances could not be indexed by it, those that were found last first."""
        ...


@dataclass(frozen=True, slots=True)
class StoredDescription:
    """The live version of an instance, to be indexed."""

    key: int
    version: Version
    partition: PartitionKey
    study: StudyInstanceUID
    study_key: int
    series_key: int
    metadata: Metadata
    dropped: Sequence[int]
    """Attributes whose sender was told that they are not valid: not indexed, and no error."""


@dataclass(frozen=True, slots=True)
class IndexedInstance:
    """What was made of one."""

    stored: StoredDescription
    values: ExtendedValues


class ReindexStore(Protocol):
    """For the job that indexes what was held before a tag was added."""

    async def tags_of(self, job_id: JobId) -> ExtendedTags:
        """Those that the job is still to index by."""
        ...

    async def span(self) -> tuple[int, int]:
        """The highest key of an instance, and about how many instances there are."""
        ...

    async def descriptions(
        self, below: int, rows: int, size_bytes: int
    ) -> Sequence[StoredDescription]:
        """From the newest below that key on; ends with the one whose text reaches `size_bytes`."""
        ...

    async def fill(self, job_id: JobId, indexed: Sequence[IndexedInstance]) -> None:
        """Write values where there are none yet, and errors, for versions that are live still."""
        ...

    async def complete(self, job_id: JobId) -> None:
        """What is held is indexed: the job's tags are ready."""
        ...
