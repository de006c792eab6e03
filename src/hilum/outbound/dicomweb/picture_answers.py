"""What all answers with pictures have in common."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from fastapi import Request, Response

from hilum.domain.presentation import PictureType
from hilum.wire.base_url import BaseUrl
from hilum.wire.bodies import BytesResponse, StreamedResponse
from hilum.wire.etags import cache_control, none_match
from hilum.wire.frame_tags import boundary_of
from hilum.wire.multipart_writer import MultipartWriter
from hilum.wire.query_parameters import by_accept
from hilum.wire.rendered_choices import RenderedForm, rendered_form
from hilum.wire.request_facts import surface_url
from hilum.wire.surfaces import Surface


@dataclass(frozen=True, slots=True)
class PartOfAnswer:
    """One picture, or a text in place of one that could not be made."""

    location: str
    picture: bytes | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class PictureAnswers:
    """Negotiation, headers and bodies of pictures on one surface."""

    surface: Surface
    base_url: BaseUrl
    cache_seconds: float

    def form(self, request: Request, *, alone: bool) -> RenderedForm:
        """The form that counts: the parameter's, unless nothing it names is offered.

        Raises `NotAcceptable`.
        """
        rules = self.surface.rendered
        return by_accept(
            request.scope,
            lambda accept: rendered_form(accept, alone=alone, rules=rules),
            strict=rules.strict,
        )

    def base(self, request: Request) -> str:
        """Base URL of the surface."""
        return surface_url(self.base_url, request.scope, self.surface)

    def headers(self, tag: str) -> dict[str, str]:
        """What every answer has, 304 too."""
        if not self.surface.rendered.validates:
            return {"vary": "Accept", "cache-control": "private, no-cache"}
        return {
            "vary": "Accept",
            "cache-control": cache_control(self.cache_seconds),
            "etag": f'"{tag}"',
        }

    def unchanged(self, request: Request, tag: str) -> Response | None:
        """304 for who has the pictures already."""
        if not self.surface.rendered.validates:
            return None
        if none_match(request.headers.get("if-none-match"), tag):
            return None
        return Response(status_code=304, headers=self.headers(tag))

    def about(
        self, tag: str, form: RenderedForm, location: str = "", *, digest: str = ""
    ) -> Response:
        """The answer to HEAD: nothing is drawn for it, so the length is not told."""
        return StreamedResponse(_nothing(), self._typed(tag, form, location, digest))

    def one(self, tag: str, form: RenderedForm, location: str, picture: bytes) -> Response:
        """An answer with one picture."""
        headers = self._typed(tag, form, location)
        if not form.multipart:
            return BytesResponse([picture], headers)
        writer = MultipartWriter(boundary_of(tag))
        head = _head(writer, form.picture, PartOfAnswer(location, picture), picture)
        return BytesResponse([head, picture, writer.end()], headers)

    async def many(
        self,
        tag: str,
        form: RenderedForm,
        parts: AsyncGenerator[PartOfAnswer, None],
        *,
        warning: str = "",
        digest: str = "",
    ) -> Response:
        """An answer with a part for each picture; with a warning it is not complete.

        The first picture is made before the answer begins: what fails, fails with a status.
        `digest` is of the data sets, for a boundary that cannot stand inside of them, when the tag
        does not follow from those.
        """
        headers = self._typed(tag, form, "", digest)
        if warning:
            headers["warning"] = warning
        body = self._body(boundary_of(tag + digest), form, parts)
        return StreamedResponse(
            body, headers, first=await anext(body), status_code=206 if warning else 200
        )

    async def _body(
        self, boundary: str, form: RenderedForm, parts: AsyncGenerator[PartOfAnswer, None]
    ) -> AsyncGenerator[bytes, None]:
        writer = MultipartWriter(boundary)
        async with aclosing(parts):
            async for part in parts:
                content = part.text.encode() if part.picture is None else part.picture
                yield _head(writer, form.picture, part, content)
                yield content
        yield writer.end()

    def _typed(
        self, tag: str, form: RenderedForm, location: str, digest: str = ""
    ) -> dict[str, str]:
        headers = self.headers(tag)
        headers["content-type"] = str(form.picture)
        if form.multipart:
            writer = MultipartWriter(boundary_of(tag + digest))
            headers["content-type"] = writer.content_type(form.picture)
        elif location:
            headers["content-location"] = location
        return headers


def _head(
    writer: MultipartWriter, picture: PictureType, part: PartOfAnswer, content: bytes
) -> bytes:
    media_type = "text/plain; charset=utf-8" if part.picture is None else str(picture)
    return writer.part_head(media_type, [("Content-Location", part.location)], len(content))


async def _nothing() -> AsyncGenerator[bytes, None]:
    nothing: tuple[bytes, ...] = ()
    for piece in nothing:
        yield piece
