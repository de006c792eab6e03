"""Fsck: prove that objects, index and feed agree. Read-only, and at home on a running archive.

The order of the walks makes concurrent work harmless: versions are read before the feed, which has
a row for each of them in the same transaction; whatever looks wrong is looked at again before it
is called damage, since a delete or a store may have been under way.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from hilum.catalogue.fsck_report import Damage, Found, FsckReport, VersionSet
from hilum.domain.editions import Edition
from hilum.domain.errors import ArchiveFault, ObjectMissing
from hilum.domain.identifiers import ObjectKey, Scope, parse_object_key
from hilum.domain.maintenance import ProblemKind, VersionRecord
from hilum.domain.records import FeedKind
from hilum.ports.index import FeedReader, InstanceReader
from hilum.ports.maintenance import MaintenanceIndex
from hilum.ports.objects import ObjectStore, StoredObject, WriteIntents

_T = TypeVar("_T")

_PAGE: Final = 500
_AT_ONCE: Final = 8
_LOOK_AGAIN_SECONDS: Final = 0.5

REPAIR_PREFIX: Final = "repair-"
"""Starts the correlation id of feed rows that a repair writes: it may announce a version again."""

_SEEN_BY_WALKS: Final = frozenset(
    (
        ProblemKind.MISSING_DESCRIPTION,
        ProblemKind.MISSING_FEED_ENTRY,
        ProblemKind.REPEATED_FEED_ENTRY,
    )
)
"""Found here instance by instance, so that they can be mended one by one."""


class CheckedIndex(InstanceReader, FeedReader, Protocol):
    """What a check asks of the index."""


class Progress(Protocol):
    """Hears how far a long job is."""

    def __call__(self, step: str, done: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Fsck:
    """The use case behind `hilum fsck`; see `RepairArchive` for what mends."""

    index: CheckedIndex
    maintenance: MaintenanceIndex
    objects: ObjectStore
    intents: WriteIntents
    page: int = _PAGE
    suspects: int = 10_000
    """So many objects without a row, and a page more, are kept in memory to be looked at again."""
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    progress: Progress = field(default=lambda _step, _done: None)

    async def __call__(self, *, deep: bool = False, patience_seconds: float = 15.0) -> FsckReport:
        """Check everything. `deep` reads every byte and compares it with the digests.

        An object without a row is damage only when it still has none after `patience_seconds`:
        a store may be under way. Pass 0 when nobody else uses the archive.
        """
        check = _Check(self, deep=deep, patience_seconds=patience_seconds)
        return await check.all()


class _Check:
    """One check under way."""

    def __init__(self, fsck: Fsck, *, deep: bool, patience_seconds: float) -> None:
        self._fsck = fsck
        self._index = fsck.index
        self._maintenance = fsck.maintenance
        self._objects = fsck.objects
        self._deep = deep
        self._patience_seconds = patience_seconds
        self._held = VersionSet()
        self._announced = VersionSet()
        self._deleted = VersionSet()
        self._undescribed = False
        self.report = FsckReport()

    async def all(self) -> FsckReport:
        await self._index_itself()
        await self._versions()
        await self._feed()
        await self._announcements()
        await self._unreferenced()
        return self.report

    async def _index_itself(self) -> None:
        self._fsck.progress("index", 0)
        for problem in await self._maintenance.check_integrity():
            if problem.kind is ProblemKind.MISSING_DESCRIPTION:
                self._undescribed = True
            if problem.kind not in _SEEN_BY_WALKS:
                rows = f" ({problem.rows} rows)" if problem.rows > 1 else ""
                text = f"{problem.kind.value}: {problem.text}{rows}"
                self.report.add(Found(Damage.INDEX, text))

    async def _versions(self) -> None:
        """Every live version and original has its object; other former ones go, or are gone."""
        async for page in _pages(self._maintenance.versions, _key_of):
            live = [record for record in page if record.live]
            doomed = await self._maintenance.awaiting_deletion(
                [record.object_key for record in page]
            )
            room = asyncio.Semaphore(_AT_ONCE)
            await asyncio.gather(
                *(
                    self._version(record, room, doomed=record.object_key in doomed)
                    for record in page
                )
            )
            if self._undescribed:
                await self._descriptions(live)
            self.report.versions += len(page)
            self._fsck.progress("versions", self.report.versions)

    async def _version(
        self, record: VersionRecord, room: asyncio.Semaphore, *, doomed: bool
    ) -> None:
        self._held.add(record.version)
        async with room:
            if not record.live and not record.original:
                await self._superseded(record, doomed=doomed)
                return
            found = await self._object(record)
            if found is None and doomed:
                state = "live" if record.live else "an original"
                text = f"{_name(record)} is {state} and its object is queued for deletion"
                found = Found(Damage.OBJECT_DOOMED, text, _stored(record))
            if found is not None and await self._is_live(record):
                self.report.add(found)

    async def _superseded(self, record: VersionRecord, *, doomed: bool) -> None:
        if doomed or not await self._is_there(record.object_key):
            return
        if not await self._maintenance.awaiting_deletion(
            [record.object_key]
        ) and await self._is_there(record.object_key):
            text = f"{_name(record)} was superseded and its object is not queued for deletion"
            self.report.add(Found(Damage.OBJECT_NOT_FREED, text, _stored(record)))

    async def _object(self, record: VersionRecord) -> Found | None:
        try:
            # One byte and no more can be read at the last place of an object of the right size.
            last = await self._objects.read(record.object_key, record.size_bytes - 1, 2)
            if len(last) != 1:
                longer = "longer" if last else "shorter"
                text = f"{_name(record)} is {longer} than the {record.size_bytes:,} bytes kept"
                return Found(Damage.OBJECT_SIZE, text, _stored(record))
            if self._deep and not await self._has_its_bytes(record):
                text = f"{_name(record)} has other bytes than those that were kept"
                return Found(Damage.OBJECT_BYTES, text, _stored(record))
        except ObjectMissing:
            text = f"{_name(record)} has no object"
            return Found(Damage.OBJECT_MISSING, text, _stored(record))
        except ArchiveFault as error:
            return Found(Damage.OBJECT_UNREADABLE, f"{_name(record)}: {error}", _stored(record))
        return None

    async def _has_its_bytes(self, record: VersionRecord) -> bool:
        head, dataset = await digests(self._objects, record.object_key, record.dataset_offset)
        self.report.read_bytes += record.size_bytes
        return (head, dataset) == (record.head_sha256, record.dataset_sha256)

    async def _is_live(self, record: VersionRecord) -> bool:
        """True when the version is still the one that readers get."""
        uids, edition = record.uids, Edition.LATEST if record.live else Edition.ORIGINAL
        scope = Scope(uids.study, uids.series, uids.sop_instance, record.partition, edition)
        now = await self._index.instances(scope, 0, 1)
        return bool(now) and now[0].object_key == record.object_key

    async def _is_there(self, key: ObjectKey) -> bool:
        try:
            await self._objects.read(key, 0, 1)
        except ObjectMissing:
            return False
        return True

    async def _descriptions(self, live: Sequence[VersionRecord]) -> None:
        asked = [record.instance_key for record in live]
        described = {record.key for record in await self._index.metadata_of(asked)}
        for record in live:
            if record.instance_key not in described and await self._is_live(record):
                text = f"{_name(record)} has no stored metadata"
                self.report.add(Found(Damage.NOT_DESCRIBED, text, _stored(record)))

    async def _feed(self) -> None:
        async for page in _pages(self._index.feed, lambda entry: entry.sequence):
            for entry in page:
                if not entry.kind.of_instance:
                    continue
                if entry.kind is FeedKind.DELETED:
                    self._deleted.add(entry.version)
                elif not self._announced.add(entry.version) and not (
                    entry.correlation_id.startswith(REPAIR_PREFIX)
                ):
                    text = f"feed row {entry.sequence} announces version {entry.version} again"
                    self.report.add(Found(Damage.ANNOUNCED_TWICE, text))
            self.report.feed_entries += len(page)
            self._fsck.progress("feed", self.report.feed_entries)

    async def _announcements(self) -> None:
        """What was held when the walk began is in the feed, and not as deleted while it lives."""
        unannounced = next(self._held.missing_from(self._announced), None) is not None
        if not unannounced and not self._held.overlaps(self._deleted):
            return
        async for page in _pages(self._maintenance.versions, _key_of):
            for record in page:
                if not record.live or record.version not in self._held:
                    continue
                if record.version not in self._announced:
                    text = f"{_name(record)} was never announced in the feed"
                    self.report.add(Found(Damage.NOT_ANNOUNCED, text, _stored(record)))
                elif record.version in self._deleted:
                    text = f"{_name(record)} is live although the feed says that it was deleted"
                    self.report.add(Found(Damage.ANNOUNCED_GONE, text, _stored(record)))

    async def _unreferenced(self) -> None:
        unfinished = set(self._fsck.intents.unfinished())
        for key in sorted(unfinished):
            text = "a process died while it wrote this object"
            self.report.add(Found(Damage.UNFINISHED_WRITE, text, StoredObject(key, 0)))
        suspects: list[StoredObject] = []
        page: list[StoredObject] = []
        async for stored in self._objects.list():
            self.report.objects += 1
            if stored.key not in unfinished:
                page.append(stored)
            if len(page) == self._fsck.page:
                suspects += await self._without_rows(page)
                self._fsck.progress("objects", self.report.objects)
                page = []
            if len(suspects) >= self._fsck.suspects:
                await self._settle_suspects(suspects)
                suspects = []
        suspects += await self._without_rows(page)
        await self._settle_suspects(suspects)

    async def _settle_suspects(self, suspects: Sequence[StoredObject]) -> None:
        """Report those that still have no row when the patience has ended."""
        deadline = self._fsck.clock() + self._patience_seconds
        while suspects and self._fsck.clock() < deadline:
            await self._fsck.pause(_LOOK_AGAIN_SECONDS)
            suspects = await self._without_rows(suspects)
        for stored in suspects:
            self._report_unreferenced(stored)

    async def _without_rows(self, page: Sequence[StoredObject]) -> list[StoredObject]:
        # A delete moves an object from the rows to the queue, and freeing takes it from the queue.
        keys = [stored.key for stored in page]
        named = await self._maintenance.awaiting_deletion(keys)
        named |= await self._index.referenced(keys)
        named |= await self._maintenance.awaiting_deletion(keys)
        left = [stored for stored in page if stored.key not in named]
        return [stored for stored in left if await self._is_there(stored.key)]

    def _report_unreferenced(self, stored: StoredObject) -> None:
        _, uids, version = parse_object_key(stored.key)
        name = f"version {version} of instance {uids.sop_instance}"
        if version in self._deleted:
            text = f"the object of {name}, which was deleted, is left over"
            self.report.add(Found(Damage.OBJECT_LEFT_OVER, text, stored))
        else:
            text = f"no row names the object of {name}"
            self.report.add(Found(Damage.OBJECT_UNREFERENCED, text, stored))


async def digests(objects: ObjectStore, key: ObjectKey, dataset_offset: int) -> tuple[bytes, bytes]:
    """SHA-256 of the bytes before the data set and of the rest, as in `Kept`."""
    head, dataset = hashlib.sha256(), hashlib.sha256()
    left = dataset_offset
    async for chunk in objects.stream(key):
        before, after = chunk[:left], chunk[left:]
        left -= len(before)
        head.update(before)
        if after:
            await asyncio.to_thread(dataset.update, after)
    return head.digest(), dataset.digest()


def _key_of(record: VersionRecord) -> int:
    return record.key


async def _pages(
    read: Callable[[int, int], Awaitable[Sequence[_T]]], key: Callable[[_T], int]
) -> AsyncIterator[Sequence[_T]]:
    """Yield the pages of a walk by key."""
    after = 0
    while page := await read(after, _PAGE):
        yield page
        after = key(page[-1])


def _stored(record: VersionRecord) -> StoredObject:
    return StoredObject(record.object_key, record.size_bytes)


def _name(record: VersionRecord) -> str:
    return f"instance {record.uids.sop_instance} (version {record.version})"
