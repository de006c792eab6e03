"""A sender that sends again what is held makes the held object whole, if it was lost or damaged.

Without that it would hear of success, drop its own good copy, and the last one would be gone.
"""

from hilum.domain.errors import ObjectMissing
from hilum.domain.identifiers import ObjectKey, Scope
from hilum.domain.instances import Kept
from hilum.domain.records import Committed, InstanceRecord
from hilum.ports.index import InstanceReader
from hilum.ports.objects import ObjectStore


async def damaged_object(
    kept: Kept, committed: Committed, index: InstanceReader, objects: ObjectStore
) -> ObjectKey | None:
    """Return the held object's key when it is not there or has not its size.

    `committed` said that the bytes of `kept` are held already. Raises `ObjectMissing` when it is
    damaged and `kept` cannot take its place.
    """
    uids = kept.description.uids
    scope = Scope(uids.study, uids.series, uids.sop_instance, kept.partition)
    for record in await index.instances(scope, 0, 1):
        size = await objects.size(record.object_key)
        if record.version != committed.version or size == record.size_bytes:
            continue
        if not _can_replace(kept, record):
            message = (
                "The archive has lost the bytes of this instance, and those sent have another"
                " header than the lost ones: run `hilum fsck`."
            )
            raise ObjectMissing(message)
        return record.object_key
    return None


def _can_replace(kept: Kept, record: InstanceRecord) -> bool:
    """The data set is the same; what the index says of the file must be true of this one, too."""
    return (kept.size_bytes, kept.description.dataset_offset) == (
        record.size_bytes,
        record.dataset_offset,
    )
