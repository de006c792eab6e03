"""Metadata goes out as it is stored: compressed, joined, never rebuilt."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from fastapi import Request, Response

from hilum.catalogue.not_held import not_held
from hilum.catalogue.retrieve import Retrieve
from hilum.dicom.bulk_table import holds_inline
from hilum.domain.external_metadata import ExternalAttribute
from hilum.domain.identifiers import Scope
from hilum.domain.levels import Level
from hilum.domain.records import MetadataRecord
from hilum.ports.external_metadata import ReadsExternalMetadata
from hilum.wire.accept import accepts_gzip
from hilum.wire.base_url import BaseUrl, path_of
from hilum.wire.bodies import BytesResponse, StreamedResponse
from hilum.wire.bulk_telling import BulkURIs, BulkUrls, reduced
from hilum.wire.dataset_forms import negotiate_datasets
from hilum.wire.editions import REQUEST_ORIGINAL, in_edition, tag_of_edition
from hilum.wire.etags import entity_tag, etag_header, none_match
from hilum.wire.external_metadata import (
    REQUEST_META,
    record_with_external,
    tag_with_external,
    wants_external,
)
from hilum.wire.metadata_join import GzipJoin, PlainJoin
from hilum.wire.query_parameters import accept_of
from hilum.wire.request_facts import scope_of, surface_url
from hilum.wire.surfaces import Surface
from hilum.wire.xml_join import XmlJoin

_Join: TypeAlias = GzipJoin | PlainJoin | XmlJoin

_VARY: Final = {
    "vary": f"Accept, Accept-Encoding, {REQUEST_ORIGINAL}",
    "cache-control": "private, no-cache",
}
_INLINE_BYTES: Final = 128 << 10
"""Text that is joined on the event loop; more goes to a thread."""
_INLINE_TABLE_BYTES: Final = 32 << 10
"""Tables of bulk data that are read on the event loop, likewise."""
_WHOLE_BYTES: Final = 2 << 20
"""Text that is sent whole, with Content-Length; more is streamed, so that memory is bounded."""


@dataclass(frozen=True, slots=True)
class MetadataSender:
    """Answers the metadata routes of one surface."""

    retrieve: Retrieve
    surface: Surface
    base_url: BaseUrl
    bulk_uris: BulkURIs = BulkURIs.ABSOLUTE
    external: ReadsExternalMetadata | None = None

    async def __call__(self, request: Request, uids: tuple[str, ...], level: Level) -> Response:
        surface = self.surface
        strict = surface.strict_accept
        accept = accept_of(request.scope, request.scope["query_string"], strict=strict)
        # The Azure service looks at Accept before it looks at the UIDs of the path.
        form = negotiate_datasets(
            accept,
            strict=strict,
            offers_xml=surface.offers_xml,
            single=level is Level.INSTANCE,
        )
        scope = in_edition(request, scope_of(request, *uids))
        summary = await self.retrieve.summary(scope)
        urls = self._urls(request)
        tag = tag_of_edition(entity_tag(summary, level), scope)
        if urls is not None:
            # Another address in the text is another text.
            tag = f"{tag}-{zlib.crc32(urls.base.encode()):x}"
        if form.xml:
            tag = f"{tag}-xml"
        headers = dict(_VARY)
        said: Sequence[ExternalAttribute] = ()
        if surface.external_metadata:
            headers["vary"] += f", {REQUEST_META}"
            if wants_external(request):
                said = await self._said(scope)
                tag = tag_with_external(tag, said)
        headers["etag"] = etag_header(tag, surface.retrieve)
        if not none_match(request.headers.get("if-none-match"), tag):
            if not surface.retrieve.quoted_etags:
                del headers["etag"]
            return Response(status_code=304, headers=headers)
        pages = self.retrieve.metadata(scope)
        first = await anext(pages, None)
        if first is None:  # deleted since the summary was read
            raise not_held(scope)
        gzip = accepts_gzip(request.headers.get("accept-encoding"))
        if gzip:
            headers["content-encoding"] = "gzip"
        join: _Join = GzipJoin(urls) if gzip else PlainJoin(urls)
        headers["content-type"] = form.media_type
        if form.xml:
            join = XmlJoin(urls, form, gzip=gzip)
            headers["content-type"] = join.content_type
        if len(first) >= summary.instances and _text_bytes(first) <= _WHOLE_BYTES:
            pieces = [piece async for piece in self._joined(join, first, said)]
            return BytesResponse([join.start(), *pieces, join.end()], headers)
        return StreamedResponse(self._chunks(join, first, pages, said), headers)

    async def _chunks(
        self,
        join: _Join,
        first: Sequence[MetadataRecord],
        pages: AsyncIterator[Sequence[MetadataRecord]],
        said: Sequence[ExternalAttribute],
    ) -> AsyncGenerator[bytes, None]:
        if start := join.start():
            yield start
        async for piece in self._joined(join, first, said):
            yield piece
        del first
        async for page in pages:
            async for piece in self._joined(join, page, said):
                yield piece
        if end := join.end():
            yield end

    async def _joined(
        self,
        join: _Join,
        page: Sequence[MetadataRecord],
        said: Sequence[ExternalAttribute],
    ) -> AsyncGenerator[bytes, None]:
        rules = self.surface.retrieve
        reduces = not rules.tells_bulk_data
        shown = partial(reduced, hides_invalid=rules.hides_invalid_attributes)
        records = map(shown, page) if reduces else page
        if said:
            records = map(partial(record_with_external, attributes=said), records)
        pieces = join.add(records)
        if reduces:
            slow = any(record.invalid_tags or holds_inline(record.bulk_table) for record in page)
        else:
            slow = sum(len(record.bulk_table) for record in page) > _INLINE_TABLE_BYTES
        slow |= isinstance(join, XmlJoin) or bool(said)
        if slow or (isinstance(join, PlainJoin) and _text_bytes(page) > _INLINE_BYTES):
            while piece := await asyncio.to_thread(next, pieces, b""):
                yield piece
        else:
            for piece in pieces:
                yield piece

    async def _said(self, scope: Scope) -> Sequence[ExternalAttribute]:
        if self.external is None:
            return ()
        found = await self.external.of_studies(scope.partition, [scope.study])
        return found.get(scope.study, ())

    def _urls(self, request: Request) -> BulkUrls | None:
        if not self.surface.retrieve.tells_bulk_data:
            return None
        base = surface_url(self.base_url, request.scope, self.surface)
        if self.bulk_uris is BulkURIs.PATH:
            base = path_of(base)
        return BulkUrls(base)


def _text_bytes(page: Sequence[MetadataRecord]) -> int:
    return sum(record.size_bytes for record in page)
