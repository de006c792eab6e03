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
from hilum.outbound.dicomweb.ranged import JOINED_BYTES, Cut, cut, sent
from hilum.wire.base_url import BaseUrl, instance_url
from hilum.wire.bodies import BytesResponse
from hilum.wire.etags import cache_control, none_match
from hilum.wire.frame_choices import frame_forms, frame_wishes
from hilum.wire.frame_list import frame_numbers
from hilum.wire.frame_tags import frame_tag
from hilum.wire.query_parameters import by_accept
from hilum.wire.request_facts import surface_url
from hilum.wire.surfaces import Surface

_FAILURES = (FramesUnknown, PixelsNotDecodable, PixelLimitExceeded)


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
        """The Accept that counts."""
        rules = self.surface.frames

        def checked(accept: str | None) -> str | None:
            frame_wishes(accept, rules)
            return accept

        return by_accept(request.scope, checked, strict=rules.strict)

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
        length = body.size_bytes
        part = Cut(0, length, 200)
        if self.surface.frames.validates:
            part = cut(request, headers, length)
        size = part.size_bytes
        is_short = size is not None and size <= JOINED_BYTES
        if is_short and size == length and request.method != "HEAD":
            return BytesResponse(await body.whole(), headers, part.status)
        chunks = body.chunks(part.start, part.stop)
        return await sent(request, chunks, headers, part.status, size)

    def _headers(self, tag: str) -> dict[str, str]:
        if not self.surface.frames.validates:
            return {"vary": "Accept", "cache-control": "private, no-cache"}
        return {
            "vary": "Accept",
            "cache-control": cache_control(self.cache_seconds),
            "etag": f'"{tag}"',
        }

    def _urls(self, request: Request, found: FoundFrames) -> Sequence[str]:
        base = surface_url(self.base_url, request.scope, self.surface)
        of_instance = instance_url(base, found.record.uids)
        return [f"{of_instance}/frames/{frame + 1}" for frame in found.frames]
