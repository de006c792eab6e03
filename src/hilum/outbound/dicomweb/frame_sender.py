"""Frames go out by their place in the stored object, unless another encoding was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request, Response

from hilum.catalogue.frame_pieces import FoundFrames
from hilum.catalogue.frames import Frames
from hilum.dicom.frames import FramesUnknown
from hilum.domain.errors import (
    NotAcceptable,
    ObjectMissing,
    PixelLimitExceeded,
    PixelsNotDecodable,
)
from hilum.domain.identifiers import Scope
from hilum.outbound.dicomweb.frame_body import FrameBody
from hilum.wire.base_url import BaseUrl, instance_url
from hilum.wire.bodies import BytesResponse, StreamedResponse
from hilum.wire.byte_ranges import requested_range
from hilum.wire.etags import cache_control, none_match
from hilum.wire.frame_choices import frame_forms, frame_wishes
from hilum.wire.frame_list import frame_numbers
from hilum.wire.frame_tags import frame_tag
from hilum.wire.query_parameters import accept_of
from hilum.wire.surfaces import Surface

_FAILURES = (FramesUnknown, PixelsNotDecodable, PixelLimitExceeded)
_JOINED_BYTES = 4 << 20
"""Bodies up to this size are read before they are sent, which is faster."""


@dataclass(frozen=True, slots=True)
class FrameSender:
    """Answers the route of one surface that gives back frames."""

    frames: Frames
    surface: Surface
    base_url: BaseUrl
    cache_seconds: float

    async def __call__(self, request: Request, scope: Scope, text: str) -> Response:
        numbers = frame_numbers(text)
        accept = self._accept(request)
        try:
            found = await self.frames.find(scope, numbers)
            try:
                return await self._answer(request, found, accept)
            except ObjectMissing:
                # A new version or a delete may have come between the two reads.
                again = await self.frames.find(scope, numbers)
                if again.record.object_key == found.record.object_key:
                    raise
                return await self._answer(request, again, accept)
        except _FAILURES as error:
            if not self.surface.frames.failure_is_406:
                raise
            raise NotAcceptable(str(error)) from error

    def _accept(self, request: Request) -> str | None:
        """The Accept that counts: the parameter, unless nothing it names is offered."""
        rules = self.surface.frames
        header = accept_of(request.scope, b"", strict=rules.strict)
        accept = accept_of(request.scope, request.scope["query_string"], strict=rules.strict)
        try:
            frame_wishes(accept, rules)
        except NotAcceptable:
            # Viewers append parameters of their own to every URL: `accept=image/jhc` is one.
            if accept == header:
                raise
            frame_wishes(header, rules)
            return header
        return accept

    async def _answer(self, request: Request, found: FoundFrames, accept: str | None) -> Response:
        rules = self.surface.frames
        stored, count = found.record.transfer_syntax_uid, len(found.frames)
        forms = frame_forms(accept, stored=stored, frames=count, rules=rules)
        tag = frame_tag(found.dataset_sha256, stored, found.frames, forms)
        headers = self._headers(tag)
        if rules.validates and not none_match(request.headers.get("if-none-match"), tag):
            return Response(status_code=304, headers=headers)
        most = self.surface.retrieve.maximum_conversion_bytes
        plan = await self.frames.plan(found, [form.syntax for form in forms], most)
        body = FrameBody(plan.frames, forms[plan.choice], tag, self._urls(request, found))
        return await self._sent(request, body, headers)

    async def _sent(self, request: Request, body: FrameBody, headers: dict[str, str]) -> Response:
        headers["content-type"] = body.content_type
        length, status = body.size_bytes, 200
        start, stop = 0, length
        if length is not None and self.surface.frames.validates:
            headers["accept-ranges"] = "bytes"
            asked = request.headers
            part = requested_range(
                asked.get("range"), asked.get("if-range"), headers["etag"], length
            )
            if part is not None:
                status, (start, stop) = 206, part
                headers["content-range"] = part.content_range(length)
        size = None if stop is None else stop - start
        is_joined = size is not None and size <= _JOINED_BYTES and request.method != "HEAD"
        if is_joined and size == length:
            return BytesResponse(await body.whole(), headers, status)
        chunks = body.chunks(start, stop)
        if is_joined:
            return BytesResponse([chunk async for chunk in chunks], headers, status)
        if request.method == "HEAD":
            return StreamedResponse(chunks, headers, status_code=status, length=size)
        # The first frame is opened before the answer begins: a missing object is an error then.
        first = await anext(chunks)
        return StreamedResponse(chunks, headers, first=first, status_code=status, length=size)

    def _headers(self, tag: str) -> dict[str, str]:
        if not self.surface.frames.validates:
            return {"vary": "Accept", "cache-control": "private, no-cache"}
        return {
            "vary": "Accept",
            "cache-control": cache_control(self.cache_seconds),
            "etag": f'"{tag}"',
        }

    def _urls(self, request: Request, found: FoundFrames) -> Sequence[str]:
        base = self.base_url(request.scope) + self.surface.prefix
        of_instance = instance_url(base, found.record.uids)
        return [f"{of_instance}/frames/{frame + 1}" for frame in found.frames]
