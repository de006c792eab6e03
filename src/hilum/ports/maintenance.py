"""What checking, mending and rebuilding need of an index, beyond its everyday questions."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from hilum.domain.identifiers import InstanceUIDs, ObjectKey, PartitionKey, Version
from hilum.domain.maintenance import IndexProblem, VersionRecord


class MaintenanceIndex(Protocol):
    """May take minutes on a large archive: no statement limit applies, other readers go on."""

    async def versions(self, after: int, limit: int) -> Sequence[VersionRecord]:
        """One page of all versions, live and superseded, with a `key` above `after`, in order."""
        ...

    async def awaiting_deletion(self, keys: Sequence[ObjectKey]) -> set[ObjectKey]:
        """Which of these objects are queued for deletion."""
        ...

    async def check_integrity(self) -> Sequence[IndexProblem]:
        """Compare the index with itself in one consistent view; empty when all agrees."""
        ...

    async def recount(self) -> int:
        """Make aggregates, names and orphans right again; how many rows were changed."""
        ...

    async def wipe(self) -> None:
        """Forget every instance, the feed and the deletion queue; keep keys and partitions.

        Version numbers go on from where they were.
        """
        ...


class ForgetsInstances(Protocol):
    """What a repair needs before it writes an instance's rows anew."""

    async def forget(self, uids: InstanceUIDs, partition: PartitionKey) -> None:
        """Take away every row of an instance, however damaged; its object and the feed stay.

        Nothing is queued for deletion and nothing is announced: the caller commits the instance
        again from its object. An unknown instance is no error.
        """
        ...


class KnowsVersions(Protocol):
    """What a cache of derived objects is compared with."""

    async def live(self, versions: Sequence[Version]) -> set[Version]:
        """Which of these are the live version of an instance."""
        ...


class RemembersDigests(Protocol):
    """What an export compares the bytes with."""

    async def digests(self, versions: Sequence[Version]) -> Mapping[Version, tuple[bytes, bytes]]:
        """SHA-256 of what is before the data set, and of the data set, as they were kept.

        Versions that are not known are left out.
        """
        ...
