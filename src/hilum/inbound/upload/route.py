"""`POST /upload`."""

from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hilum.domain.origins import Door
from hilum.inbound.upload.form import FormLimits, boundary_of_form, read_form
from hilum.submissions.receiving import Received, Receiving
from hilum.wire.base_url import BaseUrl, path_of
from hilum.wire.form_data import FORM_DATA
from hilum.wire.request_facts import origin_of

_DESCRIPTION: Final = """
Any number of files, in parts of any name: DICOM files, data sets without preamble, zip files of
them. They are answered with 202 and a `study_id` as soon as they are on stable storage, before
anything but their first bytes was looked at; `status_url` tells what becomes of them, `events_url`
does so while it happens. Parts without a file name are ignored.

Sending the same again makes another submission; what the archive holds already is not kept twice.
"""
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM_DATA: {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "array", "items": {"type": "string", "format": "binary"}}
                    },
                }
            }
        },
    }
}
_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "integer"}
_ACCEPTED: Final = {
    "type": "object",
    "properties": {
        "study_id": {"type": "string", "format": "uuid"},
        "status": {"const": "accepted"},
        "message": _TEXT,
        "files": _NUMBER,
        "bytes": _NUMBER,
        "status_url": _TEXT,
        "events_url": _TEXT,
    },
}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "description": "The files are on stable storage and will be validated.",
        "content": {"application/json": {"schema": _ACCEPTED}},
    },
    400: {"description": "A form that cannot be read, or that has no file."},
    413: {"description": "A file, the form or the number of files is over its limit."},
    415: {"description": f"No {FORM_DATA}, or a file whose name ends as it must not."},
    422: {"description": "By its first bytes no file can be DICOM or zip."},
    503: {"description": "Nothing can be kept now; Retry-After says when to come back."},
    507: {"description": "The disk is full, or what was refused of uploads fills the quarantine."},
}


def upload_router(
    receiving: Receiving, limits: FormLimits | None = None, *, base_url: BaseUrl | None = None
) -> APIRouter:
    """The route; it needs a caller who may write."""
    router = APIRouter(tags=["Upload"])
    form_limits = limits or FormLimits()
    base = base_url or BaseUrl()

    @router.post(
        "/upload",
        summary="Hand in files that are validated, then archived",
        description=_DESCRIPTION,
        status_code=202,
        response_class=Response,
        responses=_RESPONSES,
        openapi_extra=_BODY,
    )
    async def upload(request: Request) -> Response:
        boundary = boundary_of_form(request.headers, form_limits)
        async with receiving.begin(origin_of(request, Door.UPLOAD)) as reception:
            await read_form(request.stream(), boundary, form_limits, reception)
            received = await reception.accept()
        return _accepted(received, path_of(base(request.scope)).rstrip("/"))

    return router


def _accepted(received: Received, prefix: str) -> Response:
    status_url = f"{prefix}/status/{received.study_id}"
    files = "1 file was" if received.files == 1 else f"{received.files} files were"
    body = {
        "study_id": received.study_id,
        "status": "accepted",
        "message": f"{files} received and will be validated.",
        "files": received.files,
        "bytes": received.size_bytes,
        "status_url": status_url,
        "events_url": f"{status_url}/events",
    }
    return Response(orjson.dumps(body), 202, {"Location": status_url}, "application/json")
