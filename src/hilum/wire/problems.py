"""Error answers: problem details on the product's own routes (RFC 9457), text on DICOMweb."""

from datetime import datetime
from typing import Final

import orjson
from starlette.responses import Response

from hilum.foundation.clock import SystemClock
from hilum.wire.dicomweb_errors import error_text
from hilum.wire.faults import Fault, fault_of
from hilum.wire.surfaces import Surface

PROBLEM_JSON: Final = "application/problem+json"


def error_response(
    error: Exception, *, dicomweb: bool, correlation_id: str, surface: Surface | None = None
) -> Response:
    """Render any exception; one that is no fact of ours tells nothing of the inside.

    `surface` is the DICOMweb surface asked, where that is known.
    """
    fault = fault_of(error, dicomweb=dicomweb)
    if dicomweb:
        text = error_text(fault, correlation_id=correlation_id, surface=surface)
        media_type = "text/plain" if text else None
        return Response(text, fault.status, dict(fault.headers), media_type)
    return Response(
        problem(fault, correlation_id=correlation_id, at=SystemClock().now()),
        fault.status,
        dict(fault.headers),
        PROBLEM_JSON,
    )


def problem(fault: Fault, *, correlation_id: str, at: datetime) -> bytes:
    """Return the problem details of `fault`, as JSON.

    `instance` names this one occurrence: it is the correlation id, which a support request should
    carry.
    """
    members: dict[str, object] = {
        "type": f"/problems/{fault.code}",
        "title": fault.title,
        "status": fault.status,
        "detail": fault.detail,
        "instance": correlation_id,
        "correlation_id": correlation_id,
        "timestamp": at.isoformat(timespec="milliseconds"),
    }
    if fault.errors:
        members["errors"] = [
            {"where": entry.where, "reason": entry.reason} for entry in fault.errors
        ]
    return orjson.dumps(members)
