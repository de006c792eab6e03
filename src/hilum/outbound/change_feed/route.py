"""`GET /changefeed` and `GET /changefeed/latest` of the surfaces that follow the Azure service."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hilum.outbound.change_feed.sender import ChangeSender
from hilum.ports.change_feed import Change, ChangeFeed
from hilum.wire.change_feed_document import ChangeWriter
from hilum.wire.change_feed_query import (
    FeedRequest,
    FeedRules,
    feed_rules,
    read_feed_request,
    read_latest_request,
)
from hilum.wire.surfaces import Surface

_V1: Final = """
What happened to instances, oldest first: at most `limit` entries whose `sequence` is greater than
`offset`. To follow the feed keep the last `sequence` and give it as the next `offset`.
"""
_V2: Final = """
What happened to instances, oldest first: of the entries from `startTime` on and before `endTime`
at most `limit`, after the first `offset` of them. To follow the feed ask for windows back to back,
and within a window raise `offset` by `limit` until a page is short. A window that has ended is
complete: nothing appears in it later.
"""
_LATEST: Final = "The newest entry; 204 when nothing ever happened."


def change_feed_router(changes: ChangeFeed, surface: Surface, write: ChangeWriter) -> APIRouter:
    """The two routes of a surface, relative to its prefix; they belong to no partition."""
    router = APIRouter(tags=[f"{surface.prefix} change feed"])
    rules = feed_rules(surface)
    send = ChangeSender(changes, write)

    @router.get(
        "/changefeed",
        summary="What happened, in order",
        description=_V2 if rules.by_time else _V1,
        response_class=Response,
        responses=_answers({"type": "array", "items": _ENTRY}),
        openapi_extra={"parameters": [*_parameters(rules), _WITH_METADATA]},
    )
    async def read(request: Request) -> Response:
        wanted = read_feed_request(request.scope["query_string"], rules)
        entries = await _page(changes, wanted, rules)
        if not wanted.with_metadata:
            return send.plain(entries)
        return await send.with_metadata(request, entries)

    @router.get(
        "/changefeed/latest",
        summary="What happened last",
        description=_LATEST,
        response_class=Response,
        responses={**_answers(_ENTRY), 204: {"description": "Nothing ever happened here"}},
        openapi_extra={"parameters": [_WITH_METADATA]},
    )
    async def latest(request: Request) -> Response:
        with_metadata = read_latest_request(request.scope["query_string"])
        entry = await changes.latest()
        if entry is None:
            return Response(status_code=204)
        if not with_metadata:
            return send.one(entry)
        return await send.with_metadata(request, [entry], alone=True)

    return router


async def _page(changes: ChangeFeed, wanted: FeedRequest, rules: FeedRules) -> Sequence[Change]:
    if rules.by_time:
        return await changes.within(wanted.window, wanted.offset, wanted.limit)
    return await changes.after(wanted.offset, wanted.limit)


_TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}
_UID: Final = {"type": "string", "maxLength": 64}
_ENTRY: Final[dict[str, Any]] = {
    "type": "object",
    "required": [
        "sequence", "studyInstanceUid", "seriesInstanceUid", "sopInstanceUid", "action",
        "timestamp", "state",
    ],
    "properties": {
        "sequence": {"type": "integer", "format": "int64", "minimum": 1},
        "partitionName": {"type": "string", "description": "Where there are data partitions"},
        "studyInstanceUid": _UID,
        "seriesInstanceUid": _UID,
        "sopInstanceUid": _UID,
        "action": {
            "type": "string",
            "enum": ["Create", "Update", "Delete", "create", "update", "delete"],
            "description": "Capital or not: the setting `change_feed.spelling`",
        },
        "timestamp": {"type": "string", "format": "date-time"},
        "state": {
            "type": "string",
            "enum": ["Current", "Replaced", "Deleted", "current", "replaced", "deleted"],
            "description": "Of the version that the entry is about, when this was read",
        },
        "metadata": {
            "type": "object",
            "description": "DICOM JSON (PS3.18 annex F) of the version that is held now",
        },
    },
}  # fmt: skip


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
    }


_WITH_METADATA: Final = _parameter(
    "includeMetadata",
    "Whether entries have `metadata`",
    {"type": "boolean", "default": True},
)


def _parameters(rules: FeedRules) -> list[dict[str, Any]]:
    number = {"type": "integer", "format": "int64", "minimum": 0, "default": 0}
    limit = {
        "type": "integer",
        "minimum": 1,
        "maximum": rules.maximum_limit,
        "default": rules.default_limit,
    }
    told = [_parameter("limit", "How many entries at most", limit)]
    if not rules.by_time:
        return [_parameter("offset", "Entries after this `sequence`", number), *told]
    time = {"type": "string", "format": "date-time"}
    return [
        _parameter("startTime", "From then on; with a zone. Without: from the start", time),
        _parameter("endTime", "Before then, later than `startTime`; with a zone", time),
        _parameter("offset", "How many entries of the window to pass over", number),
        *told,
    ]


def _answers(schema: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"description": "Entries", "content": {"application/json": {"schema": schema}}},
        400: {"description": "A parameter is not valid", "content": _TEXT},
        401: {"description": "Credentials are missing or not valid", "content": _TEXT},
        403: {"description": "The scope is not granted", "content": _TEXT},
        503: {"description": "The archive cannot do this now; try again", "content": _TEXT},
    }
