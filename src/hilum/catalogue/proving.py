"""Proving that the bytes of an instance are those that were kept."""

import hashlib
from collections.abc import AsyncIterator
from typing import Final

from hilum.domain.records import InstanceRecord
from hilum.ports.objects import ObjectStore

Digests = tuple[bytes, bytes]
"""SHA-256 of what is before the data set and of the data set, as in `Kept`."""
DELETED_MEANWHILE: Final = "it was deleted or replaced during the export"


class DamagedObject(Exception):
    """An object that must not leave: it is not what was kept."""


async def proven_chunks(
    objects: ObjectStore, record: InstanceRecord, expected: Digests | None
) -> AsyncIterator[bytes]:
    """Yield the bytes of an object, and raise `DamagedObject` at the end when they are others.

    `expected` is None for a version that is no longer known, of which nothing is read.
    """
    if expected is None:
        raise DamagedObject(DELETED_MEANWHILE)
    head, dataset = hashlib.sha256(), hashlib.sha256()
    left = record.dataset_offset
    async for chunk in objects.stream(record.object_key):
        head.update(chunk[:left])
        dataset.update(chunk[left:])
        left -= min(left, len(chunk))
        yield chunk
    if (head.digest(), dataset.digest()) != expected:
        message = "its bytes are not those that were kept (see `hilum fsck --deep`)"
        raise DamagedObject(message)
