"""Operations as clients of the Azure DICOM service look at them."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from hilum.domain.jobs import JobKind, JobState, parse_job_id
from hilum.operations.looking import Operations
from hilum.wire.base_url import BaseUrl
from hilum.wire.operation_answers import operation_answer
from hilum.wire.surfaces import Surface

_TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}
_MOMENT: Final = {"type": "string", "format": "date-time"}
_DOCUMENT: Final = {
    "type": "object",
    "required": [
        "operationId", "type", "createdTime", "lastUpdatedTime", "status", "percentComplete",
    ],
    "properties": {
        "operationId": {"type": "string", "description": "32 hexadecimal digits"},
        "type": {"type": "string", "enum": list(JobKind)},
        "createdTime": _MOMENT,
        "lastUpdatedTime": _MOMENT,
        "status": {"type": "string", "enum": [*JobState, "completed"]},
        "percentComplete": {"type": "integer", "minimum": 0, "maximum": 100},
        "resources": {"type": "array", "items": {"type": "string", "format": "uri"}},
        "results": {"type": "object"},
        "error": {"type": "string", "description": "Why it failed"},
    },
}  # fmt: skip
_CONTENT: Final = {"application/json": {"schema": _DOCUMENT}}
_RETRY: Final = {
    "Retry-After": {"description": "Seconds", "schema": {"type": "integer"}},
    "Location": {"description": "Where to look again", "schema": {"type": "string"}},
}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "It has ended, as `status` says", "content": _CONTENT},
    202: {"description": "It has not ended", "content": _CONTENT, "headers": _RETRY},
    400: {"description": "Not the id of an operation", "content": _TEXT},
    401: {"description": "Credentials are missing or not valid"},
    403: {"description": "The scope is not granted"},
    404: {"description": "There is no such operation", "content": _TEXT},
    503: {"description": "The archive cannot do this now; try again", "content": _TEXT},
}


def operations_router(operations: Operations, surface: Surface, *, base_url: BaseUrl) -> APIRouter:
    """`/operations/{id}`, relative to the prefix of a surface."""
    router = APIRouter(tags=[f"{surface.prefix} operations"])

    @router.get(
        "/operations/{operation}",
        summary="How far an operation is",
        response_class=Response,
        responses=_ANSWERS,
    )
    async def show(request: Request, operation: str) -> Response:
        record = await operations.show(parse_job_id(operation))
        return operation_answer(request, base_url, surface, record)

    return router
