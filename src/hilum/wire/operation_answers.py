"""Operations as the Azure DICOM service tells of them, and the answer that begins one."""

from datetime import datetime
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hilum.domain.jobs import JobId, JobKind, JobRecord, JobState
from hilum.wire.base_url import BaseUrl
from hilum.wire.request_facts import surface_url
from hilum.wire.surfaces import Surface

RETRY_AFTER_SECONDS: Final = 2
"""When it is worth looking again whether an operation has ended."""
_PARTITIONS: Final = "/partitions/"
_JSON: Final = "application/json"


def operations_base(request: Request, base_url: BaseUrl, surface: Surface) -> str:
    """URL of the surface as the client named it; operations belong to no partition."""
    return surface_url(base_url, request.scope, surface).partition(_PARTITIONS)[0]


def operation_href(base: str, job_id: JobId) -> str:
    """Where an operation is looked at; `base` as `operations_base` tells it."""
    return f"{base}/operations/{job_id}"


def accepted(
    request: Request,
    base_url: BaseUrl,
    surface: Surface,
    job_id: JobId,
    *,
    with_location: bool = True,
) -> Response:
    """202 with id and href of what was begun (Azure DICOM service, sections 8 to 11)."""
    href = operation_href(operations_base(request, base_url, surface), job_id)
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    if with_location:
        headers["Location"] = href
    body = orjson.dumps({"id": job_id, "href": href})
    return Response(body, status_code=202, headers=headers, media_type=_JSON)


def operation_answer(
    request: Request, base_url: BaseUrl, surface: Surface, record: JobRecord
) -> Response:
    """How far it is: 202 while it is not over, then 200 (Azure DICOM service, section 9)."""
    base = operations_base(request, base_url, surface)
    body = orjson.dumps(operation_document(record, surface, base))
    headers = {"Cache-Control": "no-store"}
    if record.state.has_ended:
        return Response(body, headers=headers, media_type=_JSON)
    headers["Location"] = operation_href(base, record.job_id)
    headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return Response(body, status_code=202, headers=headers, media_type=_JSON)


def operation_document(record: JobRecord, surface: Surface, base: str) -> dict[str, Any]:
    """The operation in words of the surface's version."""
    document: dict[str, Any] = {
        "operationId": record.job_id,
        "type": record.kind.value,
        "createdTime": utc_text(record.created),
        "lastUpdatedTime": utc_text(record.changed),
        "status": _status(record.state, surface),
        "percentComplete": percent_complete(record),
    }
    if resources := _resources(record, base):
        document["resources"] = resources
    if record.progress.results:
        document["results"] = dict(record.progress.results)
    if record.state is JobState.FAILED:
        document["error"] = record.error
    return document


def percent_complete(record: JobRecord) -> int:
    """100 at a good end, whatever was counted."""
    return 100 if record.state is JobState.SUCCEEDED else record.progress.percent


def utc_text(moment: datetime) -> str:
    """ISO 8601 with a Z."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _status(state: JobState, surface: Surface) -> str:
    return surface.operation_succeeded if state is JobState.SUCCEEDED else state.value


def _resources(record: JobRecord, base: str) -> list[str]:
    """Of a re-index: its tags, which the request names as `paths`."""
    if record.kind is not JobKind.REINDEX:
        return []
    return [f"{base}/extendedquerytags/{path}" for path in record.request.get("paths", ())]
