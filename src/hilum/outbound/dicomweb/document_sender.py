"""Rendered forms of what is no image: documents, reports and video (PS3.18 8.7.4)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from fastapi import Request, Response

from hilum.catalogue.documents import Documents, FoundDocument
from hilum.catalogue.renditions import Rendition
from hilum.domain.identifiers import Scope
from hilum.outbound.dicomweb.ranged import cut, sent
from hilum.wire.document_choices import (
    DocumentForm,
    document_form,
    document_tag,
    safety_headers,
)
from hilum.wire.etags import cache_control, none_match
from hilum.wire.frame_tags import boundary_of
from hilum.wire.multipart_writer import MultipartWriter
from hilum.wire.query_parameters import by_accept


@dataclass(frozen=True, slots=True)
class DocumentResponder:
    """Answers for instances that are not drawn, on the surface that renders such."""

    documents: Documents
    cache_seconds: float

    async def __call__(self, request: Request, scope: Scope) -> Response | None:
        """Answer with a rendered form; None when the instance has none of this kind."""
        found = await self.documents.find(scope)
        if found is None:
            return None
        form = _form(request, found)
        tag = document_tag(found.dataset_sha256, form)
        headers = {
            "vary": "Accept",
            "cache-control": cache_control(self.cache_seconds),
            "etag": f'"{tag}"',
        }
        if not none_match(request.headers.get("if-none-match"), tag):
            return Response(status_code=304, headers=headers)
        rendition = await self.documents.open(found, form.media_type)
        headers.update(safety_headers(form.media_type, found.record.uids.sop_instance))
        if form.multipart:
            return await _parted(request, rendition, form, tag, headers)
        headers["content-type"] = form.content_type
        return await _alone(request, rendition, headers)


def _form(request: Request, found: FoundDocument) -> DocumentForm:
    ours = found.is_written_here
    return by_accept(
        request.scope,
        lambda accept: document_form(accept, found.media_types, is_written_here=ours),
        strict=False,
    )


async def _alone(request: Request, rendition: Rendition, headers: dict[str, str]) -> Response:
    size = rendition.size_bytes
    start, stop, status = cut(request, headers, size)
    stop = size if stop is None else stop
    chunks = rendition.chunks(start, stop)
    return await sent(request, chunks, headers, status, stop - start)


async def _parted(
    request: Request,
    rendition: Rendition,
    form: DocumentForm,
    tag: str,
    headers: dict[str, str],
) -> Response:
    writer = MultipartWriter(boundary_of(tag))
    headers["content-type"] = writer.content_type(form.media_type)
    head = writer.part_head(form.content_type, [], rendition.size_bytes)
    end = writer.end()

    async def chunks() -> AsyncGenerator[bytes, None]:
        async with aclosing(rendition.chunks(0, rendition.size_bytes)) as content:
            first = await anext(content, b"")
            yield head + first
            async for chunk in content:
                yield chunk
        yield end

    size = len(head) + rendition.size_bytes + len(end)
    return await sent(request, chunks(), headers, 200, size)
