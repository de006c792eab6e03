"""Metadata goes out as it is stored: compressed, joined, never rebuilt."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import Request, Response

from hilum.catalogue.retrieve import Retrieve, not_held
from hilum.domain.levels import Level
from hilum.domain.records import MetadataRecord
from hilum.wire.accept import accepts_gzip
from hilum.wire.bodies import BytesResponse, StreamedResponse
from hilum.wire.etags import entity_tag, etag_header, none_match
from hilum.wire.media_types import require_dicom_json
from hilum.wire.metadata_join import GzipJoin, PlainJoin, without_invalid
from hilum.wire.query_parameters import accept_of
from hilum.wire.request_facts import scope_of
from hilum.wire.surfaces import Surface

_VARY: Final = {"vary": "Accept, Accept-Encoding", "cache-control": "private, no-cache"}
_INLINE_BYTES: Final = 128 << 10
"""Text that is joined on the event loop; more goes to a thread."""
_WHOLE_BYTES: Final = 2 << 20
"""Text that is sent whole, with Content-Length; more is streamed, so that memory is bounded."""


@dataclass(frozen=True, slots=True)
class MetadataSender:
    """Answers the metadata routes of one surface."""

    retrieve: Retrieve
    surface: Surface

    async def __call__(self, request: Request, uids: tuple[str, ...], level: Level) -> Response:
        surface = self.surface
        strict = surface.strict_accept
        accept = accept_of(request.scope, request.scope["query_string"], strict=strict)
        # The Azure service looks at Accept before it looks at the UIDs of the path.
        media_type = require_dicom_json(accept, strict=strict)
        scope = scope_of(*uids)
        summary = await self.retrieve.summary(scope)
        tag = entity_tag(summary, level)
        headers = {**_VARY, "etag": etag_header(tag, surface.retrieve)}
        if not none_match(request.headers.get("if-none-match"), tag):
            if not surface.retrieve.quoted_etags:
                del headers["etag"]
            return Response(status_code=304, headers=headers)
        headers["content-type"] = media_type
        pages = self.retrieve.metadata(scope)
        first = await anext(pages, None)
        if first is None:  # deleted since the summary was read
            raise not_held(scope)
        join: GzipJoin | PlainJoin = PlainJoin()
        if accepts_gzip(request.headers.get("accept-encoding")):
            join = GzipJoin()
            headers["content-encoding"] = "gzip"
        if len(first) >= summary.instances and _text_bytes(first) <= _WHOLE_BYTES:
            pieces = [piece async for piece in self._joined(join, first)]
            return BytesResponse([join.start(), *pieces, join.end()], headers)
        return StreamedResponse(self._chunks(join, first, pages), headers)

    async def _chunks(
        self,
        join: GzipJoin | PlainJoin,
        first: Sequence[MetadataRecord],
        pages: AsyncIterator[Sequence[MetadataRecord]],
    ) -> AsyncGenerator[bytes, None]:
        yield join.start()
        async for piece in self._joined(join, first):
            yield piece
        del first
        async for page in pages:
            async for piece in self._joined(join, page):
                yield piece
        yield join.end()

    async def _joined(
        self, join: GzipJoin | PlainJoin, page: Sequence[MetadataRecord]
    ) -> AsyncGenerator[bytes, None]:
        hide = self.surface.retrieve.hides_invalid_attributes
        pieces = join.add(map(without_invalid, page) if hide else page)
        slow = hide and any(record.invalid_tags for record in page)
        if slow or (isinstance(join, PlainJoin) and _text_bytes(page) > _INLINE_BYTES):
            while piece := await asyncio.to_thread(next, pieces, b""):
                yield piece
        else:
            for piece in pieces:
                yield piece


def _text_bytes(page: Sequence[MetadataRecord]) -> int:
    return sum(record.metadata.size_bytes for record in page)
