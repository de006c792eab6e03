"""Repair what a check found, as far as it can be made again from the objects.

Nothing that somebody may still want is destroyed: an object that cannot be put back into the index
is moved aside, and what was acknowledged and is lost is only reported.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from hilum.catalogue.fsck_report import Damage, Found, FsckReport
from hilum.domain.editions import Edition
from hilum.domain.errors import ArchiveFault, HilumError
from hilum.domain.identifiers import ObjectKey, Scope, parse_object_key
from hilum.domain.instances import Disposition, OnConflict
from hilum.domain.records import InstanceRecord
from hilum.ports.describing import DescribesObjects
from hilum.ports.index import InstanceReader, InstanceWriter
from hilum.ports.maintenance import ForgetsInstances, MaintenanceIndex
from hilum.ports.objects import ObjectStore, StoredObject

_REMEDIES: Final = {
    Damage.OBJECT_MISSING: "restore the object from a copy, or delete the instance",
    Damage.OBJECT_SIZE: "restore the object from a copy, or delete the instance",
    Damage.OBJECT_BYTES: "restore the object from a copy, or delete the instance",
    Damage.OBJECT_UNREADABLE: "see the text: the disk (kernel's log) or the object store fails",
    Damage.OBJECT_DOOMED: "stop the server at once and run `hilum rebuild`",
    Damage.ANNOUNCED_TWICE: "harmless to followers that are idempotent; `hilum rebuild` mends it",
    Damage.ANNOUNCED_GONE: "`hilum rebuild` writes the feed anew",
}
"""What a person has to do about damage that no repair can deal with."""

_IN_ORDER: Final = OnConflict.NEW_VERSION
"""Of versions of one instance that are put back together each takes the place of the former."""


class RepairedIndex(InstanceReader, InstanceWriter, Protocol):
    """What a repair asks of the index."""


class RepairedRows(MaintenanceIndex, ForgetsInstances, Protocol):
    """What a repair asks of the index's maintenance."""


class KeepsAside(Protocol):
    """A place outside the archive for objects that cannot be put back."""

    async def keep(self, key: ObjectKey, content: AsyncIterator[bytes]) -> str:
        """Write them durably and return where. Raises `ArchiveFault`."""
        ...


@dataclass(frozen=True, slots=True)
class RepairArchive:
    """Deals with a report's findings one after another; a failure is told and ends nothing."""

    index: RepairedIndex
    maintenance: RepairedRows
    objects: ObjectStore
    describe: DescribesObjects
    aside: KeepsAside
    settle_writes: Callable[[], Awaitable[object]]
    """Settles what dead processes left half written, as every start does."""

    async def __call__(self, report: FsckReport) -> None:
        """Mend what can be mended and note the outcome in each finding."""
        if not report.found:
            return
        await self.maintenance.recount()
        if any(found.damage is Damage.UNFINISHED_WRITE for found in report.found):
            await self.settle_writes()
        for found in report.found:
            if found.damage is not Damage.INDEX:
                await self._one(found)
        await self._recount([each for each in report.found if each.damage is Damage.INDEX])

    async def _recount(self, found: Iterable[Found]) -> None:
        """Count again what the repairs changed, and see what of the index's own faults is left."""
        await self.maintenance.recount()
        left = [f"{each.kind}: {each.text}" for each in await self.maintenance.check_integrity()]
        for each in found:
            each.mended = not any(each.text.startswith(text) for text in left)
            each.remedy = "made again" if each.mended else "run `hilum rebuild`"

    async def _one(self, found: Found) -> None:
        if found.stored is None or found.damage in _REMEDIES:
            found.remedy = _REMEDIES.get(found.damage, "")
            return
        try:
            found.remedy = await self._mend(found.damage, found.stored)
            found.mended = True
        except HilumError as error:
            found.remedy = f"could not be repaired: {error}"

    async def _mend(self, damage: Damage, stored: StoredObject) -> str:
        match damage:
            case Damage.OBJECT_NOT_FREED:
                return await self._free_superseded(stored.key)
            case Damage.OBJECT_LEFT_OVER:
                await self._free(stored.key)
                return "freed"
            case Damage.NOT_DESCRIBED | Damage.NOT_ANNOUNCED:
                return await self._describe_again(stored)
            case Damage.UNFINISHED_WRITE:
                return "settled"
            case _:
                return await self._put_back(stored)

    async def _describe_again(self, stored: StoredObject) -> str:
        """Describe first, so that an object that cannot be read leaves the rows as they are."""
        partition, uids, _ = parse_object_key(stored.key)
        batch = [await self.describe(stored)]
        original = await self._live(stored.key, Edition.ORIGINAL)
        if original and original[0].object_key != stored.key:
            beside = StoredObject(original[0].object_key, original[0].size_bytes)
            batch = [await self.describe(beside), *batch]
        await self.maintenance.forget(uids, partition)
        await self.index.commit([replace(each, on_conflict=_IN_ORDER) for each in batch])
        return "described again"

    async def _put_back(self, stored: StoredObject) -> str:
        partition, uids, _ = parse_object_key(stored.key)
        if await self.index.referenced([stored.key]):
            return "has its row again"
        try:
            kept = await self.describe(stored)
        except ArchiveFault:
            raise
        except HilumError as error:
            return await self._set_aside(stored.key, str(error))
        if not await self._live(stored.key):
            await self.maintenance.forget(uids, partition)
        (committed,) = await self.index.commit([kept])
        match committed.disposition:
            case Disposition.CREATED | Disposition.NEW_VERSION:
                return "described again"
            case Disposition.ALREADY_HELD:
                if await self.index.referenced([stored.key]):
                    return "has its row again"
                await self._free(stored.key)
                return "freed: the same bytes are held in another object"
            case Disposition.CONFLICT:
                return await self._set_aside(stored.key, "other bytes are held under these UIDs")
            case _:
                return await self._set_aside(stored.key, str(committed.error))

    async def _live(
        self, key: ObjectKey, edition: Edition = Edition.LATEST
    ) -> Sequence[InstanceRecord]:
        """What is live of the instance that `key` names, or its original: nothing or one record."""
        partition, uids, _ = parse_object_key(key)
        scope = Scope(uids.study, uids.series, uids.sop_instance, partition, edition)
        return await self.index.instances(scope, 0, 1)

    async def _set_aside(self, key: ObjectKey, reason: str) -> str:
        place = await self.aside.keep(key, self.objects.stream(key))
        await self._free(key)
        return f"moved to {place}: {reason}"

    async def _free_superseded(self, key: ObjectKey) -> str:
        records = [*await self._live(key), *await self._live(key, Edition.ORIGINAL)]
        if any(record.object_key == key for record in records):
            message = "the index names the object as one to be kept: check again"
            raise ArchiveFault(message)
        await self.objects.delete(key)
        return "freed"

    async def _free(self, key: ObjectKey) -> None:
        """Delete an object, but never one that the index names, whatever a check has found."""
        if await self.index.referenced([key]):
            message = "the index names the object: check again"
            raise ArchiveFault(message)
        await self.objects.delete(key)
