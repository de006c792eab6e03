"""The work of a bulk import: every object below a place through the pipeline, in order of names."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from hilum.dicom.errors import NotDicom
from hilum.domain.errors import HilumError, LimitExceeded, ObjectMissing
from hilum.domain.instances import (
    Arrival,
    Content,
    Disposition,
    InMemory,
    OnConflict,
    Outcome,
    Spooled,
    StorePolicy,
)
from hilum.domain.jobs import JobError, JobKind, JobRecord, JobState, Progress
from hilum.domain.origins import Door, Origin
from hilum.domain.transfers import place_of_document
from hilum.foundation.clock import Clock
from hilum.operations.attempt import PASSING
from hilum.operations.transfers.allowed import Allowed
from hilum.operations.transfers.noting import Noted
from hilum.operations.work import RunningJob
from hilum.ports.jobs import JobErrors
from hilum.ports.objects import Spool
from hilum.ports.transfers import PlacedFile, TransferStore, TransferStores

_BATCH: Final = 64


@dataclass(frozen=True, slots=True)
class ImportOptions:
    at_once: int = 8
    """Files of one import that are under way at the same time."""
    memory_instance_bytes: int = 1 << 20
    """Larger ones go through the spool."""
    file_bytes: int = 16 << 30
    """Larger ones are not read."""
    most_errors: int = 100_000


@dataclass(frozen=True, slots=True)
class ImportWork:
    """`Work`."""

    ingest: Callable[[Arrival], Awaitable[Outcome]]
    spool: Spool
    stores: TransferStores
    errors: JobErrors
    allowed: Allowed
    clock: Clock
    options: ImportOptions
    kind: JobKind = JobKind.IMPORT

    async def run(self, job: RunningJob) -> Progress:
        place = place_of_document(job.record.request["source"])
        await asyncio.to_thread(self.allowed.demand, place)
        async with self.stores.open(place, job.secrets) as store:
            return await _Import(self, job, store, str(place)).all()

    async def ended(self, record: JobRecord, state: JobState) -> None:
        """What was imported stays."""


class _Import:
    """One attempt at it."""

    def __init__(self, work: ImportWork, job: RunningJob, store: TransferStore, peer: str) -> None:
        record = job.record
        self._work = work
        self._store = store
        self._policy = StorePolicy(
            profile=record.request["profile"],
            on_conflict=OnConflict(record.request["on_conflict"]),
            partition=record.partition,
        )
        self._origin = Origin(Door.IMPORT, record.correlation_id, peer, record.principal)
        self._after: str = record.progress.checkpoint.get("after", "")
        self._room = asyncio.Semaphore(work.options.at_once)
        counts = {"stored": 0, "alreadyHeld": 0, "failed": 0, "notDicom": 0}
        self._noted = Noted(job, work.errors, work.options.most_errors, counts)

    async def all(self) -> Progress:
        batch: list[PlacedFile] = []
        async for file in self._store.list(self._after):
            batch.append(file)
            if len(batch) == _BATCH:
                await self._settle(batch)
                batch = []
        if batch:
            await self._settle(batch)
        return self._noted.progress({"after": self._after})

    async def _settle(self, batch: Sequence[PlacedFile]) -> None:
        # All come to an end before the checkpoint is behind them, whatever happens to one.
        found = await asyncio.gather(*map(self._taken, batch), return_exceptions=True)
        for file, outcome in zip(batch, found, strict=True):
            if isinstance(outcome, BaseException):
                raise outcome
            self._count(file, outcome)
        self._noted.done += len(batch)
        self._after = batch[-1].name
        await self._noted.save({"after": self._after})

    async def _taken(self, file: PlacedFile) -> Outcome | str:
        """What became of a file, or why it could not be read. Raises what may pass."""
        async with self._room, AsyncExitStack() as spooled:
            try:
                content = await self._content(file, spooled)
            except (ObjectMissing, LimitExceeded) as error:
                return str(error)
            outcome = await self._work.ingest(Arrival(content, self._origin, self._policy))
            if outcome.disposition is Disposition.FAILED and isinstance(outcome.error, PASSING):
                raise outcome.error
            return outcome

    async def _content(self, file: PlacedFile, spooled: AsyncExitStack) -> Content:
        options = self._work.options
        if file.size_bytes > options.file_bytes:
            raise LimitExceeded("importing.file_bytes", options.file_bytes, "The file is too large")
        chunks = self._store.stream(file)
        if file.size_bytes <= options.memory_instance_bytes:
            return InMemory(b"".join([chunk async for chunk in _at_most(chunks, options)]))
        target = await spooled.enter_async_context(self._work.spool.create())
        async for chunk in _at_most(chunks, options):
            await target.write(chunk)
        return Spooled(target.path, await target.finish())

    def _count(self, file: PlacedFile, outcome: Outcome | str) -> None:
        counts = self._noted.counts
        if isinstance(outcome, str):
            counts["failed"] += 1
            self._fail(file, outcome)
        elif outcome.disposition is Disposition.ALREADY_HELD:
            counts["alreadyHeld"] += 1
        elif outcome.held:
            counts["stored"] += 1
        elif isinstance(outcome.error, NotDicom):
            counts["notDicom"] += 1
        else:
            counts["failed"] += 1
            self._fail(file, _why(outcome))

    def _fail(self, file: PlacedFile, why: str) -> None:
        self._noted.fail(JobError(file.name, why, self._work.clock.now()))


async def _at_most(chunks: AsyncIterator[bytes], options: ImportOptions) -> AsyncIterator[bytes]:
    """The chunks of a file that may have grown since it was listed."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > options.file_bytes:
            raise LimitExceeded("importing.file_bytes", options.file_bytes, "The file is too large")
        yield chunk


def _why(outcome: Outcome) -> str:
    """In words without values of the data set."""
    if outcome.disposition is Disposition.CONFLICT:
        return "Other bytes are held under the same UIDs."
    if isinstance(outcome.error, HilumError):
        return str(outcome.error)
    codes = ", ".join(dict.fromkeys(finding.code for finding in outcome.findings))
    return f"The validation refused it: {codes}." if codes else "It could not be kept."
