"""The index and the feed: rows, one transaction, questions.

All engines keep the same promises: what a method returned from is durable and visible to every
later question; a transaction is all or nothing. An outage raises `ArchiveUnavailable`, a question
that runs longer than the statement limit `QueryTooCostly`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from hilum.domain.identifiers import ObjectKey, Scope, Version
from hilum.domain.instances import Kept
from hilum.domain.origins import Origin
from hilum.domain.queries import Query, SearchPage
from hilum.domain.records import (
    ArchiveCounts,
    BulkRecord,
    Committed,
    DueDeletion,
    FeedEntry,
    FramesRecord,
    InstanceRecord,
    MetadataRecord,
    NewestStudy,
    ScopeSummary,
    VersionedMetadata,
)


class InstanceWriter(Protocol):
    """Changes to the index; each call is one transaction that also writes the feed rows."""

    async def commit(self, batch: Sequence[Kept]) -> Sequence[Committed]:
        """Write all of `batch`, which may name the same instance more than once, in order.

        Same dataset digest and transfer syntax as the live version: ALREADY_HELD, no row. Other
        bytes: CONFLICT or NEW_VERSION by the item's `on_conflict`. Objects of ALREADY_HELD and
        CONFLICT items, and of superseded versions, are the caller's and the deletion queue's
        respectively: a superseded version's object is queued for deletion.
        """
        ...

    async def delete(self, scope: Scope, origin: Origin) -> int:
        """Take every instance of `scope` out of the index and queue its objects for deletion.

        Writes one feed row per instance. Returns how many instances went; 0 when none was held.
        """
        ...

    async def reserve_versions(self, count: int) -> range:
        """Reserve `count` consecutive version numbers, larger than all reserved before."""
        ...


class InstanceReviser(Protocol):
    """Changes to all of a study at once."""

    async def revise(self, study: Scope, newest: Version, batch: Sequence[Kept]) -> Version | None:
        """Write all of `batch`, revisions of instances of `study`, in one transaction, or nothing.

        Returns the newest version of the study afterwards. None, and nothing is written, when
        something of the study changed since its newest version was `newest`. Raises
        `NotIndexable`, writing nothing, when an item has values that no row can hold.
        """
        ...


class InstanceReader(Protocol):
    """Questions by UID. `Scope.edition` says which version is meant of instances that have two."""

    async def summary(self, scope: Scope) -> ScopeSummary | None:
        """Count and newest version, or None when nothing is held."""
        ...

    async def instances(self, scope: Scope, after: int, limit: int) -> Sequence[InstanceRecord]:
        """One page of live instances in insertion order, those with a row key above `after`."""
        ...

    async def metadata(
        self, scope: Scope, after: int, limit: int, limit_bytes: int | None = None
    ) -> Sequence[MetadataRecord]:
        """One page of stored metadata in insertion order, row keys above `after`.

        The page ends with the record with which its texts reach `limit_bytes`.
        """
        ...

    async def metadata_of(
        self, keys: Sequence[int], limit_bytes: int | None = None
    ) -> Sequence[MetadataRecord]:
        """Stored metadata of the instances with these row keys, ascending; others are left out.

        The answer ends with the record with which its texts reach `limit_bytes`.
        """
        ...

    async def referenced(self, keys: Sequence[ObjectKey]) -> set[ObjectKey]:
        """Which of these object keys are the live or a former version of an instance."""
        ...


class FrameReader(Protocol):
    """Questions about the pixel data of one instance."""

    async def frames(self, scope: Scope) -> FramesRecord | None:
        """Where the frames of the one instance of `scope` lie, or None when it is not held."""
        ...

    async def described(self, scope: Scope) -> VersionedMetadata | None:
        """Metadata of the one instance of `scope`, or None when it is not held."""
        ...


class BulkReader(Protocol):
    """Questions about bulk data."""

    async def bulk(self, scope: Scope, after: int, limit: int) -> Sequence[BulkRecord]:
        """One page of live instances in insertion order, those with a row key above `after`."""
        ...

    async def described(self, scope: Scope) -> VersionedMetadata | None:
        """As of `FrameReader`."""
        ...


class SearchIndex(Protocol):
    async def search(self, query: Query) -> SearchPage:
        """Answer a query, newest first. Deep offsets cost no more than shallow ones when paging."""
        ...


class FeedReader(Protocol):
    async def feed(self, after: int, limit: int) -> Sequence[FeedEntry]:
        """Entries with a sequence above `after`, in order, never skipping one that commits late."""
        ...

    async def feed_id(self) -> str:
        """Name this feed: another name after a rebuild, whose feed announces everything anew."""
        ...


class DeletionQueue(Protocol):
    """Objects that no row refers to any more."""

    async def due(self, now: datetime, limit: int) -> Sequence[DueDeletion]: ...

    async def freed(self, keys: Sequence[int]) -> None:
        """The objects are gone."""
        ...

    async def postpone(self, key: int, until: datetime) -> None:
        """Freeing failed; try again at `until`."""
        ...


class Statistics(Protocol):
    async def counts(self) -> ArchiveCounts: ...

    async def newest_studies(self, limit: int) -> Sequence[NewestStudy]: ...


class IndexHealth(Protocol):
    async def ping(self) -> Version:
        """Write and read back a value, so that a read-only or locked database shows."""
        ...
