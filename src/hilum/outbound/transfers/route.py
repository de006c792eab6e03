"""POST /export (Azure DICOM service, section 11)."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from hilum.domain.errors import MalformedBody
from hilum.operations.transfers.asking import Transfers
from hilum.wire.azure_json import json_body, read_fields
from hilum.wire.base_url import BaseUrl
from hilum.wire.operation_answers import accepted
from hilum.wire.request_facts import partition_of
from hilum.wire.surfaces import Surface
from hilum.wire.transfer_places import read_place
from hilum.wire.transfer_requests import asker_of

_TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}
_IDENTIFIERS: Final = "identifiers"
_PLACE: Final = {
    "type": "object",
    "required": ["type", "settings"],
    "properties": {
        "type": {"type": "string", "enum": ["azureblob", "s3", "gcs", "folder"]},
        "settings": {
            "type": "object",
            "description": "azureblob: blobContainerUri, or connectionString and blobContainerName;"
            " s3: bucket, accessKeyId, secretAccessKey, sessionToken, region, endpoint; gcs:"
            " bucket, serviceAccountKey; folder: path. All but folder: useManagedIdentity instead"
            " of credentials. Each: prefix.",
        },
    },
}
_SOURCE: Final = {
    "type": "object",
    "required": ["type", "settings"],
    "properties": {
        "type": {"type": "string", "enum": [_IDENTIFIERS]},
        "settings": {
            "type": "object",
            "required": ["values"],
            "properties": {
                "values": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "string",
                        "description": "study, study/series or study/series/instance",
                    },
                }
            },
        },
    },
}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["source", "destination"],
                    "properties": {"source": _SOURCE, "destination": _PLACE},
                }
            }
        },
    }
}
_BEGUN: Final = {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["id", "href"],
            "properties": {
                "id": {"type": "string"},
                "href": {"type": "string", "format": "uri"},
            },
        }
    }
}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    202: {"description": "The operation has been begun", "content": _BEGUN},
    400: {"description": "The request is not valid, or the place not allowed", "content": _TEXT},
    401: {"description": "Credentials are missing or not valid"},
    403: {"description": "The scope is not granted"},
    404: {"description": "Export is off here (`export.enabled`)", "content": _TEXT},
    413: {"description": "Too long, or too many identifiers", "content": _TEXT},
    415: {"description": "The body is no JSON by its Content-Type", "content": _TEXT},
    503: {"description": "The archive cannot do this now; try again", "content": _TEXT},
}


def export_router(
    transfers: Transfers, surface: Surface, *, base_url: BaseUrl, request_bytes: int
) -> APIRouter:
    """`/export`, relative to the prefix of a surface."""
    router = APIRouter(tags=[f"{surface.prefix} export"])

    @router.post(
        "/export",
        summary="Export studies, series and instances",
        status_code=202,
        response_class=Response,
        responses=_ANSWERS,
        openapi_extra=_BODY,
    )
    async def export(request: Request) -> Response:
        body = await json_body(request, setting="export.request_bytes", allowed=request_bytes)
        fields = read_fields(body)
        source = fields.object("source")
        settings = None if source is None else source.object("settings")
        if (
            source is None
            or settings is None
            or (source.text("type") or "").lower() != (_IDENTIFIERS)
        ):
            message = "source should have the type identifiers, and settings with values."
            raise MalformedBody(message)
        place, secrets = read_place(fields.object("destination"), "destination")
        record = await transfers.ask_export(
            settings.texts("values") or (),
            place,
            secrets,
            partition_of(request),
            asker_of(request),
        )
        return accepted(request, base_url, surface, record.job_id)

    return router
