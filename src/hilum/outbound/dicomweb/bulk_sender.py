"""Bulk data goes out by its place in the stored object (PS3.18 sections 10.4.1.1.5, 10.4.3.3.5)."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from fastapi import Request, Response

from hilum.catalogue.bulk_contents import BulkContent
from hilum.catalogue.bulk_data import BulkData, FoundBulk
from hilum.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from hilum.domain.errors import NoBulkData, ObjectMissing
from hilum.domain.identifiers import Scope
from hilum.imaging.syntaxes import OCTETS
from hilum.outbound.dicomweb.bulk_body import BulkBody
from hilum.outbound.dicomweb.ranged import cut, sent
from hilum.wire.accept import MediaRange
from hilum.wire.base_url import BaseUrl, instance_url
from hilum.wire.bodies import StreamedResponse
from hilum.wire.bulk_choices import (
    BulkForm,
    How,
    Offer,
    bulk_form,
    bulk_path,
    bulk_tag,
    part_offer,
    takes_parts,
)
from hilum.wire.document_choices import safety_headers
from hilum.wire.etags import cache_control, none_match
from hilum.wire.frame_rules import media_type_of
from hilum.wire.multipart_writer import MultipartWriter
from hilum.wire.query_parameters import accept_of, by_accept
from hilum.wire.request_facts import surface_url
from hilum.wire.surfaces import Surface

_OCTETS: Final = (Offer(OCTETS),)
_NATIVE: Final = (Offer(OCTETS, syntax=EXPLICIT_VR_LITTLE_ENDIAN),)


@dataclass(frozen=True, slots=True)
class BulkSender:
    """Answers the routes of a surface that give back bulk data."""

    bulk: BulkData
    surface: Surface
    base_url: BaseUrl
    cache_seconds: float

    async def one(self, request: Request, scope: Scope, written: str) -> Response:
        """Answer with the value at a path."""
        path = bulk_path(written)
        found = await self.bulk.find(scope, path)
        try:
            return await self._answer(request, scope, found)
        except ObjectMissing:
            # A new version or a delete may have come between the two reads.
            again = await self.bulk.find(scope, path)
            if again.record.object_key == found.record.object_key:
                raise
            return await self._answer(request, scope, again)

    async def all_of(self, request: Request, scope: Scope) -> Response:
        """Answer with every value that metadata tells by reference."""
        query, strict = request.scope["query_string"], self.surface.strict_accept
        ranges = takes_parts(accept_of(request.scope, query, strict=strict))
        writer = MultipartWriter()
        headers = {
            "vary": "Accept",
            "cache-control": "private, no-cache",
            "content-type": writer.content_type(OCTETS),
        }
        chunks = self._parts(request, scope, ranges, writer)
        # The first value is opened before the answer begins: what is missing is an error then.
        first = await anext(chunks, b"")
        if not first:
            message = "Nothing here is retrieved as bulk data."
            raise NoBulkData(message)
        if request.method == "HEAD":
            await chunks.aclose()
        return StreamedResponse(chunks, headers, first=first)

    async def _parts(
        self,
        request: Request,
        scope: Scope,
        ranges: Sequence[MediaRange],
        writer: MultipartWriter,
    ) -> AsyncGenerator[bytes, None]:
        is_empty = True
        async with aclosing(self.bulk.all_of(scope)) as values:
            async for found in values:
                offer = part_offer(ranges, _offers(found, decodes=False))
                for content in await self._opened(found, offer):
                    is_empty = False
                    where = [("Content-Location", self._url(request, found))]
                    head = writer.part_head(offer.content_type, where, content.size_bytes)
                    async with aclosing(content.chunks(0, content.size_bytes or 0)) as chunks:
                        yield head + await anext(chunks, b"")
                        async for chunk in chunks:
                            yield chunk
        if not is_empty:
            yield writer.end()

    async def _answer(self, request: Request, scope: Scope, found: FoundBulk) -> Response:
        form = self._form(request, _offers(found, decodes=self.bulk.can_decode(found)))
        location = self._url(request, found)
        tag = bulk_tag(found.dataset_sha256, found.path, form, location)
        headers = {
            "vary": "Accept",
            "cache-control": cache_control(self.cache_seconds),
            "etag": f'"{tag}"',
        }
        if not none_match(request.headers.get("if-none-match"), tag):
            return Response(status_code=304, headers=headers)
        contents = await self._contents(scope, found, form.offer)
        body = BulkBody(contents, form, tag, location)
        if form.offer.media_type == found.media_type:
            headers.update(safety_headers(found.media_type, found.record.uids.sop_instance))
        return await _sent(request, body, headers)

    def _form(self, request: Request, offers: Sequence[Offer]) -> BulkForm:
        strict = self.surface.strict_accept
        return by_accept(request.scope, lambda accept: bulk_form(accept, offers), strict=strict)

    async def _contents(
        self, scope: Scope, found: FoundBulk, offer: Offer
    ) -> Sequence[BulkContent]:
        if offer.how is How.DECODED:
            return [await self.bulk.decode(scope)]
        if offer.how is How.FRAMES:
            return self.bulk.open_all_frames(found)
        return [await self.bulk.open(found)]

    async def _opened(self, found: FoundBulk, offer: Offer) -> Iterable[BulkContent]:
        """What is a part of a longer answer: frames are opened one by one, nothing is decoded."""
        if offer.how is How.FRAMES:
            return self.bulk.open_frames(found)
        return [await self.bulk.open(found)]

    def _url(self, request: Request, found: FoundBulk) -> str:
        base = surface_url(self.base_url, request.scope, self.surface)
        return f"{instance_url(base, found.record.uids)}/bulkdata/{found.path}"


def _offers(found: FoundBulk, *, decodes: bool) -> Sequence[Offer]:
    """Forms of a value, the one first that is given when it is left open."""
    if not found.is_pixel_data:
        if found.media_type in {"", OCTETS}:
            return _OCTETS
        return (*_OCTETS, Offer(found.media_type))
    if not found.is_encapsulated:
        return _NATIVE
    stored = found.record.transfer_syntax_uid
    natural, how, alone = media_type_of(stored), How.VALUE, True
    if found.frames is not None:
        how, alone = How.FRAMES, found.frames.table.number_of_frames == 1
    as_stored = Offer(natural, how, stored, alone=alone)
    octets = Offer(OCTETS, how, stored, alone=alone)
    if not decodes:
        return (as_stored, octets)
    native = Offer(OCTETS, How.DECODED, EXPLICIT_VR_LITTLE_ENDIAN, as_stored=False)
    return (as_stored, native, octets)


async def _sent(request: Request, body: BulkBody, headers: dict[str, str]) -> Response:
    headers["content-type"] = body.content_type
    part = cut(request, headers, body.size_bytes)
    chunks = body.chunks(part.start, part.stop)
    return await sent(request, chunks, headers, part.status, part.size_bytes)
