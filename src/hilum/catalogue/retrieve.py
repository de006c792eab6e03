"""Giving instances back: one use case for WADO-RS, C-GET, C-MOVE and export."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from hilum.catalogue.conversion import CONVERTED_TO, Conversion, is_convertible
from hilum.catalogue.stored_bytes import read_exactly, stream_exactly
from hilum.dicom.explicit_little import NotConvertible
from hilum.domain.errors import (
    InstanceNotFound,
    NotAcceptable,
    NotHeld,
    ObjectMissing,
    SeriesNotFound,
    StudyNotFound,
)
from hilum.domain.identifiers import Scope
from hilum.domain.records import InstanceRecord, MetadataRecord, ScopeSummary
from hilum.foundation import tasks
from hilum.ports.index import InstanceReader
from hilum.ports.objects import ObjectStore

AS_STORED: Final = "*"


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """In which transfer syntaxes instances may go out."""

    syntaxes: tuple[str, ...] = (AS_STORED,)
    """Transfer Syntax UIDs in order of liking; `*` is the one an instance is stored in."""
    converts_many: bool = True
    """False: more than one instance goes out only as stored."""
    maximum_conversion_bytes: int | None = None
    """Larger instances are not converted, beside the limit of the archive."""


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

    @property
    def as_stored(self) -> bool:
        """True when every instance of the first page goes out byte for byte as stored."""
        liked = self.wanted.syntaxes[0]
        return liked == AS_STORED or all(
            record.transfer_syntax_uid == liked for record in self.first_page
        )


@dataclass(frozen=True, slots=True)
class OpenInstance:
    """An instance whose bytes are at hand."""

    record: InstanceRecord
    transfer_syntax_uid: str
    size_bytes: int
    content: bytes | AsyncIterator[bytes]
    """The whole Part 10 file, or its chunks in order."""


class Retrieve:
    """Finds instances and opens them in a transfer syntax that is wanted."""

    def __init__(
        self,
        reader: InstanceReader,
        objects: ObjectStore,
        conversion: Conversion,
        limits: RetrieveLimits | None = None,
    ) -> None:
        self._reader = reader
        self._objects = objects
        self._conversion = conversion
        self._limits = limits or RetrieveLimits()

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
        record = await self._record(scope)
        try:
            return await self._open(record, wanted)
        except ObjectMissing:
            # A new version or a delete may have come between the two reads.
            again = await self._record(scope)
            if again.object_key == record.object_key:
                raise
            return await self._open(again, wanted)

    async def plan(self, scope: Scope, wanted: Wanted) -> Plan:
        """Decide what of `scope` can go out, before anything is sent.

        Raises `NotHeld`, and `NotAcceptable` when nothing of it exists in a syntax that is wanted.
        """
        page = await self._page(scope, 0)
        if not page:
            raise not_held(scope)
        complete = len(page) < self._limits.page_instances
        if AS_STORED in wanted.syntaxes:
            return Plan(scope, wanted, page, complete, page[-1].key, left_out=0)
        if len(page) > 1 and not wanted.converts_many:
            message = "More than one instance is given only as stored: transfer-syntax=*."
            raise NotAcceptable(message)
        offered = [record for record in page if self._targets(record, wanted)]
        left_out = len(page) - len(offered)
        later = _Tally() if complete else await self._tally(scope, wanted, page[-1].key)
        if not offered and not later.offered:
            message = f"Nothing here exists in, or can be converted to, {_listed(wanted)}."
            raise NotAcceptable(message)
        return Plan(scope, wanted, offered, complete, page[-1].key, left_out + later.left_out)

    async def open_all(self, plan: Plan) -> AsyncGenerator[OpenInstance, None]:
        """Open the instances of a plan in order of arrival, one ahead of the reader.

        Raises what `instance` raises; what was yielded before stays good.
        """
        ahead: asyncio.Task[OpenInstance] | None = None
        try:
            async for record in self._records(plan):
                following = asyncio.create_task(self._open(record, plan.wanted))
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
        limit, limit_bytes = self._limits.page_metadata, self._limits.page_metadata_bytes
        more = True
        while more:
            page = await self._reader.metadata(scope, after, limit, limit_bytes)
            if not page:
                return
            size_bytes = sum(record.metadata.size_bytes for record in page)
            more = len(page) == limit or size_bytes >= limit_bytes
            after = page[-1].key
            yield page

    async def _record(self, scope: Scope) -> InstanceRecord:
        page = await self._reader.instances(scope, 0, 1)
        if not page:
            raise not_held(scope)
        return page[0]

    async def _page(self, scope: Scope, after: int) -> Sequence[InstanceRecord]:
        return await self._reader.instances(scope, after, self._limits.page_instances)

    async def _records(self, plan: Plan) -> AsyncIterator[InstanceRecord]:
        for record in plan.first_page:
            yield record
        complete, after = plan.complete, plan.after
        while not complete:
            page = await self._page(plan.scope, after)
            complete = len(page) < self._limits.page_instances
            for record in page:
                after = record.key
                if self._targets(record, plan.wanted):
                    yield record

    async def _tally(self, scope: Scope, wanted: Wanted, after: int) -> "_Tally":
        tally = _Tally()
        complete = False
        while not complete:
            page = await self._page(scope, after)
            complete = len(page) < self._limits.page_instances
            for record in page:
                after = record.key
                if self._targets(record, wanted):
                    tally.offered += 1
                else:
                    tally.left_out += 1
        return tally

    def _targets(self, record: InstanceRecord, wanted: Wanted) -> list[str]:
        """Syntaxes this instance can go out in, in the order of liking."""
        stored = record.transfer_syntax_uid
        if wanted.syntaxes[0] in {AS_STORED, stored}:
            return [stored]
        targets: list[str] = []
        for syntax in wanted.syntaxes:
            if syntax in {AS_STORED, stored}:
                targets.append(stored)
            elif syntax == CONVERTED_TO and self._is_convertible(record, wanted):
                targets.append(syntax)
        return targets

    def _is_convertible(self, record: InstanceRecord, wanted: Wanted) -> bool:
        limit = self._limits.conversion_bytes
        if wanted.maximum_conversion_bytes is not None:
            limit = min(limit, wanted.maximum_conversion_bytes)
        return record.size_bytes <= limit and is_convertible(record.transfer_syntax_uid)

    async def _open(self, record: InstanceRecord, wanted: Wanted) -> OpenInstance:
        failure: NotConvertible | None = None
        for target in self._targets(record, wanted):
            if target == record.transfer_syntax_uid:
                return await self._open_stored(record)
            try:
                converted = await self._conversion(record)
            except NotConvertible as error:
                failure = error  # the next syntax the client likes may still be had
            else:
                return OpenInstance(record, target, converted.size_bytes, converted.chunks)
        message = f"Instance {record.uids.sop_instance} cannot be given in {_listed(wanted)}."
        raise NotAcceptable(message) from failure

    async def _open_stored(self, record: InstanceRecord) -> OpenInstance:
        size = record.size_bytes
        content: bytes | AsyncIterator[bytes]
        if size <= self._limits.whole_object_bytes:
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


def not_held(scope: Scope) -> NotHeld:
    """The error for a scope of which nothing is held."""
    if scope.sop_instance is not None:
        return InstanceNotFound(f"Instance {scope.sop_instance} is not held here.")
    if scope.series is not None:
        return SeriesNotFound(f"No instance of series {scope.series} is held here.")
    return StudyNotFound(f"No instance of study {scope.study} is held here.")


def _listed(wanted: Wanted) -> str:
    return f"transfer syntax {', '.join(wanted.syntaxes)}"
