"""The work of an export (Azure DICOM service, section 11).

`{job}/results/{study}/{series}/{instance}.dcm` holds the current versions, as they are kept, and
`{job}/errors.log` a line of JSON for each that could not be exported and each identifier that
matches nothing.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from typing import Final

from hilum.catalogue.proving import DELETED_MEANWHILE, DamagedObject, Digests, proven_chunks
from hilum.domain.errors import ArchiveFault, ObjectMissing
from hilum.domain.identifiers import Scope
from hilum.domain.jobs import JobError, JobKind, JobRecord, JobState, Progress
from hilum.domain.records import InstanceRecord
from hilum.domain.transfers import place_of_document
from hilum.foundation.clock import Clock
from hilum.operations.transfers.allowed import Allowed
from hilum.operations.transfers.asking import scope_of_identifier
from hilum.operations.transfers.noting import Noted
from hilum.operations.work import RunningJob, number_of
from hilum.ports.index import InstanceReader
from hilum.ports.jobs import JobErrors
from hilum.ports.maintenance import RemembersDigests
from hilum.ports.objects import ObjectStore
from hilum.ports.transfers import TransferStore, TransferStores

_BATCH: Final = 64
_PAGE: Final = 200
_LINES: Final = 500
_NO_MATCH: Final = "Nothing with this identifier is held here."
ERRORS_LOG: Final = "errors.log"


@dataclass(frozen=True, slots=True)
class ExportOptions:
    at_once: int = 8
    """Instances of one export that are under way at the same time."""
    memory_instance_bytes: int = 4 << 20
    """Larger ones are sent in parts, two of them at the same time."""
    most_errors: int = 100_000


@dataclass(frozen=True, slots=True)
class ExportWork:
    """`Work`."""

    index: InstanceReader
    kept: RemembersDigests
    objects: ObjectStore
    stores: TransferStores
    errors: JobErrors
    allowed: Allowed
    clock: Clock
    options: ExportOptions
    kind: JobKind = JobKind.EXPORT

    async def run(self, job: RunningJob) -> Progress:
        place = place_of_document(job.record.request["destination"])
        await asyncio.to_thread(self.allowed.demand, place)
        async with self.stores.open(place, job.secrets) as store:
            return await _Export(self, job, store).all()

    async def ended(self, record: JobRecord, state: JobState) -> None:
        """What was exported stays: it is whole, and somebody may use it."""


@dataclass(frozen=True, slots=True)
class _Item:
    """An instance of an identifier, or that it has none."""

    position: int
    after: int
    """Key of the instance: where to go on."""
    record: InstanceRecord | None


class _Export:
    """One attempt at it."""

    def __init__(self, work: ExportWork, job: RunningJob, store: TransferStore) -> None:
        request = job.record.request
        self._work = work
        self._store = store
        self._root = job.record.job_id
        self._partition = job.record.partition
        self._identifiers: Sequence[str] = request["identifiers"]
        self._checkpoint = job.record.progress.checkpoint
        self._room = asyncio.Semaphore(work.options.at_once)
        self._large = asyncio.Semaphore(2)
        self._noted = Noted(
            job, work.errors, work.options.most_errors, {"exported": 0, "skipped": 0}
        )
        self._href = {"errorHref": store.href(f"{self._root}/{ERRORS_LOG}")}

    async def all(self) -> Progress:
        await self._store.clear(self._root)
        if not self._checkpoint:
            # Proves at once that something can be put there.
            await self._store.put(f"{self._root}/{ERRORS_LOG}", b"", 0)
            self._noted.first_total = await self._count()
            await self._noted.save({"position": 0, "after": 0}, self._href)
        position = number_of(self._checkpoint, "position")
        items = self._items(position, number_of(self._checkpoint, "after"))
        last = _Item(position, 0, None)
        batch: list[_Item] = []
        async for item in items:
            batch.append(item)
            if len(batch) == _BATCH:
                last = await self._settle(batch)
                batch = []
        if batch:
            last = await self._settle(batch)
        await self._write_errors()
        return self._noted.progress({"position": last.position, "after": last.after}, self._href)

    async def _count(self) -> int:
        """How many instances there are to export; an identifier without any counts as one."""
        count = 0
        for identifier in self._identifiers:
            summary = await self._work.index.summary(self._scope(identifier))
            count += 1 if summary is None else summary.instances
        return count

    def _scope(self, identifier: str) -> Scope:
        return scope_of_identifier(identifier, self._partition)

    async def _items(self, position: int, after: int) -> AsyncIterator[_Item]:
        for number in range(position, len(self._identifiers)):
            scope, matched = self._scope(self._identifiers[number]), after > 0
            while page := await self._work.index.instances(scope, after, _PAGE):
                matched, after = True, page[-1].key
                for record in page:
                    yield _Item(number, record.key, record)
            if not matched:
                yield _Item(number, 1, None)  # gone on from behind it, it counts as matched
            after = 0

    async def _settle(self, batch: Sequence[_Item]) -> _Item:
        records = [item.record for item in batch if item.record is not None]
        digests = await self._work.kept.digests([record.version for record in records])
        copies = [self._copied(record, digests.get(record.version)) for record in records]
        problems = iter(await _all_of(copies))
        for item in batch:
            problem = _NO_MATCH if item.record is None else next(problems)
            if problem is None:
                self._noted.counts["exported"] += 1
            else:
                self._noted.counts["skipped"] += 1
                self._noted.fail(JobError(self._name(item), problem, self._work.clock.now()))
        self._noted.done += len(batch)
        last = batch[-1]
        await self._noted.save({"position": last.position, "after": last.after}, self._href)
        return last

    def _name(self, item: _Item) -> str:
        if item.record is None:
            return self._identifiers[item.position]
        uids = item.record.uids
        return f"{uids.study}/{uids.series}/{uids.sop_instance}"

    async def _copied(self, record: InstanceRecord, expected: Digests | None) -> str | None:
        """Why an instance could not be exported; None when it was."""
        async with self._room:
            try:
                await self._copy(record, expected)
            except ObjectMissing:
                found = await self._again(record)
            except DamagedObject as error:
                found = await self._again(record) if expected is None else str(error)
            else:
                found = None
            return found

    async def _again(self, record: InstanceRecord) -> str | None:
        """Another version is live by now, or none."""
        uids = record.uids
        scope = Scope(uids.study, uids.series, uids.sop_instance, self._partition)
        current = await self._work.index.instances(scope, 0, 1)
        if not current:
            return f"Not exported: {DELETED_MEANWHILE}."
        digests = await self._work.kept.digests([current[0].version])
        try:
            await self._copy(current[0], digests.get(current[0].version))
        except (DamagedObject, ObjectMissing) as error:
            return f"Not exported: {error}"
        return None

    async def _copy(self, record: InstanceRecord, expected: Digests | None) -> None:
        uids = record.uids
        name = f"{self._root}/results/{uids.study}/{uids.series}/{uids.sop_instance}.dcm"
        chunks = proven_chunks(self._work.objects, record, expected)
        size = record.size_bytes
        if size <= self._work.options.memory_instance_bytes:
            await self._store.put(name, b"".join([chunk async for chunk in chunks]), size)
            return
        async with self._large:
            source = _Told(chunks)
            try:
                await self._store.put(name, source.chunks(), size)
            except Exception:
                # The client of a bucket tells of an error of ours as one of its own.
                if source.error is not None:
                    raise source.error from None
                raise

    async def _write_errors(self) -> None:
        """All that was noted, streamed: there may be very many."""
        if await self._noted.page(0, 1):
            await self._store.put(f"{self._root}/{ERRORS_LOG}", self._lines(), 0)

    async def _lines(self) -> AsyncIterator[bytes]:
        after = 0
        while page := await self._noted.page(after, _LINES):
            after += len(page)
            yield b"".join(map(_line, page))
        if more := self._noted.counts["skipped"] - after:
            text = f"{more} more are not listed (setting transfers.listed_errors)."
            yield _line(JobError("", text, self._work.clock.now()))


class _Told:
    """Chunks, and the error that ended them."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self.error: Exception | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks:
                yield chunk
        except (DamagedObject, ArchiveFault) as error:
            self.error = error
            raise


async def _all_of(copies: Sequence[Awaitable[str | None]]) -> list[str | None]:
    """Wait for all, whatever happens to one, so that nothing goes on behind a checkpoint."""
    found = await asyncio.gather(*copies, return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return [each for each in found if not isinstance(each, BaseException)]


def _line(error: JobError) -> bytes:
    told = {
        "timestamp": error.time.isoformat(),
        "identifier": error.what,
        "error": error.message,
    }
    return json.dumps(told).encode() + b"\n"
