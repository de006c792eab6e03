"""Describing an object that is kept already: what repair and rebuild need of the pipeline."""

from typing import Protocol

from hilum.domain.instances import Kept
from hilum.ports.objects import StoredObject


class DescribesObjects(Protocol):
    """Reads a stored object as the pipeline read it on arrival; writes nothing."""

    async def __call__(self, stored: StoredObject) -> Kept:
        """Return what the index needs, with the digests of the bytes as they are now.

        Raises `UnreadableInstance` for bytes that are no instance, or not the one that the
        object's key names, and `ArchiveFault` when the object cannot be read.
        """
        ...
