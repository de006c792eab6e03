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
_JOINED_AT_ONCE: Final = 16
"""Records whose text is inflated on the event loop; more of them go to a thread."""


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
        if len(first) >= summary.instances:
            return BytesResponse(
                [join.start(), await self._joined(join, first), join.end()], headers
            )
        return StreamedResponse(self._chunks(join, first, pages), headers)

    async def _chunks(
        self,
        join: GzipJoin | PlainJoin,
        first: Sequence[MetadataRecord],
        pages: AsyncIterator[Sequence[MetadataRecord]],
    ) -> AsyncGenerator[bytes, None]:
        yield join.start() + await self._joined(join, first)
        async for page in pages:
            yield await self._joined(join, page)
        yield join.end()

    async def _joined(self, join: GzipJoin | PlainJoin, page: Sequence[MetadataRecord]) -> bytes:
        hide = self.surface.retrieve.hides_invalid_attributes
        slow = hide and any(record.invalid_tags for record in page)
        if slow or (isinstance(join, PlainJoin) and len(page) > _JOINED_AT_ONCE):
            return await asyncio.to_thread(_join, join, page, hide=hide)
        return _join(join, page, hide=hide)


def _join(join: GzipJoin | PlainJoin, page: Sequence[MetadataRecord], *, hide: bool) -> bytes:
    return join.add([without_invalid(record) for record in page] if hide else page)
