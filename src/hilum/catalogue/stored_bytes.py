"""Bytes of stored objects: as many as the index says, or an error."""

from collections.abc import AsyncGenerator

from hilum.domain.errors import ObjectMissing
from hilum.domain.records import InstanceRecord
from hilum.ports.objects import ObjectStore


async def read_exactly(
    objects: ObjectStore, record: InstanceRecord, offset: int, length: int
) -> bytes:
    """Read a part of an object in one piece. Raises `ObjectMissing`, `ArchiveUnavailable`."""
    data = await objects.read(record.object_key, offset, length)
    if len(data) != length:
        raise damaged(record)
    return data


async def stream_exactly(
    objects: ObjectStore, record: InstanceRecord, offset: int, length: int
) -> AsyncGenerator[bytes, None]:
    """Stream a part of an object, and fail rather than end early. Raises as `read_exactly`."""
    left = length
    async for chunk in objects.stream(record.object_key, offset, length):
        left -= len(chunk)
        yield chunk
    if left:
        raise damaged(record)


def damaged(record: InstanceRecord) -> ObjectMissing:
    """The error for an object that has fewer bytes than it had."""
    return ObjectMissing(f"The stored object of instance {record.uids.sop_instance} is too short.")
