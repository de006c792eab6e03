"""The work that indexes what was held before extended query tags were added.

It walks the stored descriptions from the newest instance down, makes values of them in a thread,
and writes what is missing in short transactions. It may be begun again at any time: what is there
is not written twice. While instances come in it keeps mostly still.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from isal import igzip_lib, isal_zlib

from hilum.domain.extended_tags import ExtendedTags, ExtendedValues
from hilum.domain.instances import Metadata
from hilum.domain.jobs import JobKind, JobRecord, JobState, Progress
from hilum.ingest.extended import extended_values
from hilum.operations.work import RunningJob, number_of
from hilum.ports.extended_tags import IndexedInstance, ReindexStore, StoredDescription

_BELOW: Final = "below"
_SAVE_SECONDS: Final = 1.0
_BROKEN: Final = cast("type[Exception]", igzip_lib.IsalError)  # its stub calls it an instance
_DAMAGED: Final = "The stored metadata cannot be read: see hilum fsck."


@dataclass(frozen=True, slots=True)
class ReindexOptions:
    """How much at once, and how much it holds back."""

    page_instances: int = 500
    page_bytes: int = 16 << 20
    """Text of metadata that is read at once."""
    busy_percent: int = 60
    """Part of the time it works while instances come in, from 1 to 100."""


@dataclass(frozen=True, slots=True)
class ReindexWork:
    """Does jobs of the kind `reindex`; see `Work`."""

    store: ReindexStore
    is_busy: Callable[[], bool]
    """Whether instances are coming in."""
    options: ReindexOptions = ReindexOptions()
    kind: JobKind = JobKind.REINDEX

    async def run(self, job: RunningJob) -> Progress:
        job_id, progress = job.record.job_id, job.record.progress
        highest, total = await self.store.span()
        below = number_of(progress.checkpoint, _BELOW, highest + 1)
        done = progress.done
        saved = time.monotonic()
        while True:
            began = time.monotonic()
            busy = self.is_busy()
            tags = await self.store.tags_of(job_id)
            rows = self._rows(busy=busy)
            page = await self.store.descriptions(below, rows, self.options.page_bytes)
            if not page or not tags.tags:
                break
            indexed = await asyncio.to_thread(indexed_page, page, tags)
            await self.store.fill(job_id, indexed)
            below, done = page[-1].key, done + len(page)
            if time.monotonic() - saved >= _SAVE_SECONDS:
                await job.save(_progress(below, done, total))
                saved = time.monotonic()
            if busy or self.is_busy():
                await asyncio.sleep(self._pause(time.monotonic() - began))
        await self.store.complete(job_id)
        return _progress(below, done, total)

    async def ended(self, record: JobRecord, state: JobState) -> None:
        """Nothing to tidy up: the tags stay as they are until they are deleted and added again."""

    def _rows(self, *, busy: bool) -> int:
        """Short pages while others wait for their turn."""
        rows = self.options.page_instances
        return max(1, rows // 5) if busy else rows

    def _pause(self, seconds: float) -> float:
        return seconds * (100 / self.options.busy_percent - 1)


def _progress(below: int, done: int, total: int) -> Progress:
    return Progress({_BELOW: below}, done, max(done, total))


def indexed_page(
    page: Sequence[StoredDescription], tags: ExtendedTags
) -> Sequence[IndexedInstance]:
    """Make values of stored descriptions; takes some 100 us for each."""
    return [IndexedInstance(stored, _values(stored, tags)) for stored in page]


def _values(stored: StoredDescription, tags: ExtendedTags) -> ExtendedValues:
    try:
        json = _inflated(stored.metadata)
        return extended_values(json, tags, stored.dropped)
    except (_BROKEN, ValueError):
        return ExtendedValues(tags.generation, (), {tag.key: _DAMAGED for tag in tags.tags})


def _inflated(metadata: Metadata) -> bytes:
    """The JSON text. Raises `IsalError` or `ValueError` when it is damaged."""
    text: bytes = isal_zlib.decompressobj(wbits=-15).decompress(metadata.deflated)
    if len(text) != metadata.size_bytes:
        message = "stored metadata is damaged"
        raise ValueError(message)
    return text
