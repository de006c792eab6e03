"""Entries and their metadata as one answer, however long it becomes."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from hilum.dicom.bulk_table import holds_inline
from hilum.domain.records import MetadataRecord
from hilum.ports.change_feed import Change, ChangeFeed, ChangeState
from hilum.wire.accept import accepts_gzip
from hilum.wire.bodies import BytesResponse, StreamedResponse
from hilum.wire.change_feed_document import (
    JSON_UTF_8,
    ChangeWriter,
    GzipText,
    Join,
    PlainText,
    Told,
    written,
)

_HEADERS: Final = {"content-type": JSON_UTF_8, "cache-control": "private, no-cache"}
_TOGETHER_BYTES: Final = 16 << 20
"""Text of metadata that is fetched together; of a page with more it is fetched one by one."""
_WHOLE_BYTES: Final = 2 << 20
"""Text that is sent whole, with Content-Length; more is streamed, so that memory is bounded."""
_INLINE_BYTES: Final = 128 << 10
"""Text that is inflated on the event loop; more goes to a thread."""


@dataclass(frozen=True, slots=True)
class ChangeSender:
    """Answers with entries."""

    changes: ChangeFeed
    write: ChangeWriter

    def plain(self, entries: Sequence[Change]) -> Response:
        """A list without metadata."""
        return Response(b"[" + b",".join(map(self.write, entries)) + b"]", headers=_HEADERS)

    def one(self, entry: Change) -> Response:
        """An entry without metadata."""
        return Response(self.write(entry), headers=_HEADERS)

    async def with_metadata(
        self, request: Request, entries: Sequence[Change], *, alone: bool = False
    ) -> Response:
        """A list, or the only entry of it as it is, with the metadata of what is held."""
        keys = {each.instance_key for each in entries if each.instance_key is not None}
        if not keys:
            return self.one(entries[0]) if alone else self.plain(entries)
        gzip = accepts_gzip(request.headers.get("accept-encoding"))
        join: Join = GzipText() if gzip else PlainText()
        headers = _HEADERS | {"vary": "Accept-Encoding"}
        if gzip:
            headers["content-encoding"] = "gzip"
        found = await self._metadata(keys)
        size = sum(record.size_bytes for record in found)
        writing = _Writing(join, *((b"", b"") if alone else (b"[", b"]")))
        if size >= _TOGETHER_BYTES:
            del found
            return StreamedResponse(self._one_by_one(writing, entries), headers)
        records = {record.key: record for record in found}
        together = [self._told(each, records) for each in entries]
        pieces = writing.all(together, slow=_is_slow(found, gzip=gzip))
        if size > _WHOLE_BYTES:
            return StreamedResponse(pieces, headers)
        return BytesResponse([piece async for piece in pieces], headers)

    async def _one_by_one(
        self, writing: "_Writing", entries: Sequence[Change]
    ) -> AsyncGenerator[bytes, None]:
        for each in entries:
            keys = set() if each.instance_key is None else {each.instance_key}
            records = {record.key: record for record in await self._metadata(keys)}
            async for piece in writing.some([self._told(each, records)], slow=True):
                yield piece
        for piece in writing.end():
            yield piece

    async def _metadata(self, keys: set[int]) -> Sequence[MetadataRecord]:
        return await self.changes.metadata(sorted(keys), _TOGETHER_BYTES) if keys else ()

    def _told(self, change: Change, records: dict[int, MetadataRecord]) -> Told:
        if change.instance_key is None:
            return self.write(change), None
        record = records.get(change.instance_key)
        if record is None:  # deleted since the entries were read
            change = replace(change, state=ChangeState.DELETED, instance_key=None)
        return self.write(change), record


@dataclass(slots=True)
class _Writing:
    """A text in the making."""

    join: Join
    before: bytes
    after: bytes

    async def all(self, entries: Sequence[Told], *, slow: bool) -> AsyncGenerator[bytes, None]:
        async for piece in self.some(entries, slow=slow):
            yield piece
        for piece in self.end():
            yield piece

    async def some(self, entries: Sequence[Told], *, slow: bool) -> AsyncGenerator[bytes, None]:
        pieces = written(self.join, entries, self.before, b",")
        self.before = b","
        if slow:
            while piece := await asyncio.to_thread(next, pieces, b""):
                yield piece
        else:
            for piece in pieces:
                yield piece

    def end(self) -> Iterator[bytes]:
        yield b"".join((*self.join.text(self.after), self.join.end()))


def _is_slow(records: Sequence[MetadataRecord], *, gzip: bool) -> bool:
    if any(record.invalid_tags or holds_inline(record.bulk_table) for record in records):
        return True
    return not gzip and sum(record.size_bytes for record in records) > _INLINE_BYTES
