"""Extended query tags as clients of the Azure DICOM service manage them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request, Response

from hilum.catalogue.partitions import Partitions
from hilum.desk.parameters import whole_number
from hilum.domain.extended_tags import EXTENDED_VRS, TagStatus
from hilum.domain.identifiers import PartitionKey
from hilum.domain.jobs import JobActive
from hilum.domain.origins import Door
from hilum.operations.extended_tags.managing import ManageExtendedTags
from hilum.wire.azure_json import json_body
from hilum.wire.base_url import BaseUrl
from hilum.wire.extended_tag_documents import (
    error_document,
    read_asked,
    read_query_status,
    tag_document,
)
from hilum.wire.operation_answers import accepted, operation_href, operations_base
from hilum.wire.request_facts import origin_of
from hilum.wire.surfaces import Surface

_DEFAULT_LIMIT: Final = 100
_MAXIMUM_LIMIT: Final = 200
_LARGEST: Final = 2**31 - 1
_BODY_SETTING: Final = "http.command_bytes"

_TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}
_LEVEL: Final = {"type": "string", "enum": ["study", "series", "instance"]}
_COUNTED: Final = {
    "type": "object",
    "properties": {"count": {"type": "integer"}, "href": {"type": "string", "format": "uri"}},
}
_OPERATION: Final = {
    "type": "object",
    "required": ["id", "href"],
    "properties": {"id": {"type": "string"}, "href": {"type": "string", "format": "uri"}},
}
_TAG: Final = {
    "type": "object",
    "required": ["path", "vr", "level", "status", "queryStatus"],
    "properties": {
        "path": {"type": "string", "description": "8 hexadecimal digits"},
        "vr": {"type": "string", "enum": sorted(EXTENDED_VRS)},
        "privateCreator": {"type": "string"},
        "level": _LEVEL,
        "status": {"type": "string", "enum": list(TagStatus)},
        "queryStatus": {"type": "string", "enum": ["enabled", "disabled"]},
        "errors": _COUNTED,
        "operation": _OPERATION,
    },
}
_ERROR: Final = {
    "type": "object",
    "properties": {
        "partitionName": {"type": "string"},
        "studyInstanceUid": {"type": "string"},
        "seriesInstanceUid": {"type": "string"},
        "sopInstanceUid": {"type": "string"},
        "createdTime": {"type": "string", "format": "date-time"},
        "errorMessage": {"type": "string"},
    },
}
_ASKED: Final = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["path", "level"],
        "properties": {
            "path": {"type": "string", "description": "A keyword, or 8 hexadecimal digits"},
            "vr": {"type": "string", "description": "Required of private attributes"},
            "privateCreator": {"type": "string", "description": "Required of private attributes"},
            "level": {"type": "string", "description": "Study, Series or Instance"},
        },
    },
}
_STATUS: Final = {
    "type": "object",
    "required": ["queryStatus"],
    "properties": {"queryStatus": {"type": "string", "description": "Enabled or Disabled"}},
}
Responses = dict[int | str, dict[str, Any]]
_REFUSALS: Final[Responses] = {
    400: {"description": "The request is not valid; the text says why", "content": _TEXT},
    401: {"description": "Credentials are missing or not valid"},
    403: {"description": "The scope is not granted"},
    503: {"description": "The archive cannot do this now; try again", "content": _TEXT},
}
_NOT_FOUND: Final[Responses] = {
    404: {"description": "There is no such extended query tag", "content": _TEXT}
}
_BODIES: Final[Responses] = {
    413: {"description": "The body is too long", "content": _TEXT},
    415: {"description": "The body is no application/json", "content": _TEXT},
}


def _json(description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _array(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema}


def _body(schema: Mapping[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def _number(name: str, least: int, most: int, default: int) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": least, "maximum": most, "default": default}
    return {"name": name, "in": "query", "required": False, "schema": schema}


_PAGED: Final[dict[str, Any]] = {
    "parameters": [
        _number("limit", 1, _MAXIMUM_LIMIT, _DEFAULT_LIMIT),
        _number("offset", 0, _LARGEST, 0),
    ]
}
_ACCEPTED: Final[Responses] = {
    202: {
        **_json("What is held is being indexed by this operation", _OPERATION),
        "headers": {"Location": {"schema": {"type": "string"}}},
    },
    409: {
        "description": "One is there already, there are too many, or an operation is active, which "
        "Location names",
        "content": _TEXT,
    },
}


def extended_tags_router(
    manage: ManageExtendedTags, surface: Surface, partitions: Partitions, *, base_url: BaseUrl
) -> APIRouter:
    """What may be read, relative to the prefix of a surface."""
    router = APIRouter(tags=[f"{surface.prefix} extended query tags"])

    @router.get(
        "/extendedquerytags",
        summary="What can be searched by besides the usual",
        response_class=Response,
        responses={200: _json("Extended query tags", _array(_TAG)), **_REFUSALS},
        openapi_extra=_PAGED,
    )
    async def list_tags(request: Request) -> Response:
        base = operations_base(request, base_url, surface)
        tags = await manage.page(*_page(request))
        return _answer([tag_document(tag, base) for tag in tags])

    @router.get(
        "/extendedquerytags/{tag}",
        summary="One extended query tag",
        response_class=Response,
        responses={200: _json("The tag", _TAG), **_REFUSALS, **_NOT_FOUND},
    )
    async def show_tag(request: Request, tag: str) -> Response:
        base = operations_base(request, base_url, surface)
        return _answer(tag_document(await manage.show(tag), base))

    @router.get(
        "/extendedquerytags/{tag}/errors",
        summary="Instances that could not be indexed by it",
        response_class=Response,
        responses={200: _json("Errors", _array(_ERROR)), **_REFUSALS, **_NOT_FOUND},
        openapi_extra=_PAGED,
    )
    async def list_errors(request: Request, tag: str) -> Response:
        errors = await manage.errors(tag, *_page(request))
        names = await _names(partitions) if errors else None
        return _answer(
            [
                error_document(error, None if names is None else names.get(error.partition))
                for error in errors
            ]
        )

    return router


def extended_tags_manage_router(
    manage: ManageExtendedTags, surface: Surface, *, base_url: BaseUrl, command_bytes: int
) -> APIRouter:
    """What changes them. `command_bytes`: the longest body."""
    router = APIRouter(tags=[f"{surface.prefix} extended query tags"])
    answers = _Answers(surface, base_url)

    @router.post(
        "/extendedquerytags",
        summary="Index by further attributes",
        response_class=Response,
        responses={**_ACCEPTED, **_REFUSALS, **_BODIES},
        openapi_extra=_body(_ASKED),
    )
    async def add_tags(request: Request) -> Response:
        body = await json_body(request, setting=_BODY_SETTING, allowed=command_bytes)
        try:
            job_id = await manage.add(read_asked(body), origin_of(request, Door.STOW))
        except JobActive as active:
            return answers.active(request, active)
        return accepted(request, base_url, surface, job_id)

    @router.patch(
        "/extendedquerytags/{tag}",
        summary="Allow queries by it, or not",
        response_class=Response,
        responses={200: _json("The tag", _TAG), **_REFUSALS, **_NOT_FOUND, **_BODIES},
        openapi_extra=_body(_STATUS),
    )
    async def change_tag(request: Request, tag: str) -> Response:
        body = await json_body(request, setting=_BODY_SETTING, allowed=command_bytes)
        changed = await manage.enable(tag, enabled=read_query_status(body))
        return _answer(tag_document(changed, operations_base(request, base_url, surface)))

    @router.delete(
        "/extendedquerytags/{tag}",
        summary="Index by it no more",
        status_code=204,
        response_class=Response,
        responses={**_REFUSALS, **_NOT_FOUND},
    )
    async def delete_tag(tag: str) -> Response:
        await manage.delete(tag)
        return Response(status_code=204)

    return router


@dataclass(frozen=True, slots=True)
class _Answers:
    surface: Surface
    base_url: BaseUrl

    def active(self, request: Request, active: JobActive) -> Response:
        """409 that names the operation which has to end before."""
        base = operations_base(request, self.base_url, self.surface)
        headers = {"Location": operation_href(base, active.job_id)}
        return Response(str(active), 409, headers, "text/plain")


def _page(request: Request) -> tuple[int, int]:
    return (
        whole_number(request, "limit", _DEFAULT_LIMIT, 1, _MAXIMUM_LIMIT),
        whole_number(request, "offset", 0, 0, _LARGEST),
    )


async def _names(partitions: Partitions) -> Mapping[PartitionKey, str] | None:
    """Names of partitions by key; None where there is but the one."""
    if not partitions.enabled:
        return None
    return {each.key: each.name for each in await partitions.all()}


def _answer(document: object) -> Response:
    return Response(
        orjson.dumps(document),
        headers={"Cache-Control": "no-store"},
        media_type="application/json",
    )
