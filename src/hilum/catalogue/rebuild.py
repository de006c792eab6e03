"""Rebuild: make the index again from the objects alone.

The objects are brought into the order in which they were kept (their version numbers grow), read,
described as on arrival, and committed to an empty index, whose feed then announces each of them
as created. Memory does not grow with the archive: the order is made on disk.
"""

import asyncio
import heapq
import tempfile
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Final

from hilum.domain.errors import HilumError
from hilum.domain.identifiers import ObjectKey, PartitionKey, parse_object_key
from hilum.domain.instances import Disposition, Kept, OnConflict
from hilum.ports.describing import DescribesObjects
from hilum.ports.index import DeletionQueue, InstanceWriter
from hilum.ports.objects import ObjectStore, StoredObject

_SORTED_AT_ONCE: Final = 100_000
_BATCH: Final = 128
_NOT_PUT_BACK_LISTED: Final = 1_000


@dataclass(slots=True)
class RebuildReport:
    """What became of the objects."""

    objects: int = 0
    """In the store."""
    highest_version: int = 0
    """Of all of them, put back or not."""
    partitions: set[PartitionKey] = field(default_factory=set)
    """Those that hold any of them."""
    committed: int = 0
    superseded: int = 0
    """Objects that a newer one of the same instance replaced; they are freed later."""
    revised: int = 0
    """Objects that a bulk update made, and beside which the original is kept."""
    duplicates: int = 0
    """Objects with the same bytes as another of the same instance."""
    not_put_back: int = 0
    reasons: list[tuple[ObjectKey, str]] = field(default_factory=list)
    """The first thousand objects that could not be put back, which stay where they are."""

    def refuse(self, key: ObjectKey, reason: str) -> None:
        self.not_put_back += 1
        if len(self.reasons) < _NOT_PUT_BACK_LISTED:
            self.reasons.append((key, reason))


@dataclass(frozen=True, slots=True)
class Rebuild:
    """The use case behind `hilum rebuild`. Nobody else may use the archive meanwhile."""

    objects: ObjectStore
    index: InstanceWriter
    """Empty, and not yet the one that the archive uses."""
    describe: DescribesObjects
    scratch: Path
    """A folder for about 200 bytes for each object."""
    put_back_partitions: Callable[[Collection[PartitionKey]], Awaitable[None]]
    """Sees to it that there are such data partitions."""
    at_once: int = 8
    progress: Callable[[int, int], None] = lambda _done, _of: None

    async def __call__(self) -> RebuildReport:
        """Commit every object; one that cannot be read or is no instance is left and reported.

        Raises `ArchiveFault` when the store cannot be listed or the index cannot be written.
        """
        report = RebuildReport()
        with ExitStack() as stack:
            ordered = await self._in_order(report, stack)
            await self.put_back_partitions(report.partitions)
            await self._reserve(report.highest_version)
            while page := await asyncio.to_thread(lambda: list(islice(ordered, _BATCH))):
                await self._put_back(page, report)
                done = report.committed + report.duplicates + report.not_put_back
                self.progress(done, report.objects)
        return report

    async def _reserve(self, highest: int) -> None:
        """See to it that no number up to `highest` is given out again: each is an object's name."""
        (reserved,) = await self.index.reserve_versions(1)
        if reserved < highest:
            await self.index.reserve_versions(highest - reserved)

    async def _put_back(self, page: Sequence[StoredObject], report: RebuildReport) -> None:
        room = asyncio.Semaphore(self.at_once)
        described = await asyncio.gather(*(self._described(stored, room) for stored in page))
        batch: list[Kept] = []
        for stored, kept in zip(page, described, strict=True):
            if isinstance(kept, HilumError):
                report.refuse(stored.key, str(kept))
            else:
                batch.append(replace(kept, on_conflict=OnConflict.NEW_VERSION))
        if not batch:
            return
        for kept, committed in zip(batch, await self.index.commit(batch), strict=True):
            match committed.disposition:
                case Disposition.CREATED:
                    report.committed += 1
                case Disposition.NEW_VERSION:
                    report.committed += 1
                    if kept.revision is None:
                        report.superseded += 1
                    else:
                        report.revised += 1
                case Disposition.ALREADY_HELD:
                    report.duplicates += 1
                case _:
                    report.refuse(kept.object_key, str(committed.error))

    async def _described(self, stored: StoredObject, room: asyncio.Semaphore) -> Kept | HilumError:
        async with room:
            try:
                return await self.describe(stored)
            except HilumError as error:
                return error

    async def _in_order(self, report: RebuildReport, stack: ExitStack) -> Iterator[StoredObject]:
        """List the store, oldest version first, by merging sorted runs."""
        runs: list[IO[str]] = []
        some: list[StoredObject] = []
        async for stored in self.objects.list():
            report.objects += 1
            report.highest_version = max(report.highest_version, _version(stored)[0])
            report.partitions.add(parse_object_key(stored.key)[0])
            some.append(stored)
            if len(some) == _SORTED_AT_ONCE:
                runs.append(await asyncio.to_thread(self._run, some, stack))
                some = []
        runs.append(await asyncio.to_thread(self._run, some, stack))
        return heapq.merge(*(map(_entry, run) for run in runs), key=_version)

    def _run(self, some: list[StoredObject], stack: ExitStack) -> IO[str]:
        file = tempfile.TemporaryFile("w+", dir=self.scratch, encoding="ascii")  # noqa: SIM115
        run = stack.enter_context(closing(file))
        for stored in sorted(some, key=_version):
            run.write(f"{stored.size_bytes} {stored.key}\n")
        run.seek(0)
        return run


def _version(stored: StoredObject) -> tuple[int, str]:
    return parse_object_key(stored.key)[2], stored.key


def _entry(line: str) -> StoredObject:
    size, key = line.split()
    return StoredObject(ObjectKey(key), int(size))


async def free_everything_due(
    queue: DeletionQueue, objects: ObjectStore, now: Callable[[], datetime]
) -> int:
    """Free what was deleted or superseded, so that a rebuild does not bring it back.

    Returns how many objects went. Raises `ArchiveFault` when one cannot be freed.
    """
    freed = 0
    while due := await queue.due(now(), _BATCH):
        for deletion in due:
            await objects.delete(deletion.object_key)
        await queue.freed([deletion.key for deletion in due])
        freed += len(due)
    return freed
