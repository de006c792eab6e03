"""In-memory twins of the engines: honest about the ports' promises, nothing is durable.

Their switches make an outage: `MemoryObjects.fault`, `MemoryIndex.fault`, and gates that hold a
call until a test lets it go on.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from hilum.domain.errors import HilumError, ObjectExists, ObjectMissing
from hilum.domain.identifiers import InstanceUIDs, ObjectKey, PartitionKey, Scope, Version
from hilum.domain.instances import Content, Disposition, InMemory, Kept, OnConflict
from hilum.domain.origins import Origin
from hilum.domain.records import (
    Committed,
    FeedEntry,
    FeedKind,
    FramesRecord,
    InstanceRecord,
    MetadataRecord,
    ScopeSummary,
    VersionedMetadata,
)
from hilum.ports.objects import StoredObject

Gate = Callable[[], Awaitable[None]]


async def open_gate() -> None:
    """Let a call through, after the other tasks had their turn."""
    await asyncio.sleep(0)


class MemoryObjects:
    """ObjectStore in a dictionary."""

    def __init__(self) -> None:
        self.held: dict[ObjectKey, bytes] = {}
        self.fault: HilumError | None = None
        self.before_put: Gate = open_gate
        self.after_put: Gate = open_gate
        self.puts = 0

    async def put_once(self, key: ObjectKey, content: Content) -> None:
        await self.before_put()
        self._raise_fault()
        data = content.data if isinstance(content, InMemory) else content.path.read_bytes()
        if self.held.setdefault(key, data) != data:
            raise ObjectExists("Other bytes lie under this key.")
        self.puts += 1
        await self.after_put()

    async def replace(self, key: ObjectKey, source: ObjectKey) -> None:
        self._raise_fault()
        if source not in self.held:
            raise ObjectMissing("The store does not hold this object.")
        self.held[key] = self.held.pop(source)

    async def size(self, key: ObjectKey) -> int | None:
        self._raise_fault()
        data = self.held.get(key)
        return None if data is None else len(data)

    async def read(self, key: ObjectKey, offset: int, length: int) -> bytes:
        self._raise_fault()
        if key not in self.held:
            raise ObjectMissing("The store does not hold this object.")
        return self.held[key][offset : offset + length]

    async def stream(
        self, key: ObjectKey, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        data = await self.read(key, offset, len(self.held.get(key, b"")))
        data = data if length is None else data[:length]
        for start in range(0, len(data), 4096):
            yield data[start : start + 4096]

    async def delete(self, key: ObjectKey) -> None:
        await open_gate()
        self._raise_fault()
        self.held.pop(key, None)

    async def list(self) -> AsyncIterator[StoredObject]:
        for key, data in list(self.held.items()):
            yield StoredObject(key, len(data))

    def _raise_fault(self) -> None:
        if self.fault is not None:
            raise self.fault


class MemoryIntents:
    """WriteIntents of one process; `crash` makes what is open that of a dead one."""

    def __init__(self) -> None:
        self.open: set[ObjectKey] = set()
        self.dead: set[ObjectKey] = set()
        self.fault: HilumError | None = None

    def begin(self, key: ObjectKey) -> None:
        if self.fault is not None:
            raise self.fault
        self.open.add(key)

    def end(self, key: ObjectKey) -> None:
        self.open.discard(key)

    def unfinished(self) -> list[ObjectKey]:
        return sorted(self.dead)

    def forget_unfinished(self) -> None:
        self.dead.clear()

    def crash(self) -> None:
        self.dead |= self.open
        self.open = set()


@dataclass
class _Row:
    key: int
    kept: Kept
    version: Version


_Identity = tuple[PartitionKey, InstanceUIDs]


@dataclass
class MemoryIndex:
    """InstanceWriter, InstanceReader, FrameReader and FeedReader in lists."""

    fault: HilumError | None = None
    poison: Callable[[Kept], Exception | None] = lambda _: None
    """Raised for the whole batch when it holds such an item, as a careless engine would."""
    before_commit: Gate = open_gate
    after_commit: Gate = open_gate
    batches: list[int] = field(default_factory=list)
    rows: dict[_Identity, _Row] = field(default_factory=dict)
    former: set[ObjectKey] = field(default_factory=set)
    due: list[ObjectKey] = field(default_factory=list)
    entries: list[FeedEntry] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _next_version: int = 1

    async def commit(self, batch: Sequence[Kept]) -> Sequence[Committed]:
        await self.before_commit()
        self._raise_fault()
        for kept in batch:
            error = self.poison(kept)
            if error is not None:
                raise error
        decisions = [self._commit(kept) for kept in batch]
        self.batches.append(len(batch))
        await self.after_commit()
        return decisions

    def _commit(self, kept: Kept) -> Committed:
        identity = (kept.partition, kept.description.uids)
        row = self.rows.get(identity)
        if row is None:
            self.rows[identity] = _Row(next(self._numbers), kept, kept.version)
            self._enter(kept, FeedKind.CREATED, kept.version)
            return Committed(Disposition.CREATED, kept.version)
        held, arrived = row.kept, kept
        if (
            held.dataset_sha256 == arrived.dataset_sha256
            and held.description.transfer_syntax_uid == arrived.description.transfer_syntax_uid
        ):
            return Committed(Disposition.ALREADY_HELD, row.version)
        if kept.on_conflict is OnConflict.REFUSE:
            return Committed(Disposition.CONFLICT, row.version)
        version = max(kept.version, Version(row.version + 1))
        self.former.add(row.kept.object_key)
        self.due.append(row.kept.object_key)
        self.rows[identity] = replace(row, kept=kept, version=version)
        self._enter(kept, FeedKind.UPDATED, version)
        return Committed(Disposition.NEW_VERSION, version)

    def _enter(self, kept: Kept, kind: FeedKind, version: Version) -> None:
        self.entries.append(
            FeedEntry(
                len(self.entries) + 1,
                datetime.now(UTC),
                kept.partition,
                kind,
                kept.description.uids,
                version,
                kept.origin.correlation_id,
                position=len(self.entries) + 1,
            )
        )

    async def delete(self, scope: Scope, origin: Origin) -> int:
        self._raise_fault()
        rows = self._rows(scope)
        for row in rows:
            self._enter(replace(row.kept, origin=origin), FeedKind.DELETED, row.version)
            self.due.append(row.kept.object_key)
            del self.rows[row.kept.partition, row.kept.description.uids]
        return len(rows)

    async def reserve_versions(self, count: int) -> range:
        await open_gate()
        self._raise_fault()
        first, self._next_version = self._next_version, self._next_version + count
        return range(first, first + count)

    async def summary(self, scope: Scope) -> ScopeSummary | None:
        self._raise_fault()
        rows = self._rows(scope)
        newest = max((row.version for row in rows), default=None)
        return None if newest is None else ScopeSummary(len(rows), newest)

    async def instances(self, scope: Scope, after: int, limit: int) -> Sequence[InstanceRecord]:
        self._raise_fault()
        rows = [row for row in self._rows(scope) if row.key > after]
        return [_instance_record(row) for row in rows[:limit]]

    async def metadata(
        self, scope: Scope, after: int, limit: int, limit_bytes: int | None = None
    ) -> Sequence[MetadataRecord]:
        self._raise_fault()
        rows = [row for row in self._rows(scope) if row.key > after]
        return _within(limit_bytes, [_metadata_record(row) for row in rows[:limit]])

    async def metadata_of(
        self, keys: Sequence[int], limit_bytes: int | None = None
    ) -> Sequence[MetadataRecord]:
        self._raise_fault()
        rows = [row for row in self.rows.values() if row.key in keys]
        return _within(limit_bytes, [_metadata_record(row) for row in rows])

    async def frames(self, scope: Scope) -> FramesRecord | None:
        self._raise_fault()
        for row in self._rows(scope):
            digest, table = row.kept.dataset_sha256, row.kept.description.frame_table
            return FramesRecord(_instance_record(row), digest, table)
        return None

    async def described(self, scope: Scope) -> VersionedMetadata | None:
        self._raise_fault()
        for row in self._rows(scope):
            return VersionedMetadata(row.version, row.kept.description.metadata)
        return None

    async def referenced(self, keys: Sequence[ObjectKey]) -> set[ObjectKey]:
        await open_gate()
        self._raise_fault()
        live = {row.kept.object_key for row in self.rows.values()}
        return {key for key in keys if key in live or key in self.former}

    async def feed(self, after: int, limit: int) -> Sequence[FeedEntry]:
        self._raise_fault()
        return [entry for entry in self.entries if entry.sequence > after][:limit]

    async def feed_id(self) -> str:
        self._raise_fault()
        return "twin"

    def _rows(self, scope: Scope) -> list[_Row]:
        return [row for row in self.rows.values() if _is_in(row.kept, scope)]

    def _raise_fault(self) -> None:
        if self.fault is not None:
            raise self.fault


def _is_in(kept: Kept, scope: Scope) -> bool:
    uids = kept.description.uids
    return (
        kept.partition == scope.partition
        and uids.study == scope.study
        and scope.series in {None, uids.series}
        and scope.sop_instance in {None, uids.sop_instance}
    )


def _instance_record(row: _Row) -> InstanceRecord:
    kept, description = row.kept, row.kept.description
    return InstanceRecord(
        key=row.key,
        uids=description.uids,
        sop_class_uid=description.sop_class_uid,
        transfer_syntax_uid=description.transfer_syntax_uid,
        version=row.version,
        object_key=kept.object_key,
        size_bytes=kept.size_bytes,
        dataset_offset=description.dataset_offset,
    )


def _within(limit_bytes: int | None, records: list[MetadataRecord]) -> list[MetadataRecord]:
    """The first records that together stay within the bound, one at least."""
    if limit_bytes is None:
        return records
    sizes = itertools.accumulate(record.size_bytes for record in records)
    fitting = sum(size <= limit_bytes for size in sizes)
    return records[: max(fitting, 1)]


def _metadata_record(row: _Row) -> MetadataRecord:
    description = row.kept.description
    return MetadataRecord(
        row.key,
        description.metadata,
        description.invalid_tags,
        description.bulk_table,
    )
