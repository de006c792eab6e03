"""Instances go out as stored, byte for byte, unless another encoding was asked for."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from fastapi import Request, Response

from hilum.catalogue.instance_syntaxes import Wanted
from hilum.catalogue.retrieve import OpenInstance, Plan, Retrieve
from hilum.domain.identifiers import Scope
from hilum.domain.levels import Level
from hilum.domain.records import InstanceRecord
from hilum.outbound.dicomweb.archives import ArchiveSender
from hilum.wire.base_url import BaseUrl, instance_url
from hilum.wire.bodies import BytesResponse, StreamedResponse
from hilum.wire.editions import REQUEST_ORIGINAL, in_edition
from hilum.wire.etags import cache_control, entity_tag, etag_header, none_match
from hilum.wire.media_types import DICOM, InstanceForm, negotiate_retrieve
from hilum.wire.multipart_writer import MultipartWriter
from hilum.wire.query_parameters import accept_of
from hilum.wire.request_facts import surface_url, warning
from hilum.wire.surfaces import Surface

_VARY: Final = f"Accept, {REQUEST_ORIGINAL}"


@dataclass(frozen=True, slots=True)
class InstanceSender:
    """Answers the routes of one surface that give back instances."""

    retrieve: Retrieve
    surface: Surface
    base_url: BaseUrl
    cache_seconds: float

    async def __call__(self, request: Request, scope: Scope, level: Level) -> Response:
        scope = in_edition(request, scope)
        rules = self.surface.retrieve
        accept = accept_of(request.scope, request.scope["query_string"], strict=rules.strict)
        form = negotiate_retrieve(accept, level=level, rules=rules)
        most = rules.maximum_conversion_bytes
        wanted = Wanted(form.syntaxes, rules.converts_many, most, rules.convertible_syntaxes)
        if form.archive:
            archive = ArchiveSender(self.retrieve, self.surface, self.base_url)
            return await archive(request, scope, wanted)
        if level is not Level.INSTANCE:
            return await self._many(request, scope, form, wanted)
        if rules.quoted_etags and "if-none-match" in request.headers:
            tag = entity_tag(await self.retrieve.summary(scope), level)
            if not none_match(request.headers["if-none-match"], tag):
                return Response(status_code=304, headers=self._cache_headers(tag))
        if request.method == "HEAD":
            return await self._many(request, scope, form, wanted)
        return self._one(request, await self.retrieve.instance(scope, wanted), form)

    def _one(self, request: Request, opened: OpenInstance, form: InstanceForm) -> Response:
        headers = self._cache_headers(str(opened.record.version))
        before = after = b""
        media_type = _media_type(opened.transfer_syntax_uid)
        if form.multipart:
            writer = MultipartWriter()
            headers["content-type"] = writer.content_type(DICOM)
            before = self._head(writer, self._base(request), opened)
            after = writer.end()
        else:
            headers["content-type"] = media_type
        if isinstance(opened.content, bytes):
            return BytesResponse([before, opened.content, after], headers)
        length = opened.size_bytes
        if length is not None:
            length += len(before) + len(after)
        return StreamedResponse(_framed(before, opened, after), headers, length=length)

    async def _many(
        self, request: Request, scope: Scope, form: InstanceForm, wanted: Wanted
    ) -> Response:
        plan = await self.retrieve.plan(scope, wanted)
        headers = {"vary": _VARY, "cache-control": "private, no-cache"}
        if scope.sop_instance is not None:
            headers = self._cache_headers(str(plan.first_page[0].version))
        if not form.multipart:
            return _head_of_one(plan, headers)
        writer = MultipartWriter()
        headers["content-type"] = writer.content_type(DICOM)
        base = self._base(request)
        if plan.left_out:
            text = f"{plan.left_out} instances cannot be given in a transfer syntax that is named."
            headers["warning"] = warning(base, text)
        status = 206 if plan.left_out else 200
        heads = length = None
        if plan.complete and plan.as_stored:
            heads = [
                _part_head(writer, base, record, record.transfer_syntax_uid, record.size_bytes)
                for record in plan.first_page
            ]
            length = sum(map(len, heads)) + len(writer.end())
            length += sum(record.size_bytes for record in plan.first_page)
        chunks = self._parts(plan, writer, base, heads)
        # The first instance is opened before the answer begins: a missing object is an error then.
        first = b"" if request.method == "HEAD" else await anext(chunks)
        return StreamedResponse(chunks, headers, first=first, status_code=status, length=length)

    async def _parts(
        self, plan: Plan, writer: MultipartWriter, base: str, heads: Sequence[bytes] | None
    ) -> AsyncGenerator[bytes, None]:
        number = 0
        async with aclosing(self.retrieve.open_all(plan)) as opened_instances:
            async for opened in opened_instances:
                head = heads[number] if heads else self._head(writer, base, opened)
                number += 1
                yield head
                if isinstance(opened.content, bytes):
                    yield opened.content
                else:
                    async for chunk in opened.content:
                        yield chunk
        yield writer.end()

    def _head(self, writer: MultipartWriter, base: str, opened: OpenInstance) -> bytes:
        syntax, size = opened.transfer_syntax_uid, opened.size_bytes
        return _part_head(writer, base, opened.record, syntax, size)

    def _base(self, request: Request) -> str:
        return surface_url(self.base_url, request.scope, self.surface)

    def _cache_headers(self, tag: str) -> dict[str, str]:
        rules = self.surface.retrieve
        if not rules.quoted_etags:
            return {"vary": _VARY, "cache-control": "private, no-cache"}
        return {
            "vary": _VARY,
            "cache-control": cache_control(self.cache_seconds),
            "etag": etag_header(tag, rules),
        }


async def _framed(before: bytes, opened: OpenInstance, after: bytes) -> AsyncGenerator[bytes, None]:
    if before:
        yield before
    if isinstance(opened.content, bytes):
        yield opened.content
    else:
        async for chunk in opened.content:
            yield chunk
    if after:
        yield after


def _head_of_one(plan: Plan, headers: dict[str, str]) -> Response:
    """The answer to HEAD for a single part."""
    record = plan.first_page[0]
    if not plan.as_stored:
        headers["content-type"] = DICOM
        return Response(headers=headers)
    headers["content-type"] = _media_type(record.transfer_syntax_uid)
    headers["content-length"] = str(record.size_bytes)
    return Response(headers=headers)


def _part_head(
    writer: MultipartWriter, base: str, record: InstanceRecord, syntax: str, size: int | None
) -> bytes:
    location = instance_url(base, record.uids)
    return writer.part_head(_media_type(syntax), [("Content-Location", location)], size)


def _media_type(transfer_syntax_uid: str) -> str:
    return f"{DICOM}; transfer-syntax={transfer_syntax_uid}"
