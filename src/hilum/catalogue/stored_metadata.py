"""Metadata of the very version of an instance that was found, read where it holds nobody up."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from hilum.domain.errors import ObjectMissing
from hilum.domain.identifiers import Scope
from hilum.domain.instances import Metadata
from hilum.domain.records import InstanceRecord, VersionedMetadata

_T = TypeVar("_T")
IN_THREAD_BYTES: Final = 64 * 1024
"""Metadata and packed tables from this size on are read in a thread."""


class DescribedReader(Protocol):
    """What is asked of the index."""

    async def described(self, scope: Scope) -> VersionedMetadata | None:
        """Metadata of the one instance of `scope`, or None when it is not held."""
        ...


async def metadata_of(reader: DescribedReader, scope: Scope, record: InstanceRecord) -> Metadata:
    """Return the metadata of `record`, the one instance of `scope`.

    Raises `ObjectMissing` when it was replaced or deleted meanwhile, and `ArchiveUnavailable`.
    """
    described = await reader.described(scope)
    if described is None or described.version != record.version:
        raise replaced(record)
    return described.metadata


async def read_metadata(metadata: Metadata, read: Callable[[Metadata], _T]) -> _T:
    """Return what `read` makes of metadata; in a thread when that is long."""
    if metadata.size_bytes < IN_THREAD_BYTES:
        return read(metadata)
    return await asyncio.to_thread(read, metadata)


def replaced(record: InstanceRecord) -> ObjectMissing:
    """The error for an instance of which another version is live by now, or none."""
    return ObjectMissing(f"Instance {record.uids.sop_instance} was replaced meanwhile.")
