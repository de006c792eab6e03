"""Giving instances back: one use case for WADO-RS, C-GET, C-MOVE and export."""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from hilum.catalogue.conversion import Conversion, Converted
from hilum.catalogue.instance_syntaxes import AS_STORED, InstanceSyntaxes, Wanted, is_transcoded
from hilum.catalogue.not_held import not_held
from hilum.catalogue.patience import PATIENCE_SECONDS, patiently
from hilum.catalogue.stored_bytes import read_exactly, stream_exactly
from hilum.catalogue.transcoding import REFUSALS, Transcoding
from hilum.dicom.explicit_little import NotConvertible
from hilum.dicom.frames import FramesUnknown
from hilum.domain.errors import NoPixelData, NotAcceptable, ObjectMissing
from hilum.domain.identifiers import Scope
from hilum.domain.records import InstanceRecord, MetadataRecord, ScopeSummary
from hilum.foundation import tasks
from hilum.ports.index import InstanceReader
from hilum.ports.objects import ObjectStore

_FAILURES: Final = (NotConvertible, FramesUnknown, NoPixelData, *REFUSALS)
"""The next syntax the client likes may still be had."""


@dataclass(frozen=True, slots=True)
class RetrieveLimits:
    """Bounds on what one retrieve holds in memory; the settings have the same names."""

    whole_object_bytes: int = 4 << 20
    """Objects up to this size are read in one piece."""
    page_instances: int = 200
    page_metadata: int = 200
    page_metadata_bytes: int = 16 << 20
    """A page of metadata ends with the record with which its texts reach this size."""
    conversion_bytes: int = 2 << 30
    """Largest instance that is converted."""
    zip_instances: int = 20_000
    """Instances of one ZIP archive, whose names are held until it is sent."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will go out, known before the first byte of it is read."""

    scope: Scope
    wanted: Wanted
    first_page: Sequence[InstanceRecord]
    """Those of the first page that can go out; the whole answer when `complete`."""
    complete: bool
    after: int
    """Row key where the next page begins."""
    left_out: int
    """Instances that exist in no syntax that is wanted."""
    as_stored: bool
    """True when every instance of the first page goes out byte for byte as stored."""


@dataclass(frozen=True, slots=True)
class OpenInstance:
    """An instance whose bytes are at hand."""

    record: InstanceRecord
    transfer_syntax_uid: str
    size_bytes: int | None
    """None when it is not known before the content is made."""
    content: bytes | AsyncIterator[bytes]
    """The whole Part 10 file, or its chunks in order."""
    renamed_to: str | None = None
    """SOP Instance UID of a file that is another image than the record's."""


class Retrieve:
    """Finds instances and opens them in a transfer syntax that is wanted."""

    def __init__(
        self,
        reader: InstanceReader,
        objects: ObjectStore,
        conversion: Conversion,
        limits: RetrieveLimits | None = None,
        transcoding: Transcoding | None = None,
    ) -> None:
        """Without `transcoding`, only uncompressed instances go out in another syntax."""
        self._reader = reader
        self._objects = objects
        self._conversion = conversion
        self._transcoding = transcoding
        self.limits = limits or RetrieveLimits()
        self._syntaxes = InstanceSyntaxes(transcoding, self.limits.conversion_bytes)

    async def summary(self, scope: Scope) -> ScopeSummary:
        """Count and newest version of what `scope` names. Raises `NotHeld`."""
        summary = await self._reader.summary(scope)
        if summary is None:
            raise not_held(scope)
        return summary

    async def instance(self, scope: Scope, wanted: Wanted) -> OpenInstance:
        """Open one instance.

        Raises `InstanceNotFound`, `NotAcceptable`, `ObjectMissing`, `ArchiveUnavailable`.
        """
        return await self._open_live(scope, await self._record(scope), wanted)

    async def plan(self, scope: Scope, wanted: Wanted) -> Plan:
        """Decide what of `scope` can go out, before anything is sent.

        Raises `NotHeld`, and `NotAcceptable` when nothing of it exists in a syntax that is wanted.
        """
        page = await self._page(scope, 0)
        if not page:
            raise not_held(scope)
        complete = len(page) < self.limits.page_instances
        if len(page) > 1 and not wanted.converts_many and AS_STORED not in wanted.syntaxes:
            message = "More than one instance is given only as stored: transfer-syntax=*."
            raise NotAcceptable(message)
        offered = await self._offered(page, wanted)
        left_out = len(page) - len(offered)
        later = _Tally()
        if not complete and AS_STORED not in wanted.syntaxes:
            later = await self._tally(scope, wanted, page[-1].key)
        if not offered and not later.offered:
            message = f"Nothing here exists in, or can be converted to, {wanted.listed()}."
            raise NotAcceptable(message)
        left_out += later.left_out
        as_stored = all(self.goes_as_stored(record, wanted) for record in offered)
        return Plan(scope, wanted, offered, complete, page[-1].key, left_out, as_stored)

    def open_all(self, plan: Plan) -> AsyncGenerator[OpenInstance, None]:
        """Open the instances of a plan in order of arrival; see `open_each`."""
        return self.open_each(plan, self.records(plan))

    async def open_each(
        self, plan: Plan, records: AsyncIterable[InstanceRecord]
    ) -> AsyncGenerator[OpenInstance, None]:
        """Open instances that `records` named, one ahead of the reader.

        Raises what `instance` raises; what was yielded before stays good.
        """
        ahead: asyncio.Task[OpenInstance] | None = None
        patience = 0.0  # who is refused at the beginning can be told so
        try:
            async for record in records:
                one = replace(
                    plan.scope, series=record.uids.series, sop_instance=record.uids.sop_instance
                )
                opening = partial(self._open_live, one, record, plan.wanted)
                following = asyncio.create_task(patiently(opening, patience))
                patience = PATIENCE_SECONDS
                if ahead is not None:
                    current, ahead = ahead, following
                    yield await current
                else:
                    ahead = following
            if ahead is not None:
                yield await ahead
                ahead = None
        finally:
            if ahead is not None:
                await tasks.end(ahead)

    async def metadata(self, scope: Scope) -> AsyncIterator[Sequence[MetadataRecord]]:
        """Yield stored metadata in pages, in order of arrival; nothing when nothing is held."""
        after = 0
        limit, limit_bytes = self.limits.page_metadata, self.limits.page_metadata_bytes
        more = True
        while more:
            page = await self._reader.metadata(scope, after, limit, limit_bytes)
            if not page:
                return
            size_bytes = sum(record.size_bytes for record in page)
            more = len(page) == limit or size_bytes >= limit_bytes
            after = page[-1].key
            yield page

    async def metadata_of(
        self, records: Sequence[InstanceRecord]
    ) -> AsyncIterator[Sequence[MetadataRecord]]:
        """Yield stored metadata of these instances in pages; none of those that went meanwhile."""
        keys = sorted(record.key for record in records)
        while keys:
            page = await self._reader.metadata_of(keys, self.limits.page_metadata_bytes)
            if not page:
                return
            yield page
            keys = keys[bisect_right(keys, page[-1].key) :]

    def goes_as_stored(self, record: InstanceRecord, wanted: Wanted) -> bool:
        """Whether an instance that can go out does so byte for byte."""
        return self._syntaxes.of(record, wanted)[0] == record.transfer_syntax_uid

    async def _record(self, scope: Scope) -> InstanceRecord:
        page = await self._reader.instances(scope, 0, 1)
        if not page:
            raise not_held(scope)
        return page[0]

    async def _page(self, scope: Scope, after: int) -> Sequence[InstanceRecord]:
        return await self._reader.instances(scope, after, self.limits.page_instances)

    async def records(self, plan: Plan) -> AsyncIterator[InstanceRecord]:
        """Yield what goes out by a plan, in order of arrival."""
        for record in plan.first_page:
            yield record
        complete, after = plan.complete, plan.after
        while not complete:
            page = await self._page(plan.scope, after)
            complete = len(page) < self.limits.page_instances
            after = page[-1].key if page else after
            for record in await self._offered(page, plan.wanted):
                yield record

    async def _tally(self, scope: Scope, wanted: Wanted, after: int) -> "_Tally":
        tally = _Tally()
        complete = False
        while not complete:
            page = await self._page(scope, after)
            complete = len(page) < self.limits.page_instances
            after = page[-1].key if page else after
            offered = len(await self._offered(page, wanted))
            tally.offered += offered
            tally.left_out += len(page) - offered
        return tally

    async def _offered(
        self, page: Sequence[InstanceRecord], wanted: Wanted
    ) -> Sequence[InstanceRecord]:
        """Those that can go out, as far as that shows without looking at their pixel data."""
        offered, doubtful = [], {}
        for record in page:
            targets = self._syntaxes.of(record, wanted)
            if not targets:
                continue
            offered.append(record)
            if all(is_transcoded(record, target) for target in targets):
                doubtful[record.key] = (record, targets)
        if not doubtful or self._transcoding is None:
            return offered
        refused = await self._transcoding.refused(doubtful)
        return [record for record in offered if record.key not in refused]

    async def _open_live(
        self, scope: Scope, record: InstanceRecord, wanted: Wanted
    ) -> OpenInstance:
        """Open the one instance of `scope`."""
        try:
            return await self._open(scope, record, wanted)
        except ObjectMissing:
            # A new version or a delete may have come between the two reads.
            again = await self._record(scope)
            if again.object_key == record.object_key:
                raise
            return await self._open(scope, again, wanted)

    async def _open(self, scope: Scope, record: InstanceRecord, wanted: Wanted) -> OpenInstance:
        failure: Exception | None = None
        for target in self._syntaxes.of(record, wanted):
            if target == record.transfer_syntax_uid:
                return await self._open_stored(record)
            try:
                converted = await self._converted(scope, record, target)
            except _FAILURES as error:
                failure = failure or error
            else:
                size, renamed_to = converted.size_bytes, converted.renamed_to
                return OpenInstance(record, target, size, converted.chunks, renamed_to)
        message = f"Instance {record.uids.sop_instance} cannot be given in {wanted.listed()}"
        reason = (
            f": {failure}" if failure is not None else f". {self._syntaxes.choices(record, wanted)}"
        )
        raise NotAcceptable(message + reason) from failure

    async def _converted(self, scope: Scope, record: InstanceRecord, target: str) -> Converted:
        if self._transcoding is None or not is_transcoded(record, target):
            return await self._conversion(record)
        return await self._transcoding(scope, record, target)

    async def _open_stored(self, record: InstanceRecord) -> OpenInstance:
        size = record.size_bytes
        content: bytes | AsyncIterator[bytes]
        if size <= self.limits.whole_object_bytes:
            content = await read_exactly(self._objects, record, 0, size)
        else:
            # The first chunk is read now: a missing object is an error before the answer begins.
            chunks = stream_exactly(self._objects, record, 0, size)
            content = _continued(await anext(chunks), chunks)
        return OpenInstance(record, record.transfer_syntax_uid, size, content)


async def _continued(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    async with aclosing(rest):
        yield first
        async for chunk in rest:
            yield chunk


@dataclass(slots=True)
class _Tally:
    offered: int = 0
    left_out: int = 0
