"""Describing stored objects again, for repair and rebuild: the pipeline's reading without writing.

Both belong to the catalogue and know it as `hilum.ports.describing`.
"""

import asyncio
from dataclasses import dataclass, field

from hilum.dicom.limits import HeaderLimits
from hilum.dicom.mending.revision_mark import read_mark
from hilum.dicom.sources import FileSource
from hilum.domain.errors import ObjectMissing, UnreadableInstance
from hilum.domain.identifiers import Version, parse_object_key
from hilum.domain.instances import Kept, OnConflict, Revision, Spooled, StorePolicy
from hilum.domain.origins import Origin
from hilum.ingest.examine import examine
from hilum.ports.objects import LocalObjects, ObjectStore, Spool, StoredObject
from hilum.ports.telemetry import NoIngestMeter


@dataclass(frozen=True, slots=True)
class DescribeObjects:
    """Reads an object where it lies, or through the spool when that is on no disk of ours.

    Only the profile `minimal` is asked for: the object was let in once, by the rules of its door.
    """

    objects: ObjectStore
    spool: Spool
    origin: Origin
    limits: HeaderLimits = field(default_factory=HeaderLimits)

    async def __call__(self, stored: StoredObject) -> Kept:
        """See `DescribesObjects`."""
        if isinstance(self.objects, LocalObjects):
            path = self.objects.path(stored.key)
            if not await asyncio.to_thread(path.is_file):
                message = "The object is gone."
                raise ObjectMissing(message)
            size = (await asyncio.to_thread(path.stat)).st_size
            return await asyncio.to_thread(self._describe, stored, Spooled(path, size))
        async with self.spool.create() as file:
            async for chunk in self.objects.stream(stored.key):
                await file.write(chunk)
            content = Spooled(file.path, await file.finish())
            return await asyncio.to_thread(self._describe, stored, content)

    def _describe(self, stored: StoredObject, content: Spooled) -> Kept:
        partition, uids, version = parse_object_key(stored.key)
        policy = StorePolicy(profile="minimal", partition=partition)
        examined = examine(content, policy, self.limits, NoIngestMeter())
        if examined.description is None:
            texts = "; ".join(finding.text for finding in examined.verdict.findings)
            message = f"The object is no instance that can be kept: {texts}"
            raise UnreadableInstance(message)
        if examined.description.uids != uids:
            message = "The object holds another instance than its key names."
            raise UnreadableInstance(message)
        return Kept(
            partition=partition,
            description=examined.description,
            version=version,
            object_key=stored.key,
            size_bytes=content.size_bytes,
            head_sha256=examined.head_sha256,
            dataset_sha256=examined.dataset_sha256,
            on_conflict=OnConflict.REFUSE,
            origin=self.origin,
            revision=_revision(content, version),
        )


def _revision(content: Spooled, version: Version) -> Revision | None:
    """What the file says of itself, unless it is a copy that came from elsewhere."""
    with FileSource(content.path) as source:
        mark = read_mark(source)
    if mark is None or mark.object != version:
        return None
    return Revision(None, Version(mark.original))
