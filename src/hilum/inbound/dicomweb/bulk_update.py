"""`POST /studies/$bulkUpdate`: other values for whole studies (Azure DICOM service, section 10)."""

from typing import Any, Final

import orjson
from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from hilum.domain.origins import Door
from hilum.operations.updating.attributes import ChangesRefused
from hilum.operations.updating.request import RequestUpdate
from hilum.wire.azure_json import json_body, read_fields
from hilum.wire.base_url import BaseUrl
from hilum.wire.media_types import DICOM_JSON
from hilum.wire.operation_answers import accepted
from hilum.wire.request_facts import origin_of, partition_of
from hilum.wire.surfaces import Surface

_PATH: Final = "/studies/$bulkUpdate"
_SETTING: Final = "http.command_bytes"
_FAILED_ATTRIBUTES_SEQUENCE: Final = "00741048"
_ERROR_COMMENT: Final = "00000902"

_DESCRIPTION: Final = """
Gives every instance of the studies other values for attributes of patient and study: a study
changes as a whole, or not at all. What was there before the first update is kept
(`msdicom-request-original`). The answer names the operation, which tells of the progress.
"""
_ACCEPTED_SCHEMA: Final = {
    "type": "object",
    "required": ["id", "href"],
    "properties": {"id": {"type": "string"}, "href": {"type": "string", "format": "uri"}},
}
_TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "description": "The update will be done.",
        "content": {"application/json": {"schema": _ACCEPTED_SCHEMA}},
    },
    400: {
        "description": "The request is not valid. Where attributes are refused, a data set says "
        "which: (0074,1048) with an (0000,0902) for each.",
        "content": {**_TEXT, DICOM_JSON: {"schema": {"type": "object"}}},
    },
    409: {"description": "Another update is active.", "content": _TEXT},
    413: {"description": "The body is over its limit.", "content": _TEXT},
    415: {"description": "The body is no application/json.", "content": _TEXT},
    503: {"description": "The archive can note nothing now.", "content": _TEXT},
}


def bulk_update_router(
    request_update: RequestUpdate,
    surface: Surface,
    *,
    base_url: BaseUrl | None = None,
    command_bytes: int = 65_536,
) -> APIRouter:
    """Return the route, relative to the surface's prefix. `command_bytes`: the longest body."""
    router = APIRouter(tags=[f"{surface.prefix} store"])
    base = base_url or BaseUrl()

    @router.post(
        _PATH,
        summary="Update studies",
        description=_DESCRIPTION,
        status_code=202,
        response_class=Response,
        responses=_RESPONSES,
        openapi_extra=_request(request_update.studies),
        name=f"{surface.name}-bulk_update",
    )
    async def bulk_update(request: Request) -> Response:
        fields = read_fields(await json_body(request, setting=_SETTING, allowed=command_bytes))
        studies, dataset = fields.texts("studyInstanceUids"), fields.mapping("changeDataset")
        origin = origin_of(request, Door.UPDATE)
        try:
            job = await request_update(studies, dataset, partition_of(request), origin)
        except ChangesRefused as refused:
            return _refused(refused)
        # As that service does, which names the operation in the body only.
        return accepted(request, base, surface, job.job_id, with_location=False)

    return router


def no_bulk_update_router(surface: Surface) -> APIRouter:
    """The same path where it is not offered: 404, though `/studies/{study}` takes POST there."""
    router = APIRouter()

    @router.post(_PATH, include_in_schema=False, name=f"{surface.name}-no_bulk_update")
    async def no_bulk_update() -> Response:
        raise HTTPException(404)

    return router


def _refused(refused: ChangesRefused) -> Response:
    items = [{_ERROR_COMMENT: {"vr": "LO", "Value": [text]}} for text in refused.comments]
    told = {_FAILED_ATTRIBUTES_SEQUENCE: {"vr": "SQ", "Value": items}}
    return Response(orjson.dumps(told), status_code=400, media_type=DICOM_JSON)


def _request(studies: int) -> dict[str, Any]:
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["studyInstanceUids", "changeDataset"],
                        "properties": {
                            "studyInstanceUids": {
                                "type": "array",
                                "items": {"type": "string", "maxLength": 64},
                                "minItems": 1,
                                "maxItems": studies,
                            },
                            "changeDataset": {
                                "type": "object",
                                "description": "DICOM JSON (PS3.18 F.2) with the new values.",
                                "minProperties": 1,
                                "additionalProperties": True,
                            },
                        },
                    },
                    "example": {
                        "studyInstanceUids": ["1.2.3.4"],
                        "changeDataset": {
                            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "New^Name"}]}
                        },
                    },
                }
            },
        }
    }
