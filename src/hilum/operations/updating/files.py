"""One instance of a study, changed and written as a new object whose rows are still to come."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from hilum.dicom.limits import HeaderLimits
from hilum.dicom.mending.composing import Composed, compose
from hilum.dicom.mending.loose_reader import read_loosely
from hilum.dicom.mending.restating import NotRestatable, Statement, restate
from hilum.dicom.mending.revision_mark import RevisionMark
from hilum.dicom.sources import FileSource, Source
from hilum.domain.errors import ObjectExists, ObjectMissing
from hilum.domain.identifiers import PartitionKey, Version, object_key, parse_object_key
from hilum.domain.instances import (
    Content,
    InMemory,
    Kept,
    OnConflict,
    Revision,
    Spooled,
    StorePolicy,
)
from hilum.domain.origins import Origin
from hilum.domain.records import InstanceRecord
from hilum.ingest.judging import Judging
from hilum.ingest.versions import VersionBlocks
from hilum.operations.updating.written import WrittenObjects
from hilum.ports.objects import LocalObjects, ObjectStore, Spool

MEMORY_SETTING: Final = "update.memory_bytes"


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of every instance of a study."""

    partition: PartitionKey
    statements: Sequence[Statement]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Held:
    """An instance as it is."""

    live: InstanceRecord
    original: InstanceRecord
    """The live one where nothing else is kept."""


@dataclass(frozen=True, slots=True)
class ReviseFiles:
    """Reads an object where it lies, or through the spool; writes small ones from memory."""

    objects: ObjectStore
    spool: Spool
    judge: Judging
    versions: VersionBlocks
    limits: HeaderLimits = field(default_factory=HeaderLimits)
    memory_bytes: int = 64 << 20
    """For one file beside its pixel data; of a deflated data set all of it counts."""
    inline_bytes: int = 1 << 20
    """Files up to this size are written from memory."""

    async def __call__(self, held: Held, change: Change, written: WrittenObjects) -> Kept | None:
        """Put the changed instance into the store; None when it says all of it already.

        Raises `UnreadableInstance` (`NotRestatable` among them), `LimitExceeded`, `ObjectMissing`
        for what is wrong with the instance, and `ArchiveFault`.
        """
        async with self._opened(held.live) as source:
            version = await self.versions.take()
            original = parse_object_key(held.original.object_key)[2]
            mark = RevisionMark(version, original)
            composed = await asyncio.to_thread(self._changed, source, change.statements, mark)
            if composed is None:
                return None
            async with self._content(composed) as content:
                kept = await self._kept(held, change, content, version, original)
                await self._put(kept, content, written)
                return kept

    def _changed(
        self, source: Source, statements: Sequence[Statement], mark: RevisionMark
    ) -> Composed | None:
        file = read_loosely(source, self.limits, self.memory_bytes, MEMORY_SETTING)
        if not restate(file, statements, mark):
            return None
        return compose(file, self.memory_bytes, MEMORY_SETTING)

    async def _kept(
        self, held: Held, change: Change, content: Content, version: Version, original: Version
    ) -> Kept:
        live = held.live
        # It was let in once, by the rules of its door.
        examined = await self.judge(content, StorePolicy("minimal", partition=change.partition))
        if examined.description is None or examined.description.uids != live.uids:
            raise NotRestatable("it would not be the same instance any more")
        return Kept(
            partition=change.partition,
            description=examined.description,
            version=version,
            object_key=object_key(change.partition, live.uids, version),
            size_bytes=content.size_bytes,
            head_sha256=examined.head_sha256,
            dataset_sha256=examined.dataset_sha256,
            on_conflict=OnConflict.NEW_VERSION,
            origin=change.origin,
            warned=examined.warned,
            revision=Revision(live.version, original),
        )

    async def _put(self, kept: Kept, content: Content, written: WrittenObjects) -> None:
        written.begin(kept.object_key)
        try:
            await self.objects.put_once(kept.object_key, content)
        except ObjectExists:  # a name of before a rebuild: what lies there is not ours to remove
            written.leave(kept.object_key)
            self.versions.skip_block()
            raise

    @asynccontextmanager
    async def _opened(self, record: InstanceRecord) -> AsyncIterator[Source]:
        if isinstance(self.objects, LocalObjects):
            try:
                source = await asyncio.to_thread(FileSource, self.objects.path(record.object_key))
            except FileNotFoundError as error:
                raise ObjectMissing("The archive has lost its bytes: run `hilum fsck`.") from error
            with source:
                yield source
            return
        async with self.spool.create() as file:
            async for chunk in self.objects.stream(record.object_key):
                await file.write(chunk)
            await file.finish()
            with await asyncio.to_thread(FileSource, file.path) as source:
                yield source

    @asynccontextmanager
    async def _content(self, composed: Composed) -> AsyncIterator[Content]:
        size = len(composed)
        if size <= self.inline_bytes:
            yield InMemory(await asyncio.to_thread(composed.__getitem__, slice(0, size)))
            return
        async with self.spool.create() as file:
            chunks = composed.chunks()
            while chunk := await asyncio.to_thread(next, chunks, b""):
                await file.write(chunk)
            yield Spooled(file.path, await file.finish())
